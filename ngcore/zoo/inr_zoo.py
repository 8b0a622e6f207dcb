"""Builds zoos of SIRENs, one fitted to each image of a set."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ngcore.errors import UnknownNameError, ZooError
from ngcore.inr import BLOCK_SIZE, SIREN_OUTPUT_OFFSET, FitConfig, fit_sirens
from ngcore.locks import only_one
from ngcore.networks import Architecture, Network, siren
from ngcore.zoo.images import CLASS_NAMES, ImageSet, fetch_images
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

PSNR_FLOOR = 15.0  # dB; below it a network hardly shows its image
NETWORKS_PER_PART = 256

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class InrZooSpec:
    """What a zoo of SIRENs consists of.

    Attributes:
        image_set: The images, one network each; see `fetch_images`.
        layer_sizes: Layer sizes of the SIREN; two coordinates in, one grey value or three colours out.
        num_validation: This many training images, from the end, are the validation split.
    """

    image_set: str
    layer_sizes: tuple[int, ...]
    num_validation: int = 5_000

    @property
    def architecture(self) -> Architecture:
        """The architecture of all networks of the zoo."""
        return siren(self.layer_sizes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Meaning of the labels."""
        return CLASS_NAMES[self.image_set]


INR_ZOOS: dict[str, InrZooSpec] = {
    "mnist-inrs": InrZooSpec(image_set="mnist", layer_sizes=(2, 32, 32, 1)),
    "fashion-mnist-inrs": InrZooSpec(image_set="fashion-mnist", layer_sizes=(2, 32, 32, 1)),
    "cifar10-inrs": InrZooSpec(image_set="cifar10", layer_sizes=(2, 32, 32, 3)),
}


@dataclasses.dataclass(frozen=True)
class _Part:
    """Networks that are fitted and written together: images `first` … `stop` − 1, all of one split."""

    split: str
    first: int
    stop: int

    @property
    def key(self) -> str:
        return f"{self.first:06d}-{self.stop:06d}"

    def __len__(self) -> int:
        return self.stop - self.first


@dataclasses.dataclass(frozen=True)
class _Fit:
    """How all networks of a zoo are fitted."""

    architecture: Architecture
    config: FitConfig
    seed: int
    device: str
    compiled: bool


def build_inr_zoo(
    name: str,
    folder: Path | str,
    *,
    count: int | Sequence[int] | None = None,
    config: FitConfig | None = None,
    seed: int = 0,
    device: str = "cpu",
    compiled: bool = True,
    workers: int = 1,
    networks_per_part: int = NETWORKS_PER_PART,
    progress: Progress | None = None,
    images: ImageSet | None = None,
) -> Zoo:
    """Fit one SIREN to each image and store them as a zoo.

    The network of image i depends on the image, i and the recipe alone: neither the number of workers nor the size of
    the parts, nor a stop and another start, changes a bit of it. A larger build extends a smaller one: in the same
    folder, networks that are there already are not fitted again.

    Args:
        name: Key of `INR_ZOOS`.
        folder: Where the zoo will be.
        count: Networks per split (train, validation, test), the first images of each; one number n means n training
            networks and a tenth of it for each other split; `None` means all images.
        config: How to fit; `None` means the default recipe.
        seed: Seed of the start parameters and pixel draws.
        device: Where to fit.
        compiled: Compile the fit; much faster from some hundred networks on, and different in the last bits.
        workers: Processes, each with one thread; 1 fits in this process.
        networks_per_part: How many networks are fitted, and then written, at a time.
        progress: Called after each part with the numbers of networks done and in total.
        images: The image set to use; `None` fetches the zoo's own.

    Raises:
        UnknownNameError: If the name is in no registry.
        ZooError: If the counts exceed the image set, or the folder belongs to another recipe or
            holds a larger zoo.
        InUseError: If another build is running in the folder.
        DataError: If the images cannot be had.
    """
    if name not in INR_ZOOS:
        raise UnknownNameError("INR zoo", name, INR_ZOOS)
    spec = INR_ZOOS[name]
    images = images or fetch_images(spec.image_set)
    parts = list(_cut(_split_ranges(spec, images, count), networks_per_part))
    fit = _Fit(spec.architecture, config or FitConfig(), seed, device, compiled)
    with only_one(Path(folder), f"a build of {name}"):
        writer = ZooWriter(folder, name=name, recipe=_recipe(spec, images, fit))
        total = sum(map(len, parts))
        missing = [part for part in parts if not _is_there(writer, part, name)]
        done = total - sum(map(len, missing))
        for part, flat, psnr in _fit_parts(missing, images, fit, workers):
            network = Network.unflatten(spec.architecture, torch.from_numpy(flat))
            writer.write_part(part.key, [(network, _rows(name, part, images, psnr))])
            done += len(part)
            if progress is not None:
                progress(done, total)
        return writer.finish([part.key for part in parts], _card_fields(spec, images, parts))


