"""What shapes cannot tell of a convolutional network: strides, padding and the size of its input."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.hints import Hints, Question, Sizes
from ngcore.upload.modules import Module

COMMON_SIDES = (32, 28, 64, 16, 48, 96, 128, 224)
COMMON_STRIDES = (2, 1)
SEARCHED_SIDES = range(1, 513)


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How the maps of a convolutional network shrink.

    Attributes:
        strides: Step of each convolution.
        paddings: Zeros around the map before each convolution.
        input_size: Height and width of the input image.
    """

    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    input_size: tuple[int, int]


def solve_geometry(
    convolutions: Sequence[Module], *, positions: int | None, hints: Hints
) -> tuple[Geometry | None, list[Question], str]:
    """Take what was said, work out what follows from it, and ask for the rest.

    Args:
        convolutions: In their order.
        positions: Pixels of the last map if a flattened one tells them, None if it is pooled.
        hints: What was said.

    Returns:
        The geometry (None while something is open), the questions that are open, and a note on what was worked out.
    """
    strides = _one_each(hints.stride, len(convolutions), "stride")
    paddings = _one_each(hints.padding, len(convolutions), "padding")
    if strides and paddings and hints.input_size:
        return Geometry(strides, paddings, hints.input_size), [], ""
    if strides and paddings and positions:
        sides = [s for s in SEARCHED_SIDES if _positions(convolutions, strides, paddings, s) == positions]
        if len(sides) == 1:
            note = f"Of all square inputs only {sides[0]} × {sides[0]} pixels give {positions} positions."
            return Geometry(strides, paddings, (sides[0], sides[0])), [], note
    return None, _questions(hints, _suggest(convolutions, strides, paddings, positions, hints)), ""


def _one_each(sizes: Sizes | None, count: int, what: str) -> tuple[int, ...] | None:
    if sizes is None:
        return None
    each = (sizes,) * count if isinstance(sizes, int) else sizes
    if len(each) != count:
        raise UnsupportedNetworkError(f"Expected one {what} or {count}, one for each convolution, got {len(each)}.")
    return each


def _positions(convolutions: Sequence[Module], strides: Sequence[int], paddings: Sequence[int], side: int) -> int:
    """Pixels of the last map for a square input, 0 if it vanishes on the way."""
    height = width = side
    for module, stride, padding in zip(convolutions, strides, paddings, strict=True):
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
) -> Geometry:
    """The first usual geometry that gives the positions; the most usual one if none does."""
    count = len(convolutions)
    keeping = tuple(module.shape[2] // 2 for module in convolutions)
    all_strides: Iterable[tuple[int, ...]] = (
        [strides] if strides else [_usual_strides(convolutions, s) for s in COMMON_STRIDES]
    )
    all_paddings: Iterable[tuple[int, ...]] = [paddings] if paddings else [keeping, (0,) * count]
    sides = [hints.input_size] if hints.input_size else [(side, side) for side in COMMON_SIDES]
    usual = [Geometry(*parts) for parts in itertools.product(all_strides, all_paddings, sides)]
    for geometry in usual:
        found = _positions(convolutions, geometry.strides, geometry.paddings, geometry.input_size[0])
        if found == positions or (positions is None and found):
            return geometry
    return usual[0]


def _usual_strides(convolutions: Sequence[Module], stride: int) -> tuple[int, ...]:
    """One stride for all but convolutions of single pixels, which mix channels and rarely step."""
    return tuple(stride if max(module.shape[2:]) > 1 else 1 for module in convolutions)


def _questions(hints: Hints, suggestion: Geometry) -> list[Question]:
    asked = (
        ("stride", "By how many pixels do the convolutions step?", _brief(suggestion.strides)),
        ("padding", "How many zeros surround the maps before each convolution?", _brief(suggestion.paddings)),
        ("input_size", "How high and wide is the input image, in pixels?", suggestion.input_size),
    )
    return [
        Question(field=field, text=text, suggestion=answer)
        for field, text, answer in asked
        if getattr(hints, field) is None
    ]


def _brief(sizes: tuple[int, ...]) -> Sizes:
    return sizes[0] if len(set(sizes)) == 1 else sizes
