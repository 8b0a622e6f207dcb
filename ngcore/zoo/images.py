"""The real image sets that networks are trained on: read from local files, or fetched once and cached."""

import contextlib
import dataclasses
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import SupportsIndex

import numpy as np
from jaxtyping import UInt8

from ngcore.disk_cache import read_arrays, write_arrays
from ngcore.errors import DataError, UnknownNameError
from ngcore.files import reading, sha256_of_file
from ngcore.paths import cache_folder

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}
IMAGE_SHAPES: dict[str, tuple[int, ...]] = {"mnist": (28, 28), "fashion-mnist": (28, 28), "cifar10": (32, 32, 3)}
LOCAL_FILES: dict[str, tuple[str, ...]] = {
    "mnist": ("mnist.npz",),
    "fashion-mnist": ("fashion_mnist.npz",),
    "cifar10": ("cifar10-train.parquet", "cifar10-test.parquet"),
}
OPENML_NAMES = {"mnist": "mnist_784", "fashion-mnist": "Fashion-MNIST", "cifar10": "CIFAR_10"}
NUM_TEST = 10_000  # in all three sets the last 10,000 images of the fetched table are the test set
ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images with labels, in a training and a test part.

    An image's index counts through the training images first, then through the test images.

    Attributes:
        name: Key of `CLASS_NAMES`.
        train_images: uint8 (images, height, width) or (images, height, width, 3).
        train_labels: int64 (images,).
        test_images: As `train_images`.
        test_labels: As `train_labels`.
        class_names: Meaning of the labels.
        note: What readers of results should know about these copies; empty if nothing.
    """

    name: str
    train_images: UInt8[np.ndarray, "..."]
    train_labels: np.ndarray
    test_images: UInt8[np.ndarray, "..."]
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.train_images) + len(self.test_images)

    def __repr__(self) -> str:
        return f"ImageSet({self.name}: {len(self.train_images)} + {len(self.test_images)} images)"

    def images(self, indices: Iterable[SupportsIndex]) -> UInt8[np.ndarray, "..."]:
        """The images of these indices."""
        return _pick(self.train_images, self.test_images, np.array([int(index) for index in indices], dtype=np.int64))

    def labels(self, indices: Iterable[SupportsIndex]) -> np.ndarray:
        """The labels of these indices."""
        return _pick(self.train_labels, self.test_labels, np.array([int(index) for index in indices], dtype=np.int64))

    @cached_property
    def hash(self) -> str:
        """The sha256 of all images and labels."""
        digest = hashlib.sha256()
        for array in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def fetch_images(name: str) -> ImageSet:
    """Read an image set, fetching it once if necessary.

    Looked for in the folder `$NGCORE_DATA` (`mnist.npz`, `fashion_mnist.npz`, `cifar10-train.parquet` and
    `cifar10-test.parquet`), then in the cache, then fetched from OpenML into the cache.

    Args:
        name: "mnist", "fashion-mnist" or "cifar10".

    Raises:
        UnknownNameError: If the name is none of these.
        DataError: If the set is not available, or its file is not as expected.
    """
    if name not in CLASS_NAMES:
        raise UnknownNameError("image set", name, CLASS_NAMES)
    local = _local_files(name)
    if local is None:
        return _cached(name, f"{name}.npz", lambda: _fetch(name))
    if name == "cifar10":
        key = hashlib.sha256("".join(map(sha256_of_file, local)).encode()).hexdigest()[:12]
        note = "decoded from a JPEG copy of CIFAR-10: slightly lossy"
        return _cached(name, f"{name}-jpeg-{key}.npz", lambda: _decode(local), note=note)
    return _image_set(name, _read_npz(local[0]))


def _local_files(name: str) -> list[Path] | None:
    folder = os.environ.get("NGCORE_DATA")
    if not folder:
        return None
    paths = [Path(folder) / file for file in LOCAL_FILES[name]]
    return paths if all(path.is_file() for path in paths) else None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with reading(path, DataError, remedy=f"put one there that holds {', '.join(ARRAYS)}"), path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        return {key: file[key] for key in ARRAYS}


def _cached(name: str, file_name: str, make: Callable[[], dict[str, np.ndarray]], *, note: str = "") -> ImageSet:
    """The image set that the cache holds; where it holds none, or a damaged one, the one that is made."""
    path = cache_folder() / "images" / file_name
    arrays = read_arrays(path)
    if set(ARRAYS) <= arrays.keys():
        with contextlib.suppress(DataError):
            return _image_set(name, arrays, note)
    arrays = make()
    found = _image_set(name, arrays, note)
    write_arrays(path, arrays, compress=False)
    return found


def _decode(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Decode parquet files with the columns `image` (bytes of a picture) and `label`, training set first."""
    import pyarrow.parquet
    from PIL import Image

    arrays: dict[str, np.ndarray] = {}
    for part, path in zip(("train", "test"), paths, strict=True):
        try:
            table = pyarrow.parquet.read_table(path, columns=["image", "label"])
            pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in table["image"].to_pylist()]
            arrays[f"x_{part}"] = np.stack([np.asarray(picture) for picture in pictures])
            arrays[f"y_{part}"] = table["label"].to_numpy().astype(np.int64)
        except (ValueError, OSError) as error:  # pyarrow's and Pillow's own errors are of these kinds
            raise DataError(f"Expected the columns 'image' (pictures) and 'label' in {path}, got: {error}.") from error
    return arrays


