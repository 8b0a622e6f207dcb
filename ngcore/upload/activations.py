"""Where the activation stands among the layers, as far as names tell, and which one it may be."""

import dataclasses
from collections.abc import Mapping, Sequence

from torch import Tensor

from ngcore.networks import Activation
from ngcore.upload.conventions import INR_OUTPUTS, suggest_convention
from ngcore.upload.hints import ASKED_ACTIVATIONS, CHOICES, Hints
from ngcore.upload.modules import Module
from ngcore.upload.questions import Question

SIREN_OMEGA_0 = 30.0  # Sitzmann et al. 2020, section 3.2
SMALL_SPREAD = 0.3  # std · sqrt(fan-in): 0.05 in a fresh SIREN, 0.58 in torch's default Linear
SLOPE = 0.01  # torch's default for leaky_relu


@dataclasses.dataclass(frozen=True)
class Places:
    """Which layers an activation follows.

    Attributes:
        after: Positions of these layers.
        is_doubtful: Whether it may be before or after the norms, and nothing tells which.
        suggestion: The likelier side in that case.
        notes: What was inferred, with reasons.
    """

    after: frozenset[int]
    is_doubtful: bool
    suggestion: str
    notes: tuple[str, ...]


def place_activations(modules: Sequence[Module], side: str | None) -> Places:
    """Find where activations are: after every weight layer but the last, on the side of its norms that names tell.

    The numbers of a `torch.nn.Sequential` leave gaps where it holds something without parameters.

    Args:
        modules: Layers in their order.
        side: "before_norm" or "after_norm" as hinted, for norms where names do not tell.
    """
    last = max(i for i, module in enumerate(modules) if not module.is_norm)
    after: set[int] = set()
    doubts: list[str] = []
    bare: list[str] = []
    for start, end in _blocks(modules[:last]):
        choice = _side(modules, start, end)
        if choice == "none":
            bare.append(modules[start].prefix)
        elif choice.startswith("perhaps"):
            doubts.append(choice.removeprefix("perhaps "))
        if choice != "none":
            chosen = (side or doubts[-1]) if choice.startswith("perhaps") else choice
            after.add(start if chosen == "before_norm" else end)
    notes = []
    if bare:
        notes.append(
            f"No activation follows {', '.join(bare[:5])}: the numbers leave no room for one, and do elsewhere."
        )
    is_doubtful = bool(doubts) and side is None
    return Places(frozenset(after), is_doubtful, doubts[0] if doubts else "after_norm", tuple(notes))


def _blocks(modules: Sequence[Module]) -> list[tuple[int, int]]:
    """First and last position of each weight layer with its norms."""
    starts = [i for i, module in enumerate(modules) if not module.is_norm]
    ends = [start - 1 for start in starts[1:]] + [len(modules) - 1]
    return list(zip(starts, ends[: len(starts)], strict=True))


def _side(modules: Sequence[Module], start: int, end: int) -> str:
    """Where a block has its activation: before_norm, after_norm, none, or perhaps one of the first two."""
    behind = _room(modules, end)
    if start == end:
        return "none" if behind == 0 and _has_rooms(modules, modules[end]) else "after_norm"
    before = _room(modules, start)
    if before is None:
        return "perhaps after_norm"
    if before and not behind:
        return "before_norm" if behind == 0 else "perhaps before_norm"
    if before and behind:
        return "perhaps before_norm"
    if behind == 0:
        return "none" if _has_rooms(modules, modules[end]) else "perhaps after_norm"
    return "after_norm"


def _room(modules: Sequence[Module], i: int) -> int | None:
    """How many layers without parameters may follow module i besides a flattening; None if names do not tell."""
    one, two = modules[i], modules[i + 1]
    if not _are_neighbours(one, two):
        return None
    is_flattened = two.kind == "linear" and any(module.kind == "conv2d" for module in modules[: i + 1])
    is_flattened = is_flattened and all(module.kind != "linear" for module in modules[: i + 1])
    return max(0, two.numbers[-1] - one.numbers[-1] - 1 - is_flattened)


