"""Editors of INRs beside references: an INR unchanged, fitted further to its edited render, or fitted again."""

import time
from typing import Any

import torch

from ngcore.inr import FitConfig, edit_by_fitting, edit_images, fit_sirens, render
from ngcore.networks import Network
from ngcore.tasks.answers import edit_inrs
from ngcore.tasks.checkpoints import list_checkpoints, load_checkpoint
from ngcore.tasks.problems import edit_of
from ngcore.training import mean_squared_error
from ngcore.zoo import Zoo
from ngcore.zoo.originals import original_images

QUESTION = "How near do editors come to the edited image, and how long do they take?"
MEASURED = 1_024
"""Test networks that rows are measured on."""

REFITTED = 256
"""The first of them, on which refitting is measured, which takes a tenth of a second per network."""

Row = dict[str, Any]


def edit_study(zoo: Zoo, *, device: str = "auto", limit: int | None = None) -> list[Row]:
    """One row per edit and method: mean squared error against the edited original, and seconds per network.

    Args:
        zoo: INRs with their original images.
        device: Where to compute; see `ngcore.device`.
        limit: At most this many networks instead of `MEASURED`.
    """
    rows = zoo.rows(split="test")[: limit or MEASURED]
    network = zoo.networks(rows)
    images = torch.from_numpy(original_images(zoo, rows)).float() / 255
    size = (images.shape[1], images.shape[2])
    cards = [card for card in list_checkpoints("edit") if card["corpus"]["name"] == zoo.name]
    study = []
    for edit in sorted({edit_of(card) for card in cards}):
        targets = edit_images(images, edit)
        study.append(_row(edit, "left as it is", network, targets, seconds=0.0))
        started = time.perf_counter()
        few, config = targets[:REFITTED], FitConfig(**zoo.card["recipe"].get("fit", {}))
        fitted = fit_sirens(few.clamp(0, 1), config, architecture=network.architecture, device=device).network
        study.append(_row(edit, "image edited, refitted", fitted, few, seconds=time.perf_counter() - started))
        started = time.perf_counter()
        fitted = edit_by_fitting(network, edit, size=size, device=device)
        study.append(_row(edit, "own render edited, fitted on", fitted, targets, seconds=time.perf_counter() - started))
        for card in (card for card in cards if edit_of(card) == edit):
            checkpoint = load_checkpoint(card["name"], device)
            edit_inrs(checkpoint, network[:1])  # the first call warms up
            started = time.perf_counter()
            edited = edit_inrs(checkpoint, network)
            seconds = time.perf_counter() - started
            study.append(_row(edit, card["name"], edited, targets, seconds=seconds))
            started = time.perf_counter()
            fitted = edit_by_fitting(network, edit, start=edited, size=size, device=device)
            seconds += time.perf_counter() - started
            study.append(_row(edit, f"{card['name']}, fitted on", fitted, targets, seconds=seconds))
    return study


def _row(edit: str, method: str, network: Network, targets: torch.Tensor, *, seconds: float) -> Row:
    size = (targets.shape[1], targets.shape[2])
    return {
        "key": f"{edit}-{method}",
        "setting": {"edit": edit, "method": method},
        "n": len(network),
        "mse": mean_squared_error(render(network, size).cpu(), targets),
        "milliseconds_per_network": round(1000 * seconds / len(network), 3),
    }
