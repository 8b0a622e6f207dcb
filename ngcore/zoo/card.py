"""The card of a zoo: what `card.json` must hold, and what is checked before it is trusted."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ngcore.errors import NeuralGraphError, ZooError
from ngcore.files import canonical_json, read_json
from ngcore.networks import Architecture

FORMAT_VERSION = 1
CARD_FILE = "card.json"
METADATA_FILE = "metadata.parquet"
IMAGES_FILE = "images.npy"
PARTS_FOLDER = ".parts"

REMEDY = "build or copy this zoo again, or move its folder away"

_TYPES: dict[str, type] = {
    "name": str,
    "hash": str,
    "num_networks": int,
    "architectures": dict,
    "files": dict,
    "recipe": dict,
}
_TYPES_IF_THERE: dict[str, type] = {"kind": str, "image_set": str, "class_names": list, "sample_of": dict}


def read_zoo_card(folder: Path) -> dict[str, Any]:
    """Read and check the card of a finished zoo.

    Raises:
        ZooError: If there is none, it is damaged, or of another format.
    """
    path = folder / CARD_FILE
    if not path.exists():
        state = "an unfinished one; run its build again" if (folder / PARTS_FOLDER).is_dir() else "none"
        raise ZooError(f"Expected a finished zoo in {folder} (a folder with a {CARD_FILE}), got {state}.")
    card = read_json(path, ZooError, remedy=REMEDY)
    if not isinstance(card, dict):
        raise ZooError(f"Expected a JSON object in {path}, got {type(card).__name__}; {REMEDY}.")
    if card.get("format") is True or card.get("format") != FORMAT_VERSION:
        raise ZooError(f"Expected a zoo card of format {FORMAT_VERSION} in {path}, got {card.get('format')!r:.50}.")
    for problem in _problems(card):
        raise ZooError(f"{path}: {problem}; {REMEDY}.")
    return card


def file_names(card: Mapping[str, Any]) -> set[str]:
    """The files that a zoo must have beside its card."""
    return {METADATA_FILE, *(tensor_file(key) for key in card["architectures"])}


def tensor_file(architecture_id: str) -> str:
    """Name of the file that holds an architecture's stacked tensors."""
    return f"{architecture_id}.safetensors"


def hash_of(files: Mapping[str, str]) -> str:
    """The hash of a zoo: of its networks and metadata, not of the images that may be stored with them."""
    return hashlib.sha256(canonical_json({name: files[name] for name in files if name != IMAGES_FILE})).hexdigest()


def _problems(card: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a card, the first thing first; later checks rest on earlier ones."""
    for name, kind in {**_TYPES, **_TYPES_IF_THERE}.items():
        if name not in card and name in _TYPES:
            yield f"expected the field {name!r}, got none"
        elif name in card and (not isinstance(card[name], kind) or isinstance(card[name], bool)):
            yield f"expected {name!r} as {kind.__name__}, got {type(card[name]).__name__}"
    if not all(isinstance(value, str) for value in [*card["files"].values(), *card.get("class_names", ())]):
        yield "expected text as hashes of files and names of classes, got something else"
    if card["num_networks"] < 1 or not card["architectures"]:
        yield "expected at least one network, got none"
    for key, fields in card["architectures"].items():
        yield from _architecture_problems(key, fields)
    if card["files"].keys() - {IMAGES_FILE} != file_names(card):
        yield f"expected hashes of {sorted(file_names(card))}, got {sorted(card['files'])}"
    elif hash_of(card["files"]) != card["hash"]:
        yield "expected the hash of its list of files, got another"


def _architecture_problems(key: str, fields: Any) -> Iterator[str]:
    try:
        found = Architecture.from_dict(fields).id if isinstance(fields, dict) else "none"
    except NeuralGraphError as error:
        yield f"architecture {key}: {error}"
        return
    if found != key:
        yield f"expected the architecture of id {key}, got one of id {found}"
