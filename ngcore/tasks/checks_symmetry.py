"""The check of symmetry: copies of a network that compute the same, and what models answer about them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.networks import (
    Architecture,
    Network,
    draw_permutation,
    flip_signs,
    permute_hidden,
    phase_spaces,
    rescale,
    scale_spaces,
    shift_phases,
    sign_spaces,
    symmetry_spaces,
)
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.checks import OWN, Claim, Row, answer, outputs, probe_inputs, repeated, spread_of

Symmetry = Literal["permutations", "signs", "scales", "phases"]
SYMMETRIES: tuple[Symmetry, ...] = get_args(Symmetry)

WORDS: dict[Symmetry, str] = {
    "permutations": "hidden neurons in another order",
    "signs": "neurons of odd activations negated",
    "scales": "neurons of ReLUs scaled, and their outgoing weights divided",
    "phases": "sines turned by half turns",
}
"""What is done to the copies."""

CHANGES: dict[Symmetry, Callable[[Network, torch.Generator], Network]] = {
    "permutations": lambda network, generator: permute_hidden(network, draw_permutation(network, generator)),
    "signs": flip_signs,
    "scales": rescale,
    "phases": shift_phases,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SymmetryRow(Row):
    """Copies that one symmetry makes.

    Attributes:
        symmetry: What was done to them.
    """

    symmetry: Symmetry


def symmetries_of(architecture: Architecture) -> tuple[Symmetry, ...]:
    """The symmetries that networks of an architecture have."""
    spaces = symmetry_spaces(architecture).spaces
    has: dict[Symmetry, bool] = {
        "permutations": any(not space.is_fixed and space.size > 1 for space in spaces),
        "signs": bool(sign_spaces(architecture)),
        "scales": bool(scale_spaces(architecture)),
        "phases": bool(phase_spaces(architecture)),
    }
    return tuple(name for name in SYMMETRIES if has[name])


def check_symmetry(
    network: Network,
    checkpoints: Iterable[Checkpoint],
    *,
    copies: int = 8,
    seed: int = 0,
    progress: Callable[[str], object] | None = None,
) -> list[SymmetryRow]:
    """Compare answers about a network with those about copies of it that compute the same.

    Args:
        network: A stack of one.
        checkpoints: Models that read such networks.
        copies: Random copies for each symmetry.
        seed: Seed of the copies.
        progress: Called with what is looked at.

    Returns:
        For each symmetry of the network first the row of its own function, then one for each model.

    Raises:
        ShapeMismatchError: If the stack does not hold exactly one network.
    """
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected one network to check, got a stack of {len(network)}.")
    network = network.detach().to(dtype=torch.float32)
    names, inputs = symmetries_of(network.architecture), probe_inputs(network.architecture)
    asked: list[tuple[str, Mapping[str, Any] | None, Callable[[Network], Tensor]]]
    asked = [("", None, lambda stack: outputs(stack, inputs))]
    asked += [(c.name, c.card, lambda stack, c=c: answer(c, stack)) for c in checkpoints]  # type: ignore[misc]
    found: dict[tuple[str, str], SymmetryRow] = {}
    for name, card, ask in asked:
        if progress is not None:
            progress(name or "the network itself")
        for symmetry in names:
            claim = OWN if card is None else claim_of(card, symmetry)
            is_class = card is not None and card["task"] == "classify"
            row = SymmetryRow(symmetry=symmetry, model=name, claim=claim)
            found[symmetry, name] = _with_answers(row, network, ask, copies, seed, are_classes=is_class)
    return [found[symmetry, name] for symmetry in names for name, _, _ in asked]


def _with_answers(
    row: SymmetryRow, network: Network, ask: Callable[[Network], Tensor], copies: int, seed: int, *, are_classes: bool
) -> SymmetryRow:
    """The row with what is answered about the copies, or why nothing is."""
    try:
        original = ask(network).float()
        answers = torch.cat([ask(stack).float() for stack in _copies(row.symmetry, network, copies, seed)])
    except NeuralGraphError as error:
        return dataclasses.replace(row, error=str(error))
    return dataclasses.replace(row, spread=spread_of(original, answers, are_classes=are_classes))


def _copies(symmetry: Symmetry, network: Network, copies: int, seed: int) -> Iterator[Network]:
    generator = torch.Generator().manual_seed(seed)
    for stack in repeated(network, copies):
        yield CHANGES[symmetry](stack, generator)


def claim_of(card: Mapping[str, Any], symmetry: Symmetry) -> Claim:
    """What a model is built for, by its card."""
    config = card["model"]["config"]
    kind, is_editor = config["kind"], card["task"] == "edit"
    if kind == "output-probes":
        return Claim(is_exact=True, reason="It sees what the network answers, not its weights.")
    if kind == "flat-mlp":
        return Claim(is_exact=False, reason="It reads weights as one long list, in which each has its place.")
    if symmetry == "permutations":
        return Claim(is_exact=True, reason=_ORDERLESS[kind])
    if kind == "statnn":
        return Claim(is_exact=False, reason="Statistics of weights change with the weights.")
    if symmetry == "scales":
        return Claim(is_exact=False, reason="It reads the sizes of weights and brings them to no canonical one.")
    if symmetry == "phases":
        return _phases(config, is_editor=is_editor)
    if kind == "ng-sweep":
        return Claim(is_exact=True, reason="Every state changes its sign with its neuron.")
    if config.get("is_sign_invariant"):
        return Claim(is_exact=True, reason="It brings signs to a canonical choice first.")
    return Claim(is_exact=False, reason="Signs of weights enter as they are; presets with -signs make them canonical.")


_ORDERLESS = {
    "ng-gnn": "It sums over the neurons of a graph, which have no order.",
    "ng-t": "It attends to the neurons of a graph, which have no order.",
    "ng-sweep": "It sums over the neurons of a graph, which have no order.",
    "statnn": "Statistics of weights do not depend on their order.",
}


def _phases(config: Mapping[str, Any], *, is_editor: bool) -> Claim:
    if is_editor:
        return Claim(is_exact=False, reason="It takes back whole turns only, as its change belongs to these weights.")
    signs = config["kind"] == "ng-sweep" or config.get("is_sign_invariant")
    if config.get("is_phase_invariant") and signs:
        return Claim(is_exact=True, reason="It brings phases and signs to a canonical choice first.")
    if config.get("is_phase_invariant"):
        return Claim(is_exact=False, reason="It brings phases to a canonical range, but half turns change signs, too.")
    return Claim(
        is_exact=False,
        reason="It takes turns back only where a phase is far outside the range that trained networks have.",
    )
