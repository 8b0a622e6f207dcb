"""Operators of ONNX that work on windows: pools, padding, interpolation; and the sizes of windows."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.upload.onnx_format.call import Call, Made, Operator

Sizes = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Window:
    """A window that moves over positions.

    Attributes:
        kernel: Its size.
        stride: How far it moves.
        dilation: How far apart its entries are.
        pads: Padding before each axis, then after each.
        auto_pad: "NOTSET", "VALID", "SAME_UPPER" or "SAME_LOWER".
    """

    kernel: Sizes
    stride: Sizes
    dilation: Sizes
    pads: Sizes
    auto_pad: str

    @classmethod
    def of(cls, call: Call, kernel: Sequence[int] | None = None) -> "Window":
        """The window of an operation.

        Raises:
            UnsupportedError: If it has another number of axes than the positions.
        """
        kernel = tuple(int(n) for n in (kernel if kernel is not None else call.attrs.get("kernel_shape", ())))
        rank = len(kernel)

        def sizes(name: str, count: int, default: int) -> Sizes:
            found = tuple(int(n) for n in call.attrs.get(name) or (default,) * count)
            if len(found) != count:
                raise UnsupportedError(f"its {name} are of another number of axes than its window")
            return found

        if rank != call.rank - 2 or not 1 <= rank <= 3:
            raise UnsupportedError(f"a window of {rank} axes over {call.rank - 2}")
        pads, auto_pad = sizes("pads", 2 * rank, 0), str(call.attrs.get("auto_pad", "NOTSET"))
        return cls(kernel, sizes("strides", rank, 1), sizes("dilations", rank, 1), pads, auto_pad)

    @property
    def spans(self) -> list[int]:
        """Positions from the first entry to the last, for each axis."""
        return [d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True)]

    def padding(self, positions: Sequence[int], *, is_transposed: bool = False) -> tuple[list[int], list[int]]:
        """Padding before and after each axis."""
        rank = len(self.kernel)
        if self.auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
            pads = self.pads if self.auto_pad != "VALID" else (0,) * (2 * rank)
            return list(pads[:rank]), list(pads[rank:])
        if is_transposed:
            total = [max(span - s, 0) for span, s in zip(self.spans, self.stride, strict=True)]
        else:
            made = [-(-n // s) for n, s in zip(positions, self.stride, strict=True)]
            parts = zip(made, self.stride, self.spans, positions, strict=True)
            total = [max((out - 1) * s + span - n, 0) for out, s, span, n in parts]
        less, more = [n // 2 for n in total], [n - n // 2 for n in total]
        return (less, more) if self.auto_pad == "SAME_UPPER" else (more, less)

    def unpooled(self, positions: Sequence[int], extra: Sequence[int]) -> list[int]:
        """Positions that a transposed convolution makes before anything is cut off."""
        parts = zip(positions, self.stride, self.spans, extra, strict=True)
        return [(n - 1) * s + span + more for n, s, span, more in parts]


def pool(reduction: str) -> Operator:
    """Pooling over windows."""

    def operate(call: Call) -> Made:
        window, positions = Window.of(call), call.x.shape[2:]
        before, after = window.padding(positions)
        ceil_mode = bool(call.attrs.get("ceil_mode", 0))
        counts_padding = reduction == "mean" and bool(call.attrs.get("count_include_pad", 0))
        if before != after:
            before, ceil_mode = _open_ended(window, positions, before, after, counts_padding or ceil_mode)
        settings: dict[str, Any] = {"reduction": reduction, "kernel_size": window.kernel, "stride": window.stride}
        settings |= {"padding": tuple(before), "dilation": window.dilation}
        made = call.apply("pool", call.x, ceil_mode=ceil_mode, count_include_pad=counts_padding, **settings)
        return [made, *(None,) * (call.num_outputs - 1)]

    return operate


def _open_ended(
    window: Window, positions: Sequence[int], before: list[int], after: list[int], is_strict: bool
) -> tuple[list[int], bool]:
    """Padding that differs between the sides as windows that reach beyond the end, which see the same numbers.

    Raises:
        UnsupportedError: If there is no such way.
    """
    for n, s, span, start, end in zip(positions, window.stride, window.spans, before, after, strict=True):
        made = (n + start + end - span) // s + 1
        open_ended = -(-(n + 2 * start - span) // s) + 1
        if (open_ended - 1) * s >= n + start:
            open_ended -= 1
        if is_strict or made != open_ended or start > end:
            raise UnsupportedError(f"a pool with padding {before} before and {after} after")
    return before, True


def pad(call: Call) -> Made:
    """More entries at the ends of axes."""
    pads = [int(n) for n in call.list("pads", 1) or ()]
    value = call.number("value", 2, 0.0)
    axes = [call.axis(axis) for axis in call.list("axes", 3) or range(call.rank)]
    if len(pads) != 2 * len(axes):
        raise UnsupportedError("its pads are of another number of axes")
    amounts = [0] * (2 * call.rank)
    for place, axis in enumerate(axes):
        last = call.rank - 1 - axis
        amounts[2 * last : 2 * last + 2] = pads[place], pads[place + len(axes)]
    mode = {"constant": "constant", "reflect": "reflect", "edge": "replicate"}.get(call.attrs.get("mode", "constant"))
    if mode is None:
        raise UnsupportedError(f"padding of kind {call.attrs['mode']}")
    while len(amounts) > 2 and amounts[-2:] == [0, 0]:
        amounts = amounts[:-2]
    if not any(amounts):
        return call.x
    return call.apply("pad", call.x, amounts=tuple(amounts), mode=mode, value=value or 0.0)


def resize(call: Call) -> Made:
    """Interpolation, where torch has the same."""
    is_old = call.op == "Upsample" or call.opset < 11
    scales = call.list("scales", 1 if is_old else 2) or None
    sizes = None if is_old else call.list("sizes", 3)
    if call.attrs.get("axes") is not None:
        raise UnsupportedError("interpolation of some axes")
    shape, rank = call.x.shape, call.rank
    if scales is None and sizes is None:
        raise UnsupportedError("interpolation without sizes")
    target = [int(n) for n in sizes] if sizes else [math.floor(n * f) for n, f in zip(shape, scales or (), strict=True)]
    factors = [want / n for want, n in zip(target, shape, strict=True)] if sizes else [float(f) for f in scales or ()]
    if target[0] in (shape[0], call.literal_batch) and target[1] == shape[1]:
        return _interpolated(call, target[2:], factors[2:], is_old)
    raise UnsupportedError(f"interpolation of {rank} axes, channels among them")


def _interpolated(call: Call, size: list[int], factors: list[float], is_old: bool) -> Made:
    kind = str(call.attrs.get("mode", "nearest"))
    coordinates = "asymmetric" if is_old else str(call.attrs.get("coordinate_transformation_mode", "half_pixel"))
    rounding = "floor" if is_old else str(call.attrs.get("nearest_mode", "round_prefer_floor"))
    is_whole = all(f == int(f) for f in factors)
    corners = coordinates == "align_corners"
    if kind == "nearest":
        mode = _nearest(coordinates, rounding, is_whole=is_whole)
    else:
        linear = {1: "linear", 2: "bilinear", 3: "trilinear"}.get(len(size))
        mode = {"linear": linear, "cubic": "bicubic" if len(size) == 2 else None}.get(kind)
        fits = coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners")
        cubic = kind != "cubic" or float(call.attrs.get("cubic_coeff_a", -0.75)) == -0.75
        mode = mode if fits and cubic and not call.attrs.get("exclude_outside", 0) else None
    if mode is None or call.attrs.get("antialias", 0):
        raise UnsupportedError(f"{kind} interpolation with {coordinates} coordinates")
    exact = all(math.isclose(f * n, want) for f, n, want in zip(factors, call.x.shape[2:], size, strict=True))
    scale = () if exact or corners else tuple(factors)
    return call.apply("resize", call.x, size=tuple(size), mode=mode, align_corners=corners, scale=scale)


def _nearest(coordinates: str, rounding: str, *, is_whole: bool) -> str | None:
    if coordinates == "asymmetric" and rounding == "floor":
        return "nearest"
    if coordinates in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_prefer"):
        return "nearest" if is_whole else "nearest-exact"
    return None


WINDOWS: dict[str, Operator] = {
    "AveragePool": pool("mean"),
    "MaxPool": pool("max"),
    "Pad": pad,
    "Resize": resize,
    "Upsample": resize,
}
