"""Builds zoos of SIRENs, one fitted to each image of a set."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ngcore.errors import UnknownNameError, ZooError
from ngcore.inr import SIREN_OUTPUT_OFFSET, FitConfig, block_size, fit_sirens
from ngcore.locks import only_one
from ngcore.networks import Architecture, Network, siren
from ngcore.workers import THIS_PROCESS, Workers
from ngcore.zoo.images import CLASS_NAMES, ImageSet, fetch_images
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.parts import Part, Progress, write_parts
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

PSNR_FLOOR = 15.0  # dB; below it a network hardly shows its image
NETWORKS_PER_PART = 256


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
class _Range:
    """Networks that are fitted and written together: images `first` … `stop` − 1, all of one split."""

    split: str
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


@dataclasses.dataclass(frozen=True)
class _Fit:
    """What all networks of a zoo are fitted to, and how."""

    name: str
    images: ImageSet
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
    workers: Workers = THIS_PROCESS,
    networks_per_part: int | None = None,
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
        workers: Who fits, each part with one thread.
        networks_per_part: How many networks are fitted, and then written, at a time; `None` means 256, or
            `block_size(device)` if that is more.
        progress: Called with the networks done and the networks in all, at the start and after every part.
        images: The image set to use; `None` fetches the zoo's own.

    Raises:
        UnknownNameError: If the name is in no registry.
        ZooError: If the counts exceed the image set, or the folder belongs to another recipe or
            holds a larger zoo.
        InUseError: If another build is running in the folder.
        WorkerError: If the workers fail.
        DataError: If the images cannot be had.
    """
    if name not in INR_ZOOS:
        raise UnknownNameError("INR zoo", name, INR_ZOOS)
    spec = INR_ZOOS[name]
    images = images or fetch_images(spec.image_set)
    size = networks_per_part or max(NETWORKS_PER_PART, block_size(device))
    ranges = list(_cut(_split_ranges(spec, images, count), size))
    fit = _Fit(name, images, spec.architecture, config or FitConfig(), seed, device, compiled)
    parts = [_part(name, indices) for indices in ranges]
    with only_one(Path(folder), f"a build of {name}"):
        writer = ZooWriter(folder, name=name, recipe=_recipe(spec, fit))
        write_parts(writer, parts, _fit_part, shared=functools.partial(_same, fit), workers=workers, progress=progress)
        return writer.finish([part.key for part in parts], _card_fields(spec, images, ranges))


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


def _cut(ranges: dict[str, range], size: int) -> Iterator[_Range]:
    """Ranges that begin and end at multiples of `size`, or where a split does."""
    for split, indices in ranges.items():
        first = indices.start
        while first < indices.stop:
            stop = min((first // size + 1) * size, indices.stop)
            yield _Range(split, first, stop)
            first = stop


def _recipe(spec: InrZooSpec, fit: _Fit) -> dict[str, Any]:
    return {
        "kind": "inr",
        "image_set": fit.images.name,
        "image_sha256": fit.images.hash,
        "num_validation": spec.num_validation,
        "layer_sizes": spec.layer_sizes,
        "fit": dataclasses.asdict(fit.config),
        "seed": fit.seed,
        "device": fit.device,
        "compiled": fit.compiled,
    }


def _card_fields(spec: InrZooSpec, images: ImageSet, ranges: Sequence[_Range]) -> dict[str, Any]:
    counts = {split: sum(len(indices) for indices in ranges if indices.split == split) for split in SPLITS}
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


def _part(name: str, indices: _Range) -> Part[_Range]:
    return Part(
        key=f"{indices.first:06d}-{indices.stop:06d}",
        ids=[_network_id(name, index) for index in range(indices.first, indices.stop)],
        size=len(indices),
        item=indices,
    )


def _same(fit: _Fit) -> _Fit:
    """All that a process needs in order to fit is what it is sent."""
    return fit


def _fit_part(fit: _Fit, part: _Range) -> list[tuple[Network, list[dict[str, Any]]]]:
    """The networks of a part with their rows of metadata."""
    aligned = _align(part, len(fit.images), block_size(fit.device))
    result = fit_sirens(
        torch.from_numpy(fit.images.images(aligned)).float() / 255,
        fit.config,
        architecture=fit.architecture,
        first_index=aligned.start,
        seed=fit.seed,
        device=fit.device,
        compiled=fit.compiled,
    )
    wanted = slice(part.first - aligned.start, part.stop - aligned.start)
    return [(result.network[wanted].to("cpu"), _rows(fit, part, result.psnr[wanted].tolist()))]


def _align(part: _Range, num_images: int, size: int) -> range:
    """The whole blocks that a part lies in: fitted alone, a piece of a block may differ in the last bits."""
    first, stop = part.first // size * size, -(-part.stop // size) * size
    return range(first, min(stop, num_images))


def _rows(fit: _Fit, part: _Range, psnr: Sequence[float]) -> list[dict[str, Any]]:
    labels = fit.images.labels(range(part.first, part.stop))
    return [
        {
            "id": _network_id(fit.name, part.first + i),
            "split": part.split,
            "label": int(labels[i]),
            "image": part.first + i,
            "psnr": psnr[i],
            "flagged": not psnr[i] >= PSNR_FLOOR,
        }
        for i in range(len(part))
    ]