def _fetch(name: str) -> dict[str, np.ndarray]:
    from sklearn.datasets import fetch_openml

    try:
        home = _writable(cache_folder() / "openml")
        bunch = fetch_openml(OPENML_NAMES[name], version=1, as_frame=False, data_home=home)
    except Exception as error:
        raise DataError(
            f"Could not fetch {name} from OpenML ({error}). Connect to the internet and try again, or set NGCORE_DATA "
            f"to a folder that holds {' and '.join(LOCAL_FILES[name])}."
        ) from error
    images, labels = _to_images(name, np.asarray(bunch.data)), np.asarray(bunch.target).astype(np.int64)
    return {
        "x_train": images[:-NUM_TEST],
        "y_train": labels[:-NUM_TEST],
        "x_test": images[-NUM_TEST:],
        "y_test": labels[-NUM_TEST:],
    }


def _writable(folder: Path) -> str:
    """The folder, or a temporary one where nothing can be written there."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return str(folder) if os.access(folder, os.W_OK) else tempfile.mkdtemp()


def _to_images(name: str, rows: np.ndarray) -> np.ndarray:
    """Rows of pixels as images; colours come as three planes one after another."""
    shape, rows = IMAGE_SHAPES[name], rows.astype(np.uint8)
    if len(shape) == 2:
        return rows.reshape(-1, *shape)
    return np.ascontiguousarray(rows.reshape(-1, shape[2], *shape[:2]).transpose(0, 2, 3, 1))


def _image_set(name: str, arrays: dict[str, np.ndarray], note: str = "") -> ImageSet:
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if images.dtype != np.uint8 or images.shape[1:] != IMAGE_SHAPES[name] or len(images) != len(labels):
            raise DataError(
                f"Expected uint8 {part} images of shape {IMAGE_SHAPES[name]} for {name}, a label for each, "
                f"got {images.dtype} {images.shape} and {len(labels)} labels."
            )
    train_labels, test_labels = arrays["y_train"].astype(np.int64), arrays["y_test"].astype(np.int64)
    return ImageSet(name, arrays["x_train"], train_labels, arrays["x_test"], test_labels, CLASS_NAMES[name], note)


def _pick(first: np.ndarray, second: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Rows of the concatenation of two arrays, without making it."""
    picked = np.empty((len(indices), *first.shape[1:]), dtype=first.dtype)
    is_first = indices < len(first)
    picked[is_first], picked[~is_first] = first[indices[is_first]], second[indices[~is_first] - len(first)]
    return picked
