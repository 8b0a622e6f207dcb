"""Checks a zoo against its card: hashes, row counts, finite values, architectures."""

from collections.abc import Iterator

import torch
from safetensors import safe_open

from ngcore.errors import ZooError
from ngcore.files import reading, sha256_of_file
from ngcore.zoo.card import METADATA_FILE, REMEDY
from ngcore.zoo.metadata import metadata_problems, read_metadata
from ngcore.zoo.storage import Zoo


def find_problems(zoo: Zoo) -> list[str]:
    """All problems found, each one sentence that names its file; an empty list means that the zoo is whole."""
    try:
        return list(_file_problems(zoo)) or [*_metadata_problems(zoo), *_tensor_problems(zoo)]
    except ZooError as error:
        return [str(error)]


def _file_problems(zoo: Zoo) -> Iterator[str]:
    for name, expected_hash in sorted(zoo.card["files"].items()):
        path = zoo.folder / name
        if not path.is_file():
            yield f"{name}: expected a file, got none."
        elif (found := sha256_of_file(path)) != expected_hash:
            yield f"{name}: expected sha256 {expected_hash[:12]}…, got {found[:12]}…; the file is damaged."


def _metadata_problems(zoo: Zoo) -> Iterator[str]:
    table = read_metadata(zoo.folder / METADATA_FILE)
    for problem in metadata_problems(table, len(zoo), zoo.card["architectures"]):
        yield f"{METADATA_FILE}: {problem}."


def _tensor_problems(zoo: Zoo) -> Iterator[str]:
    table = read_metadata(zoo.folder / METADATA_FILE)
    counts = table["architecture"].value_counts() if "architecture" in table.columns else {}
    for key, architecture in zoo.architectures.items():
        path = zoo.tensor_path(key)
        try:
            with reading(path, ZooError, remedy=REMEDY), safe_open(path, framework="pt") as tensors:
                yield from _stack_problems(path.name, tensors, architecture.parameter_shapes, int(counts.get(key, 0)))
        except ZooError as error:
            yield f"{path.name}: {error}"


def _stack_problems(name: str, tensors: safe_open, shapes: dict[str, tuple[int, ...]], count: int) -> Iterator[str]:
    if set(tensors.keys()) != shapes.keys():
        yield f"{name}: expected the tensors {sorted(shapes)}, got {sorted(tensors.keys())}."
        return
    for parameter, shape in shapes.items():
        tensor = tensors.get_tensor(parameter)
        if tuple(tensor.shape) != (count, *shape):
            yield f"{name}: expected {parameter!r} of shape {(count, *shape)}, got {tuple(tensor.shape)}."
        elif not torch.isfinite(tensor).all():
            yield f"{name}: expected finite numbers in {parameter!r}, got NaN or infinity."
