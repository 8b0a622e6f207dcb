"""What shapes cannot tell of a convolutional network: strides, padding and the size of its input."""

import dataclasses
import itertools
from collections.abc import Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.hints import Hints, Sizes
from ngcore.upload.modules import Module
from ngcore.upload.questions import Question

COMMON_SIDES = (32, 28, 64, 16, 48, 96, 128, 224)
COMMON_STRIDES = (2, 1)
SEARCHED_SIDES = range(1, 513)
MAX_VARIED = 6  # convolutions whose strides and paddings are varied one by one in the search for a suggestion
MAX_TRIES = 40_000  # geometries tried for a suggestion, well below a second
POOLING = "stride 1 with 2 × 2 pooling after each convolution, but pooling is not supported"


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How the feature maps of a convolutional network shrink.

    Attributes:
        strides: Stride of each convolution.
        paddings: Zeros around the map before each convolution.
        input_size: Height and width of the input image.
    """

    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    input_size: tuple[int, int]


def solve_geometry(
    convolutions: Sequence[Module], *, positions: int | None, hints: Hints
) -> tuple[Geometry | None, list[Question], str]:
    """Take the hints, work out what follows from them, and ask for the rest.

    Args:
        convolutions: In forward order.
        positions: Pixels of the last map if it is flattened, None if it is pooled.
        hints: The user's hints.

    Returns:
        The geometry (None while something is open), the open questions, and a note on what was worked out.
    """
    strides = _one_each(hints.stride, len(convolutions), "stride")
    paddings = _one_each(hints.padding, len(convolutions), "padding")
    if strides and paddings and hints.input_size:
        return Geometry(strides, paddings, hints.input_size), [], ""
    if strides and paddings and positions:
        squares = ((side, side) for side in SEARCHED_SIDES)
        sides = [s for s, _ in squares if _positions(convolutions, Geometry(strides, paddings, (s, s))) == positions]
        if len(sides) == 1:
            note = f"Of all square inputs only {sides[0]} × {sides[0]} pixels give {positions} positions."
            return Geometry(strides, paddings, (sides[0], sides[0])), [], note
    suggestion = _suggest(convolutions, strides, paddings, positions, hints)
    return None, _questions(convolutions, hints, suggestion, positions), ""


def _one_each(sizes: Sizes | None, count: int, what: str) -> tuple[int, ...] | None:
    if sizes is None:
        return None
    each = (sizes,) * count if isinstance(sizes, int) else sizes
    if len(each) != count:
        raise UnsupportedNetworkError(f"Expected one {what} or {count}, one for each convolution, got {len(each)}.")
    return each


def _positions(convolutions: Sequence[Module], geometry: Geometry) -> int:
    """Pixels of the last map, 0 if it vanishes on the way."""
    height, width = geometry.input_size
    for module, stride, padding in zip(convolutions, geometry.strides, geometry.paddings, strict=True):
        height = (height + 2 * padding - module.shape[2]) // stride + 1
        width = (width + 2 * padding - module.shape[3]) // stride + 1
        if min(height, width) < 1:
            return 0
    return height * width


def _suggest(
    convolutions: Sequence[Module],
    strides: tuple[int, ...] | None,
    paddings: tuple[int, ...] | None,
    positions: int | None,
    hints: Hints,
) -> Geometry | None:
    """The most usual geometry that gives the positions, None if no usual one does."""
    all_strides = [strides] if strides else _usual_strides(convolutions)
    all_paddings = [paddings] if paddings else _usual_paddings(convolutions)
    squares: list[tuple[int, int]] = [(side, side) for side in COMMON_SIDES]
    oblongs = sorted(itertools.permutations(COMMON_SIDES, 2), key=lambda size: max(size) / min(size))
    for sizes in [[hints.input_size]] if hints.input_size else [squares, oblongs]:
        for parts in itertools.islice(itertools.product(all_strides, all_paddings, sizes), MAX_TRIES):
            geometry = Geometry(*parts)
            found = _positions(convolutions, geometry)
            if found == positions or (positions is None and found):
                return geometry
    return None


def _usual_strides(convolutions: Sequence[Module]) -> list[tuple[int, ...]]:
    """One stride for all first, then any of one and two; single pixels mix channels and do not step."""
    is_wide = [max(module.shape[2:]) > 1 for module in convolutions]
    uniform = [tuple(stride if wide else 1 for wide in is_wide) for stride in COMMON_STRIDES]
    if sum(is_wide) > MAX_VARIED:
        return uniform
    varied = itertools.product(*((1, 2) if wide else (1,) for wide in is_wide))
    return list(dict.fromkeys([*uniform, *varied]))


def _usual_paddings(convolutions: Sequence[Module]) -> list[tuple[int, ...]]:
    """Paddings that keep the size, then none, then any of both."""
    keeping = tuple(module.shape[2] // 2 for module in convolutions)
    uniform = [keeping, (0,) * len(keeping)]
    if sum(map(bool, keeping)) > MAX_VARIED:
        return uniform
    return list(dict.fromkeys([*uniform, *itertools.product(*((k, 0) if k else (0,) for k in keeping))]))


def _questions(
    convolutions: Sequence[Module], hints: Hints, suggestion: Geometry | None, positions: int | None
) -> list[Question]:
    reason = _reason(convolutions, suggestion, positions)
    asked = (
        ("stride", "Stride", _brief(suggestion.strides) if suggestion else None),
        ("padding", "Padding", _brief(suggestion.paddings) if suggestion else None),
        ("input_size", "Input size", suggestion.input_size if suggestion else None),
    )
    return [
        Question(field=field, text=text, suggestion=answer, reason=reason if i == 0 else "")
        for i, (field, text, answer) in enumerate(row for row in asked if getattr(hints, row[0]) is None)
    ]


def _reason(convolutions: Sequence[Module], suggestion: Geometry | None, positions: int | None) -> str:
    """What speaks for the suggestion, and whether pooling would explain the positions as well."""
    if positions is None:
        return "" if suggestion else "no usual geometry keeps the map from vanishing"
    if suggestion is None:
        return (
            f"no usual geometry gives the {positions} positions that the linear layer takes; pooling between the "
            "convolutions, which is not supported, is the likely cause"
        )
    reason = f"it gives the {positions} positions that the linear layer takes"
    return f"{reason}; so would {POOLING}" if _pooled(convolutions, positions) else reason


def _pooled(convolutions: Sequence[Module], positions: int) -> bool:
    """Whether stride 1 and a 2 × 2 pooling after each convolution give the positions for a usual square input."""
    for side, keeps in itertools.product(
        COMMON_SIDES, itertools.product((False, True), repeat=min(2, len(convolutions)))
    ):
        size = side
        for i, module in enumerate(convolutions):
            padding = module.shape[2] // 2 if keeps[min(i, len(keeps) - 1)] else 0
            size = (size + 2 * padding - module.shape[2] + 1) // 2
        if size > 0 and size * size == positions:
            return True
    return False


def _brief(sizes: tuple[int, ...]) -> Sizes:
    return sizes[0] if len(set(sizes)) == 1 else sizes
