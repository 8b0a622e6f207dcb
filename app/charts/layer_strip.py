"""The values of a network from its input to its output as boxes: high as their maps are, wide as they have channels."""

import math
from dataclasses import dataclass
from html import escape

from app.charts.theme import Theme
from ngcore.networks import Activation, Architecture, Convolution, Layer

MAX_BOXES = 12  # the middle of longer networks is left out, which is said
HEIGHT, LEAST_SIDE, GAP = 120.0, 10.0, 26.0
LARGEST_WIDTH = 46.0
TEXT = 11


@dataclass(frozen=True)
class Box:
    """A value, and what made it.

    Attributes:
        made_by: Names of the layers that lead to it, the first one first; empty for the input.
        shape: (channels, *positions).
    """

    made_by: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> str:
        """The shape in words, such as "16 × 32 × 32"."""
        return " × ".join(map(str, self.shape))


def boxes_of(architecture: Architecture) -> list[Box]:
    """The first input, and every value on whose way a layer has weights or changes the shape.

    Example:
        >>> [box.size for box in boxes_of(siren((2, 32, 1)))]
        ['2', '32', '1']
    """
    boxes = [Box((), architecture.input_shape)]
    for step, shape in zip(architecture.steps, architecture.shapes[architecture.num_inputs :], strict=True):
        kind = _kind(step.layer)
        if step.layer.parameter_shapes() or shape != boxes[-1].shape:
            boxes.append(Box((kind,), shape))
        elif len(boxes) > 1:
            boxes[-1] = Box((*boxes[-1].made_by, kind), shape)
    return boxes


def draw_layer_strip(architecture: Architecture, *, theme: Theme) -> str:
    """The boxes from left to right as an SVG; names of layers stand above, shapes below."""
    boxes = boxes_of(architecture)
    left_out = max(0, len(boxes) - MAX_BOXES)
    half = MAX_BOXES // 2
    shown: list[Box | None] = [*boxes] if not left_out else [*boxes[:half], None, *boxes[-half:]]
    largest = max(_side(box) for box in boxes)
    parts, x = [], 8.0
    for box in shown:
        texts = (f"{left_out} more", "") if box is None else (_made_by(box), box.size)
        width, height = _extent(box, largest)
        room = max(width, 6.4 * max(map(len, texts)), 30.0)
        middle = x + room / 2
        if box is not None:
            parts.append(
                f'<rect x="{middle - width / 2:.1f}" y="{20 + (HEIGHT - height) / 2:.1f}" width="{width:.1f}" '
                f'height="{height:.1f}" rx="2" fill="{theme.accent}" fill-opacity="0.25" stroke="{theme.accent}"/>'
            )
        for text, y in zip(texts, (12.0, HEIGHT + 36), strict=True):
            parts.append(f'<text x="{middle:.1f}" y="{y:.1f}">{escape(text)}</text>')
        x += room + GAP
        parts.append(f'<path d="M{x - GAP + 5:.1f} {20 + HEIGHT / 2}h{GAP - 10:.1f}" stroke="{theme.muted}"/>')
    parts.pop()
    width = x - GAP + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {HEIGHT + 44:.0f}" width="{width:.0f}" '
        f'font-family="sans-serif" font-size="{TEXT}" text-anchor="middle" fill="{theme.text}">{"".join(parts)}</svg>'
    )


def _kind(layer: Layer) -> str:
    """What to call a layer: its function where it is an activation, and its kernel where it has one."""
    if isinstance(layer, Activation):
        return layer.function.replace("_", " ")
    if isinstance(layer, Convolution):
        return f"{layer.kind.replace('_', ' ')} {'×'.join(map(str, layer.kernel_size))}"
    return layer.kind.replace("_", " ")


def _side(box: Box) -> float:
    """Positions along one side of a map; 1 for a vector."""
    return math.prod(box.shape[1:]) ** (1 / max(1, len(box.shape) - 1))


def _extent(box: Box | None, largest: float) -> tuple[float, float]:
    """Width and height of a box in pixels: a map by its channels and its side, a vector as a column of its numbers."""
    if box is None:
        return 0.0, 0.0
    if len(box.shape) == 1:
        return LEAST_SIDE, min(HEIGHT, LEAST_SIDE + 14 * math.log2(box.shape[0] + 1))
    width = min(LARGEST_WIDTH, LEAST_SIDE + 5 * math.log2(box.shape[0]))
    return width, LEAST_SIDE + (HEIGHT - LEAST_SIDE) * _side(box) / largest


def _made_by(box: Box) -> str:
    return " + ".join(box.made_by[:2]) if box.made_by else "input"
