"""Shipped checkpoints: a folder with `model.safetensors` and a `card.json` that says where the weights come from.

The fields of a card, all required (further ones are allowed):

    name, preset, task      str
    model                   {...}: the model's config
    corpus                  {name: str, sha256: str, recipe: {...}, counts: {split: int}}
    training                {config: {...}, steps: int, seconds, networks_per_second, device: str, cores: int}
    metrics                 {split: {n: int, metric: value, ...}}, n being the number of networks measured
    seeds                   [int, ...]
    parameters              int: the number of trained parameters
    versions                {torch, torch_geometric, python, ngcore: str}
    command                 str: the command that reproduces the checkpoint
    weights_sha256          str: SHA-256 of model.safetensors
"""

import json
import math
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ngcore import __version__
from ngcore.errors import CheckpointError
from ngcore.files import read_json, readable_json, reading, remembered_sha256, sha256_of_file, write_atomically

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
REMEDY = "train or copy this checkpoint again, or move its folder away"

# A specification is a type (or several), a dict of required keys, {str: spec} for any keys, or [spec] for a list.
_NUMBER = (int, float)
_CARD: dict[Any, Any] = {
    "name": str,
    "preset": str,
    "task": str,
    "model": dict,
    "corpus": {"name": str, "sha256": str, "recipe": dict, "counts": {str: int}},
    "training": {
        "config": dict,
        "steps": int,
        "seconds": _NUMBER,
        "networks_per_second": _NUMBER,
        "device": str,
        "cores": int,
    },
    "metrics": {str: {"n": int}},
    "seeds": [int],
    "parameters": int,
    "versions": {"torch": str, "torch_geometric": str, "python": str, "ngcore": str},
    "command": str,
    "weights_sha256": str,
}


def save_checkpoint(folder: Path | str, state_dict: Mapping[str, Tensor], card: Mapping[str, Any]) -> dict[str, Any]:
    """Write weights and card into a folder, which is created if it does not exist.

    Each of the two files is replaced in one step; should the process die between the two, reading reports that the
    weights are not those of the card.

    Args:
        folder: the checkpoint's folder.
        state_dict: the model's tensors by name; they are stored on the CPU, in their own dtype.
        card: all fields of a card but `weights_sha256`; `versions` is filled in when absent.

    Returns:
        The complete card, as `read_card` returns it.

    Raises:
        CheckpointError: when fields are missing, have another type or are not finite; nothing is written.
    """
    folder = Path(folder)
    draft = {"versions": describe_versions(), **card, "weights_sha256": ""}
    _expect_valid(draft, source="The card to be saved")
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder / WEIGHTS_FILE, state_dict)
    draft["weights_sha256"] = sha256_of_file(folder / WEIGHTS_FILE)
    return write_card(folder, draft)