def _split_ranges(spec: InrZooSpec, images: ImageSet, count: int | Sequence[int] | None) -> dict[str, range]:
    """Image indices of each split, cut to `count`."""
    num_train, num_all = len(images.train_images), len(images)
    bounds = (0, num_train - min(spec.num_validation, num_train), num_train, num_all)
    ranges = [range(first, stop) for first, stop in itertools.pairwise(bounds)]
    if count is None:
        return dict(zip(SPLITS, ranges, strict=True))
    counts = (count, count // 10, count // 10) if isinstance(count, int) else tuple(count)
    sizes = tuple(map(len, ranges))
    if len(counts) != 3 or any(not 0 <= n <= size for n, size in zip(counts, sizes, strict=False)) or not sum(counts):
        raise ZooError(f"Expected at most {sizes} networks for the splits {', '.join(SPLITS)}, got {counts}.")
    return {split: indices[:n] for split, indices, n in zip(SPLITS, ranges, counts, strict=True)}


def _cut(ranges: dict[str, range], size: int) -> Iterator[_Part]:
    """Parts that begin and end at multiples of `size`, or where a split does."""
    for split, indices in ranges.items():
        first = indices.start
        while first < indices.stop:
            stop = min((first // size + 1) * size, indices.stop)
            yield _Part(split, first, stop)
            first = stop


def _recipe(spec: InrZooSpec, images: ImageSet, fit: _Fit) -> dict[str, Any]:
    return {
        "kind": "inr",
        "image_set": images.name,
        "image_sha256": images.hash,
        "num_validation": spec.num_validation,
        "layer_sizes": spec.layer_sizes,
        "fit": dataclasses.asdict(fit.config),
        "seed": fit.seed,
        "device": fit.device,
        "compiled": fit.compiled,
    }


def _card_fields(spec: InrZooSpec, images: ImageSet, parts: Sequence[_Part]) -> dict[str, Any]:
    counts = {split: sum(len(part) for part in parts if part.split == split) for split in SPLITS}
    return {
        "kind": "inr",
        "class_names": spec.class_names,
        "image_set": images.name,
        "image_note": images.note,
        "output_offset": SIREN_OUTPUT_OFFSET,
        "psnr_floor": PSNR_FLOOR,
        "splits": counts,
        "torch": torch.__version__.split("+")[0],
    }


def _network_id(name: str, index: int) -> str:
    return f"{name}/{index:06d}"


def _rows(name: str, part: _Part, images: ImageSet, psnr: np.ndarray) -> list[dict[str, Any]]:
    labels = images.labels(range(part.first, part.stop))
    return [
        {
            "id": _network_id(name, part.first + i),
            "split": part.split,
            "label": int(labels[i]),
            "image": part.first + i,
            "psnr": float(psnr[i]),
            "flagged": not float(psnr[i]) >= PSNR_FLOOR,
        }
        for i in range(len(part))
    ]


def _is_there(writer: ZooWriter, part: _Part, name: str) -> bool:
    ids = [_network_id(name, index) for index in range(part.first, part.stop)]
    return writer.has_part(part.key) or writer.reuse(part.key, ids)


_Fitted = tuple[_Part, Float[np.ndarray, "networks parameters"], Float[np.ndarray, " networks"]]


def _fit_parts(parts: Sequence[_Part], images: ImageSet, fit: _Fit, workers: int) -> Iterator[_Fitted]:
    """Fit the parts, in this process or in several; in whatever order they become ready."""
    jobs = ((part, aligned, images.images(aligned), fit) for part in parts for aligned in [_align(part, len(images))])
    if workers == 1:
        yield from (_fit_part(*job) for job in jobs)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered", pre_dispatch="2 * n_jobs", batch_size=1)
    yield from parallel(delayed(_fit_part)(*job) for job in jobs)


def _align(part: _Part, num_images: int) -> range:
    """The whole blocks that a part lies in: fitted alone, a piece of a block may differ in the last bits."""
    first, stop = part.first // BLOCK_SIZE * BLOCK_SIZE, -(-part.stop // BLOCK_SIZE) * BLOCK_SIZE
    return range(first, min(stop, num_images))


def _fit_part(part: _Part, aligned: range, images: UInt8[np.ndarray, "..."], fit: _Fit) -> _Fitted:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one process a core is faster, and sums do not depend on the number of cores
    try:
        result = fit_sirens(
            torch.from_numpy(images).float() / 255,
            fit.config,
            architecture=fit.architecture,
            first_index=aligned.start,
            seed=fit.seed,
            device=fit.device,
            compiled=fit.compiled,
        )
    finally:
        torch.set_num_threads(threads)
    wanted = slice(part.first - aligned.start, part.stop - aligned.start)
    return part, result.network.flatten()[wanted].numpy(), result.psnr[wanted].cpu().numpy()
