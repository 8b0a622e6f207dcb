"""The check of extremes: a network made wider and deeper without a change of its function, and what models answer."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ngcore.errors import NeuralGraphError, ShapeMismatchError, TooLargeError
from ngcore.models import can_be_width_stable
from ngcore.networks import Architecture, Network, cost_of, deepen, place_to_deepen, wide_spaces, widen
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.checks import OWN, Claim, Row, answer, outputs, probe_inputs, spread_of, stable_copy

Extreme = Literal["equal", "unequal", "deeper"]
EXTREMES: tuple[Extreme, ...] = get_args(Extreme)
FACTORS = (1, 2, 4, 8, 16)
INSERTED = (0, 1, 4, 16, 36)

WORDS: dict[Extreme, str] = {
    "equal": "wider, outgoing weights split equally",
    "unequal": "wider, outgoing weights split at random",
    "deeper": "deeper, by identity layers",
}
"""What is done to the copies."""

MOST_EDGES: dict[str, int] = {"ng-gnn": 70_000, "ng-t": 20_000}
"""Edges up to which models that keep numbers for each edge are asked: about a second on one core."""

MOST_PARAMETERS = 20_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtremeRow(Row):
    """One copy of one size.

    Attributes:
        extreme: What was done to it.
        size: Factor of the width, or number of layers inserted.
        value: The probability of the true class (of the one seen in the original where that is not known), or the
            predicted accuracy; None where there is none.
    """

    extreme: Extreme
    size: int
    value: float | None = None


def extremes_of(architecture: Architecture) -> tuple[Extreme, ...]:
    """What can be done to networks of an architecture."""
    is_wide = bool(wide_spaces(architecture))
    is_deep = place_to_deepen(architecture) is not None
    return tuple(name for name in EXTREMES if (is_deep if name == "deeper" else is_wide))


def copies_of(
    network: Network, extreme: Extreme, sizes: Sequence[int] | None = None, *, seed: int = 0
) -> Iterator[tuple[int, Network]]:
    """(size, network) of each copy that is not too large to hold."""
    for size in sizes or (INSERTED if extreme == "deeper" else FACTORS):
        if extreme == "deeper":
            copy = deepen(network, size)
        elif network.architecture.num_parameters * size**2 > MOST_PARAMETERS:
            return
        else:
            copy = widen(network, size, split=extreme, generator=torch.Generator().manual_seed(seed))
        yield size, copy


def check_extremes(
    network: Network,
    checkpoints: Iterable[Checkpoint],
    *,
    label: int | None = None,
    seed: int = 0,
    progress: Callable[[str], object] | None = None,
) -> list[ExtremeRow]:
    """Compare answers about a network with those about wider and deeper copies that compute the same.

    Args:
        network: A stack of one.
        checkpoints: Models that read such networks; editors are left out. NG-Sweep, where it can be, is asked a second
            time as its width-stable copy.
        label: The true class, if it is known.
        seed: Seed of unequal splits.
        progress: Called with what is looked at.

    Returns:
        For each way and size first the row of the network's own function, then one for each model.

    Raises:
        ShapeMismatchError: If the stack does not hold exactly one network.
    """
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected one network to check, got a stack of {len(network)}.")
    network = network.detach().to(dtype=torch.float32)
    copies = [
        (extreme, size, copy)
        for extreme in extremes_of(network.architecture)
        for size, copy in copies_of(network, extreme, seed=seed)
    ]
    inputs = probe_inputs(network.architecture)
    rows = [_own_row(network, extreme, size, copy, inputs) for extreme, size, copy in copies]
    for checkpoint in _with_stable_copies(checkpoints):
        if progress is not None:
            progress(checkpoint.name)
        rows += _rows_of(checkpoint, network, copies, label)
    order = {(extreme, size): number for number, (extreme, size, _) in enumerate(copies)}
    return sorted(rows, key=lambda row: order[row.extreme, row.size])


def _with_stable_copies(checkpoints: Iterable[Checkpoint]) -> Iterator[Checkpoint]:
    for checkpoint in checkpoints:
        if checkpoint.card["task"] != "edit":
            yield checkpoint
            if can_be_width_stable(checkpoint.model) and not checkpoint.card["model"]["config"].get("is_width_stable"):
                yield stable_copy(checkpoint)


def _own_row(network: Network, extreme: Extreme, size: int, copy: Network, inputs: Sequence[Tensor]) -> ExtremeRow:
    row = ExtremeRow(extreme=extreme, size=size, model="", claim=OWN)
    try:
        return dataclasses.replace(row, spread=spread_of(outputs(network, inputs), outputs(copy, inputs)))
    except NeuralGraphError as error:
        return dataclasses.replace(row, error=str(error))


def _rows_of(
    checkpoint: Checkpoint, network: Network, copies: Sequence[tuple[Extreme, int, Network]], label: int | None
) -> Iterator[ExtremeRow]:
    """What a model answers about each copy."""
    is_class = checkpoint.card["task"] == "classify"
    try:
        original, reason = answer(checkpoint, network), ""
    except NeuralGraphError as error:
        original, reason = torch.zeros(1, 1), str(error)
    seen = int(original[0].argmax()) if label is None or label >= original.shape[1] or not is_class else label
    for extreme, size, copy in copies:
        row = ExtremeRow(extreme=extreme, size=size, model=checkpoint.name, claim=claim_of(checkpoint.card, extreme))
        if reason:
            yield dataclasses.replace(row, error=reason)
            continue
        try:
            _expect_small(checkpoint, copy)
            answered = answer(checkpoint, copy) if copy.architecture != network.architecture else original
        except NeuralGraphError as error:
            yield dataclasses.replace(row, error=str(error))
            continue
        spread = spread_of(original, answered, are_classes=is_class)
        yield dataclasses.replace(row, spread=spread, value=float(answered[0, seen]))


def _expect_small(checkpoint: Checkpoint, copy: Network) -> None:
    """Check that a model that keeps numbers for each edge is done in about a second.

    Raises:
        TooLargeError: If it is not.
    """
    kind = checkpoint.card["model"]["config"]["kind"]
    edges = cost_of(copy.architecture).num_edges
    if edges > MOST_EDGES.get(kind, edges):
        raise TooLargeError(
            f"Not asked: {edges:,} edges would take it too long; at most {MOST_EDGES[kind]:,} are tried."
        )


def claim_of(card: Mapping[str, Any], extreme: Extreme) -> Claim:
    """What a model is built for, by its card."""
    config = card["model"]["config"]
    if config["kind"] == "output-probes":
        return Claim(is_exact=True, reason="It sees what the network answers, not its weights.")
    if config["kind"] == "flat-mlp":
        return Claim(is_exact=False, reason="It reads networks of one size.")
    if config.get("is_width_stable") and extreme != "deeper":
        return Claim(is_exact=True, reason="It adds up what reaches a neuron, however that is split among copies.")
    if extreme == "deeper":
        return Claim(is_exact=False, reason="It goes through every layer, and these are more than it knows.")
    if config["kind"] == "ng-sweep":
        return Claim(is_exact=False, reason="It divides by the root of the network's own width.")
    return Claim(is_exact=False, reason="Its sums, means and extremes change with the number of neurons and edges.")