def write_card(folder: Path | str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write the card of a checkpoint whose weights exist already, in one step.

    Args:
        folder: the checkpoint's folder.
        card: the complete card.

    Returns:
        The card, as `read_card` returns it.

    Raises:
        CheckpointError: when the card is incomplete, or names other weights than those in the folder; nothing is
            written.
    """
    folder = Path(folder)
    _expect_valid(card, source="The card to be saved")
    if (got := sha256_of_file(folder / WEIGHTS_FILE)) != card["weights_sha256"]:
        raise CheckpointError(
            f"Expected a card for the weights in {folder} with SHA-256 {got[:12]}…, got one for "
            f"{card['weights_sha256'][:12]}…."
        )
    text = readable_json(json.loads(json.dumps(card, allow_nan=False))) + "\n"
    write_atomically(folder / CARD_FILE, lambda path: path.write_text(text, encoding="utf-8"))
    return json.loads(text)


def read_card(folder: Path | str) -> dict[str, Any]:
    """Read and check the card of a checkpoint.

    Raises:
        CheckpointError: when there is no card, or it is not JSON or incomplete.
    """
    path = Path(folder) / CARD_FILE
    if not path.exists():
        raise CheckpointError(f"Expected a checkpoint with a {CARD_FILE} in {folder}, found none.")
    card = read_json(path, CheckpointError, remedy=REMEDY)
    _expect_valid(card, source=str(path))
    return card


def read_weights(folder: Path | str) -> dict[str, Tensor]:
    """Read the weights of a checkpoint onto the CPU, after comparing the file's hash with the card's.

    Raises:
        CheckpointError: when a file is missing or damaged, or the weights are not those the card was written for.
    """
    path = Path(folder) / WEIGHTS_FILE
    expected = read_card(folder)["weights_sha256"]
    with reading(path, CheckpointError, remedy=REMEDY):
        got = remembered_sha256(path)
    if got != expected:
        raise CheckpointError(
            f"Expected {path} with SHA-256 {expected[:12]}… as in its card, got {got[:12]}…; "
            "the weights and the card are not of the same run: save or copy both again."
        )
    with reading(path, CheckpointError, remedy=REMEDY):
        return load_file(path)


def load_weights(model: nn.Module, folder: Path | str) -> dict[str, Any]:
    """Put the weights of a checkpoint into a model of the same shape, and return the card.

    Raises:
        CheckpointError: as `read_weights`, and when names or shapes are not the model's; they are listed, and the
            model stays as it was.
    """
    weights = read_weights(folder)
    expect_weights_fit(model, weights, source=str(folder))
    model.load_state_dict(weights)
    return read_card(folder)


def expect_weights_fit(model: nn.Module, weights: Mapping[str, Tensor], *, source: str) -> None:
    """Raise a `CheckpointError` that lists every name and shape in which weights and model differ."""
    expected = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    got = {name: list(tensor.shape) for name, tensor in weights.items()}
    problems = [f"{name}: expected {expected[name]}, found nothing" for name in expected.keys() - got.keys()]
    problems += [f"{name}: expected nothing, found {got[name]}" for name in got.keys() - expected.keys()]
    problems += [
        f"{name}: expected {expected[name]}, got {got[name]}"
        for name in expected.keys() & got.keys()
        if expected[name] != got[name]
    ]
    if problems:
        raise CheckpointError(f"{source} holds weights of another model: {'; '.join(sorted(problems))}.")


def write_weights(path: Path, state_dict: Mapping[str, Tensor]) -> None:
    """Write tensors as one safetensors file, in one step; equal tensors give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state_dict.items()}
    data = save(tensors)
    write_atomically(path, lambda temporary: temporary.write_bytes(data), num_bytes=len(data))


def describe_versions() -> dict[str, str]:
    """Return the versions that a card names, without importing torch_geometric."""
    try:
        torch_geometric = version("torch_geometric")
    except PackageNotFoundError:
        torch_geometric = "not installed"
    return {
        "torch": torch.__version__,
        "torch_geometric": torch_geometric,
        "python": platform.python_version(),
        "ngcore": __version__,
    }


def _expect_valid(card: object, *, source: str) -> None:
    problems = sorted(_find_problems(card, _CARD, "card"))
    if problems:
        raise CheckpointError(f"{source} is no valid checkpoint card: {'; '.join(problems)}.")


def _find_problems(value: object, spec: Any, where: str) -> Iterator[str]:
    """Compare a value with a specification and say, field by field, what was expected and what came."""
    if isinstance(spec, list):
        yield from _find_list_problems(value, spec[0], where)
    elif isinstance(spec, dict):
        yield from _find_dict_problems(value, spec, where)
    elif not isinstance(value, spec) or isinstance(value, bool):
        kinds = spec if isinstance(spec, tuple) else (spec,)
        yield f"{where}: expected {' or '.join(kind.__name__ for kind in kinds)}, got {type(value).__name__}"
    else:
        yield from _find_json_problems(value, where)


def _find_list_problems(value: object, spec: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        yield f"{where}: expected list, got {type(value).__name__}"
        return
    for index, item in enumerate(value):
        yield from _find_problems(item, spec, f"{where}[{index}]")


def _find_dict_problems(value: object, spec: dict[Any, Any], where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: expected dict, got {type(value).__name__}"
        return
    for key in value.keys() | (spec.keys() - {str}):
        if key not in value:
            yield f"{where}.{key}: expected, found nothing"
        elif key in spec or str in spec:
            yield from _find_problems(value[key], spec.get(key, spec.get(str)), f"{where}.{key}")
        else:
            yield from _find_json_problems(value[key], f"{where}.{key}")


def _find_json_problems(value: object, where: str) -> Iterator[str]:
    """Say which parts of a value JSON cannot hold: other types, and numbers that are not finite."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_json_problems(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _find_json_problems(item, f"{where}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: expected a finite number, got {value}"
    elif not isinstance(value, str | int | float | None):
        yield f"{where}: expected a plain value, got {type(value).__name__}"