def _are_neighbours(one: Module, two: Module) -> bool:
    """Whether two layers are of one `torch.nn.Sequential`, which numbers all that it holds."""
    is_same = one.pattern == two.pattern and len(one.key) == len(two.key) and one.key[:-1] == two.key[:-1]
    return is_same and bool(one.key) and one.key[-1][0] == 0


def _has_rooms(modules: Sequence[Module], module: Module) -> bool:
    """Whether the Sequential of a layer holds anything without parameters, and so its activations, as layers."""
    own = [i for i in range(len(modules) - 1) if _are_neighbours(modules[i], modules[i + 1])]
    return any(_room(modules, i) for i in own if _are_neighbours(modules[i], module) or modules[i] is module)


def activation_questions(
    modules: Sequence[Module], tensors: Mapping[str, Tensor], hints: Hints, places: Places
) -> list[Question]:
    """What must be said about the function between layers and about what an image's coordinates mean."""
    if sum(not module.is_norm for module in modules) < 2:
        return []
    questions: list[Question] = []
    is_image = _maps_coordinates_to_colours(modules)
    key, reason = suggest_convention(module.prefix for module in modules)
    if hints.activation is None:
        suggestion, why = "relu", "the most usual"
        if is_image and key != "dws":
            suggestion, why = "sine", reason
        elif is_image and _has_small_weights(modules, tensors):
            suggestion, why = "sine", "small weights and few inputs, as in a SIREN"
        questions.append(
            Question(
                field="activation", text="Activation", suggestion=suggestion, choices=ASKED_ACTIVATIONS, reason=why
            )
        )
    if is_image and hints.spoken_convention is None:
        questions.append(
            Question(
                field="convention", text="Convention", suggestion=key, choices=CHOICES["convention"], reason=reason
            )
        )
    elif not is_image and hints.omega_0 is None and hints.activation in (None, "sine"):
        questions.append(Question(field="omega_0", text="Frequency ω₀", suggestion=SIREN_OMEGA_0, only_if="sine"))
    if places.is_doubtful:
        reason = "names do not tell on which side of the norms it stands"
        questions.append(
            Question(
                field="activation_side",
                text="Side of the activation",
                suggestion=places.suggestion,
                choices=CHOICES["activation_side"],
                reason=reason,
            )
        )
    return questions


def _maps_coordinates_to_colours(modules: Sequence[Module]) -> bool:
    is_image = modules[0].shape[1:] == (2,) and modules[-1].shape[0] in INR_OUTPUTS
    return is_image and all(module.kind == "linear" for module in modules)


def _has_small_weights(modules: Sequence[Module], tensors: Mapping[str, Tensor]) -> bool:
    """Whether the weights between the first and the last layer are as small as ω₀ = 30 asks for; else the first's."""
    weights = [tensors[module.names["weight"]] for module in modules[1:-1] or modules[:1]]
    return all(float((w.square().mean() * w.shape[1]).sqrt()) < SMALL_SPREAD for w in weights)


def activations_of(modules: Sequence[Module], hints: Hints) -> tuple[Activation, Activation]:
    """The activation after the first layer, and that after all others."""
    if hints.activation == "leaky_relu":
        slope = SLOPE if hints.negative_slope is None else float(hints.negative_slope)
        leaky = Activation("leaky_relu", negative_slope=slope)
        return leaky, leaky
    if hints.activation != "sine":
        plain = Activation(hints.activation or "none")  # type: ignore[arg-type]
        return plain, plain
    said = hints.spoken_convention if _maps_coordinates_to_colours(modules) else None
    omega_0, first = (said.omega_0, said.first_omega_0) if said else (hints.omega_0 or 0.0, hints.first_omega_0)
    return Activation("sine", omega_0=omega_0 if first is None else first), Activation("sine", omega_0=omega_0)
