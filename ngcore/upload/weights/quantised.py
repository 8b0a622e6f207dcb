"""Weights stored as whole numbers or bytes with scales beside them, read as the numbers that they stand for."""

from collections.abc import Mapping

import numpy as np

from ngcore.upload.weights.tensor import WeightTensor, decode

SMALL = frozenset({"int8", "uint8", "float8_e4m3fn", "float8_e5m2"})
SCALE_NAMES = ("{}_scale", "{}_scale_inv", "{}.scale", "{}_scales")
SCB_DIVISOR = 127  # bitsandbytes keeps the largest absolute value of each row, which stands for 127


def apply_scales(tensors: Mapping[str, WeightTensor]) -> tuple[dict[str, WeightTensor], dict[str, str]]:
    """Tensors with each that has scales beside it as the numbers that it stands for.

    Known are `weight` with `weight_scale`, `weight_scale_inv`, `weight.scale` or `weight_scales`, and `SCB` beside it,
    as of bitsandbytes; a `weight_zero_point` is subtracted first. Scales may be one for all, one per row, or one per
    block.

    Returns:
        The tensors, and for the name of each used scale the reason why it is none of them.
    """
    result, aside = dict(tensors), {}
    for name, tensor in tensors.items():
        if tensor.dtype not in SMALL or len(tensor.shape) < 2:
            continue
        scale_name, divisor = _scale_of(name, tensors)
        scale = tensors.get(scale_name)
        if scale is None or not scale.is_float or not _fits(scale.shape, tensor.shape):
            continue
        zero = tensors.get(f"{name}_zero_point")
        zero = zero if zero is not None and _fits(zero.shape, tensor.shape) else None
        result[name] = _scaled(tensor, scale, zero, divisor)
        for used in (scale, *([zero] if zero else [])):
            result.pop(used.name, None)
            aside[used.name] = f"scale of {name}"
    return result, aside


def _scale_of(name: str, tensors: Mapping[str, WeightTensor]) -> tuple[str, float]:
    for pattern in SCALE_NAMES:
        if (scale := pattern.format(name)) in tensors:
            return scale, 1.0
    return f"{name.removesuffix('weight')}SCB", float(SCB_DIVISOR)


def _fits(scale: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if 0 in (*scale, *shape):
        return False
    if scale in ((), (1,), shape[:1]):
        return True
    return len(scale) == len(shape) and all(a <= b for a, b in zip(scale, shape, strict=True))


def _scaled(tensor: WeightTensor, scale: WeightTensor, zero: WeightTensor | None, divisor: float) -> WeightTensor:
    def read() -> np.ndarray:
        values = decode(tensor.read(), tensor.dtype).reshape(tensor.shape)
        if zero is not None:
            values = values - _spread(decode(zero.read(), zero.dtype), tensor.shape)
        with np.errstate(over="ignore", invalid="ignore"):
            return (values * _spread(decode(scale.read(), scale.dtype), tensor.shape) / divisor).astype(np.float32)

    return WeightTensor(tensor.name, tensor.shape, "float32", read, made_of=f"{tensor.dtype} times {scale.name}")


def _spread(scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Scales in a form that can be multiplied with all numbers."""
    if scale.ndim != len(shape):
        return scale.reshape(-1, *[1] * (len(shape) - 1))
    for axis, (count, size) in enumerate(zip(scale.shape, shape, strict=True)):
        if count not in (1, size):
            block = -(-size // count)
            scale = np.repeat(scale, block, axis=axis).take(range(size), axis=axis)
    return scale
