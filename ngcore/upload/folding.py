"""Weights that a file keeps in parts, as weight norm and spectral norm do, put together again."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ngcore.text import clean_text
from ngcore.upload.shapes import Shape

Kind = Literal["weight norm", "spectral norm"]
PARAMETRISED = re.compile(r"(?:(?P<prefix>.*)\.)?parametrizations\.(?P<name>\w+)\.(?P<part>original[01]?|\d+\._[uv])")
OLD_SUFFIXES: dict[Kind, tuple[str, ...]] = {"spectral norm": ("_orig", "_u", "_v"), "weight norm": ("_g", "_v")}
MAX_NAMES = 4  # that a note lists


@dataclasses.dataclass(frozen=True)
class Fold:
    """A weight that is kept in parts.

    Attributes:
        target: The name it has as a whole.
        kind: How its parts make it up.
        parts: Names of its parts: size and direction of weight norm; weight, u and v of spectral norm.
        shape: Its shape.
    """

    target: str
    kind: Kind
    parts: tuple[str, ...]
    shape: Shape


def find_folds(shapes: Mapping[str, Shape]) -> list[Fold]:
    """The weights that are kept in parts, by the names and shapes that torch gives these, today's and former ones.

    What is named so and does not fit is left as it is.
    """
    found = [*_old_folds(shapes), *_new_folds(shapes)]
    return [fold for fold in found if fold.target not in shapes and _fits(fold, [shapes[name] for name in fold.parts])]


def _old_folds(shapes: Mapping[str, Shape]) -> list[Fold]:
    folds = []
    for kind, suffixes in OLD_SUFFIXES.items():
        for name in shapes:
            target = name.removesuffix(suffixes[0])
            parts = tuple(target + suffix for suffix in suffixes)
            if target != name and all(part in shapes for part in parts):
                folds.append(Fold(target, kind, parts, shapes[parts[0 if kind == "spectral norm" else 1]]))
    return folds


def _new_folds(shapes: Mapping[str, Shape]) -> list[Fold]:
    """Those of torch.nn.utils.parametrizations with a single parametrisation."""
    parts: dict[str, dict[str, str]] = {}
    for name in shapes:
        if match := PARAMETRISED.fullmatch(name):
            target = f"{match['prefix']}.{match['name']}" if match["prefix"] else match["name"]
            parts.setdefault(target, {})[match["part"]] = name
    folds = []
    for target, names in parts.items():
        if names.keys() == {"original0", "original1"}:
            pair = (names["original0"], names["original1"])
            folds.append(Fold(target, "weight norm", pair, shapes[pair[1]]))
        elif names.keys() == {"original", "0._u", "0._v"}:
            triple = (names["original"], names["0._u"], names["0._v"])
            folds.append(Fold(target, "spectral norm", triple, shapes[triple[0]]))
    return folds


def _fits(fold: Fold, shapes: Sequence[Shape]) -> bool:
    if fold.kind == "weight norm":
        size, direction = shapes
        return not size or (
            len(size) == len(direction) and all(a in (1, b) for a, b in zip(size, direction, strict=True))
        )
    weight, left, right = shapes
    return len(weight) > 1 and math.prod(weight) > 0 and _axis(weight, left, right) is not None


def _axis(weight: Shape, left: Shape, right: Shape) -> int | None:
    """The axis of outputs: 0, or 1 for transposed convolutions; None if the vectors fit neither."""
    sizes = (math.prod(weight) // size for size in weight[:2])
    fitting = ((weight[axis],) == left and (size,) == right for axis, size in enumerate(sizes))
    return next((axis for axis, fits in enumerate(fitting) if fits), None)


def fold_parts(fold: Fold, parts: Sequence[np.ndarray]) -> np.ndarray:
    """A weight from its parts, in float64 within: g · v / ‖v‖, or W / (uᵀ W v); float32."""
    with np.errstate(all="ignore"):  # a norm of zero gives NaN, as in torch
        first, *others = (part.astype(np.float64) for part in parts)
        if fold.kind == "weight norm":
            (direction,) = others
            axes = tuple(axis for axis in range(direction.ndim) if not first.ndim or first.shape[axis] == 1)
            norm = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
            return (first * (direction / norm)).astype(np.float32)
        left, right = others
        matrix = np.moveaxis(first, _axis(first.shape, left.shape, right.shape) or 0, 0).reshape(left.size, -1)
        return (first / (left @ matrix @ right)).astype(np.float32)


def fold_notes(folds: Sequence[Fold]) -> list[str]:
    """What to say about weights that were put together."""
    notes = []
    for kind in OLD_SUFFIXES:
        names = [clean_text(fold.target, length=60) for fold in folds if fold.kind == kind]
        if names:
            listed = f"{', '.join(names[:MAX_NAMES])}{', …' if len(names) > MAX_NAMES else ''}"
            notes.append(f"The {kind} of {listed} was folded into the weights.")
    return notes


def fold_tensors(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors with each weight that was kept in parts as a whole, where its first part stood, and notes that say so."""
    folds = find_folds({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    by_part = {part: fold for fold in folds for part in fold.parts}
    whole: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        fold = by_part.get(name)
        if fold is None:
            whole[name] = tensor
        elif fold.target not in whole:
            arrays = [tensors[part].double().numpy() for part in fold.parts]
            whole[fold.target] = torch.from_numpy(fold_parts(fold, arrays))
    return whole, fold_notes(folds)
