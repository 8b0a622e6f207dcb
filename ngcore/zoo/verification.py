"""Checks a zoo against its card: hashes, row counts, finite values, architectures."""

from collections.abc import Iterator

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from ngcore.errors import NeuralGraphError
from ngcore.files import sha256_of_file
from ngcore.networks import Architecture
from ngcore.zoo.metadata import SPLITS
from ngcore.zoo.storage import METADATA_FILE, Zoo


def find_problems(zoo: Zoo) -> list[str]:
    """All problems found, each one sentence that names its file; an empty list means that the zoo is whole."""
    damaged = list(_file_problems(zoo))
    return damaged or [*_card_problems(zoo), *_metadata_problems(zoo), *_tensor_problems(zoo)]


def _file_problems(zoo: Zoo) -> Iterator[str]:
    expected = {METADATA_FILE, *(zoo.tensor_path(key).name for key in zoo.card["architectures"])}
    if expected != zoo.card["files"].keys():
        yield f"card.json: expected hashes of {sorted(expected)}, got {sorted(zoo.card['files'])}."
    for name, expected_hash in sorted(zoo.card["files"].items()):
        path = zoo.folder / name
        if not path.is_file():
            yield f"{name}: expected a file, got none."
        elif (found := sha256_of_file(path)) != expected_hash:
            yield f"{name}: expected sha256 {expected_hash[:12]}…, got {found[:12]}…; the file is damaged."


def _card_problems(zoo: Zoo) -> Iterator[str]:
    for key, fields in zoo.card["architectures"].items():
        try:
            found = Architecture.from_dict(fields).id
        except NeuralGraphError as error:
            yield f"card.json: architecture {key}: {error}"
            continue
        if found != key:
            yield f"card.json: expected the architecture of id {key}, got one of id {found}."


def _metadata_problems(zoo: Zoo) -> Iterator[str]:
    table = zoo.metadata
    if len(table) != len(zoo):
        yield f"{METADATA_FILE}: expected {len(zoo)} rows, got {len(table)}."
    if not table["id"].is_unique:
        yield f"{METADATA_FILE}: expected an id of its own for every network, got one twice."
    unknown = set(table["split"]) - set(SPLITS)
    if unknown:
        yield f"{METADATA_FILE}: expected the splits {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}."
    for key in sorted(set(table["architecture"]) ^ zoo.card["architectures"].keys()):
        yield f"{METADATA_FILE}: expected the card's architectures, got {key} in only one of them."
    for key, rows in table.groupby("architecture")["row"]:
        if not np.array_equal(np.sort(rows.to_numpy()), np.arange(len(rows))):
            yield f"{METADATA_FILE}: expected the rows 0 … {len(rows) - 1} of {key} once each, got others."


def _tensor_problems(zoo: Zoo) -> Iterator[str]:
    counts = zoo.metadata["architecture"].value_counts()
    for key, fields in zoo.card["architectures"].items():
        name = zoo.tensor_path(key).name
        try:
            shapes = Architecture.from_dict(fields).parameter_shapes
            with safe_open(zoo.tensor_path(key), framework="pt") as tensors:
                yield from _stack_problems(name, tensors, shapes, int(counts.get(key, 0)))
        except (SafetensorError, NeuralGraphError) as error:
            yield f"{name}: {error}"


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
