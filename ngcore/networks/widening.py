"""Wider networks that compute the same function: neurons duplicated, the weights that leave them split."""

import dataclasses
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ngcore.errors import ArchitectureError
from ngcore.networks.architecture import Architecture, Step
from ngcore.networks.labels import Indices
from ngcore.networks.layers import (
    Axis,
    Constant,
    Convolution,
    Embedding,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MapNorm,
    PReLU,
    Recurrence,
    RMSNorm,
    Rotary,
    Slice,
    Softmax,
)
from ngcore.networks.layers.norms import Norm
from ngcore.networks.network import Network
from ngcore.networks.spaces import symmetry_spaces

Split = Literal["equal", "unequal"]

READS_ALL = (Softmax, LocalResponseNorm, Rotary)
"""Layers to which it matters how many channels there are, or which one stands where."""

AVERAGES = (LayerNorm, RMSNorm, GroupNorm, MapNorm)
"""Layers that average over channels: the same where all are duplicated equally often."""


_Copies = tuple[Indices, bool] | None
"""For each new entry along an axis the old one, and whether copies share its value; None: as it is."""


def wide_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may be duplicated without a change of the function (see `symmetry_spaces`).

    Those of inputs and outputs may not, nor what attention, or a layer that counts channels, reads.
    """
    return _plan(architecture, 2).spaces


def widen(
    network: Network, factor: int, *, split: Split = "equal", generator: torch.Generator | None = None
) -> Network:
    """Duplicate hidden neurons and split the weights that leave them, so that the function stays the same.

    A copy has the incoming weights and the bias of its original. What left the original leaves its copies in parts
    that sum to it: Σ_c w_c = w (Net2Net, Chen et al. 2016).

    Args:
        network: N networks.
        factor: Copies of each neuron, itself included.
        split: "equal" gives every copy w / factor; "unequal" random positive parts, other ones for each single weight.
        generator: Draws the parts, on the CPU; None: seed 0.

    Returns:
        N networks of another architecture, `factor` times as wide in all of `wide_spaces`.

    Raises:
        ArchitectureError: If the factor is below 1, or no neuron may be duplicated.
    """
    if factor < 1:
        raise ArchitectureError(f"Expected a factor of at least 1, got {factor}.")
    plan = _plan(network.architecture, factor)
    if not plan.spaces:
        raise ArchitectureError(
            f"Expected a network with hidden neurons to duplicate, got {network.architecture.name}."
        )
    if factor == 1:
        return network
    generator = generator or torch.Generator().manual_seed(0)
    parameters = {
        name: _spread(network.parameters[name], plan.axes[name], split, generator) for name in network.parameters
    }
    return Network(plan.architecture, parameters)


def _spread(tensor: Tensor, axes: tuple[_Copies, ...], split: Split, generator: torch.Generator) -> Tensor:
    """A parameter with its entries copied along every axis, and split along those that are read."""
    for place, copies in enumerate(axes):
        if copies is None:
            continue
        source, is_split = torch.from_numpy(copies[0]).to(tensor.device), copies[1]
        count = tensor.shape[place + 1]
        tensor = tensor.index_select(place + 1, source)
        if is_split and len(source) > count:
            parts = torch.ones(tensor.shape, dtype=torch.float64)
            if split == "unequal":
                parts.exponential_(generator=generator)
            shape = (*parts.shape[: place + 1], count, *parts.shape[place + 2 :])
            sums = torch.zeros(shape, dtype=torch.float64).index_add(place + 1, source.cpu(), parts)
            tensor = tensor * (parts / sums.index_select(place + 1, source.cpu())).to(tensor)
    return tensor


@dataclasses.dataclass(frozen=True, eq=False)
class _Plan:
    """What becomes of an architecture.

    Attributes:
        architecture: The wider one.
        spaces: The spaces whose neurons are duplicated.
        axes: By parameter what becomes of its axes.
    """

    architecture: Architecture
    spaces: tuple[int, ...]
    axes: dict[str, tuple[_Copies, ...]]


@lru_cache(maxsize=64)
def _plan(architecture: Architecture, factor: int) -> _Plan:
    """Duplicate all that may be; where that does not fit, the spaces concerned are left as they are."""
    found = symmetry_spaces(architecture)
    chosen = {i for i, space in enumerate(found.spaces) if not space.is_fixed}
    chosen -= {
        int(number)
        for axes in found.labels.of_value
        for own in axes[1:]
        for number in np.unique(found.of_label[own]).tolist()
    }
    while True:
        tracer = _Tracer(architecture, factor, frozenset(chosen))
        misfits = tracer.run() | tracer.misfits_of_parameters()
        if not misfits & chosen:
            break
        chosen -= misfits
    steps = tuple(
        dataclasses.replace(step, layer=tracer.resized(number, step)) for number, step in enumerate(architecture.steps)
    )
    wider = dataclasses.replace(architecture, steps=steps)
    return _Plan(wider, tuple(sorted(chosen)), tracer.axes)


class _Tracer:
    """Follows the copies of neurons along the steps.

    Args:
        architecture: What is to be made wider.
        factor: Copies of each neuron.
        chosen: Spaces whose neurons are duplicated.
    """

    def __init__(self, architecture: Architecture, factor: int, chosen: frozenset[int]) -> None:
        self.architecture, self.found = architecture, symmetry_spaces(architecture)
        self.copies = np.ones(self.found.labels.count, np.int64)
        for number in chosen:
            self.copies[self.found.spaces[number].labels] = factor
        self.sources: list[Indices] = [np.arange(shape[0]) for shape in architecture.input_shapes]
        self.axes: dict[str, tuple[_Copies, ...]] = {}

    def run(self) -> set[int]:
        """Find the old channel of each new one in every value.

        Returns:
            Numbers of the spaces that do not fit what a layer does with its channels.
        """
        misfits: set[int] = set()
        for number, step in enumerate(self.architecture.steps):
            made = self.architecture.num_inputs + number
            source, fits = self._follow(step, made)
            self.sources.append(source)
            if not fits:
                misfits |= {space for value in (*step.reads, made) for space in self._spaces(value)}
        return misfits

    def _spaces(self, value: int) -> list[int]:
        return np.unique(self.found.of_channels(value)).tolist()

    def _own(self, value: int) -> Indices:
        """The channels of a value that is computed again, copies side by side."""
        own = self.found.labels.of_value[value][0]
        return np.repeat(np.arange(len(own)), self.copies[own])

    def _is_even(self, source: Indices) -> bool:
        """Whether all channels are duplicated equally often, copies side by side."""
        count = int(source.max()) + 1
        return np.array_equal(source, np.repeat(np.arange(count), len(source) // count))

    def _follow(self, step: Step, made: int) -> tuple[Indices, bool]:
        """The old channel of each new one of what a step makes, and whether the step allows that."""
        layer, xs = step.layer, [self.sources[value] for value in step.reads]
        shapes = [self.architecture.shapes[value] for value in step.reads]
        own = self._own(made)
        match layer.flow:
            case "mix":
                if layer.num_groups == 1:
                    return own, True
                if _is_depthwise(layer):
                    return own, np.array_equal(own, xs[0])
                return own, self._is_even(own) and self._is_even(xs[0])
            case "source":
                return own, True
            case "scan":
                return own, all(np.array_equal(x, own) for x in xs[1:])
            case "keep" | "norm":
                fits = not isinstance(layer, READS_ALL) or len(xs[0]) == shapes[0][0]
                fits &= not isinstance(layer, AVERAGES) or self._is_even(xs[0])
                return xs[0], fits
            case "spread":
                count = self.architecture.shapes[made][0] // shapes[0][0]
                if layer.channels_last:  # type: ignore[attr-defined]
                    return (np.arange(count)[:, None] * shapes[0][0] + xs[0]).reshape(-1), True
                return (xs[0][:, None] * count + np.arange(count)).reshape(-1), True
            case "join" if layer.axis == 0:  # type: ignore[attr-defined]
                starts = np.cumsum([0, *(shape[0] for shape in shapes)])
                return np.concatenate([x + start for x, start in zip(xs, starts, strict=False)]), True
            case "cut" if layer.axis == 0:  # type: ignore[attr-defined]
                return self._cut(layer, xs[0], shapes[0][0])
            case "join" | "cut" | "add" | "multiply":
                whole = [x for x, shape in zip(xs, shapes, strict=True) if shape[0] == len(np.unique(own))]
                is_alike = all(np.array_equal(x, whole[0]) for x in whole)
                narrow = [x for x, shape in zip(xs, shapes, strict=True) if shape[0] != len(np.unique(own))]
                return whole[0], is_alike and all(len(x) == 1 for x in narrow)
        is_as_before = all(len(x) == shape[0] for x, shape in zip(xs, shapes, strict=True))
        return np.arange(self.architecture.shapes[made][0]), is_as_before and len(own) == len(np.unique(own))

    def _cut(self, layer: Layer, x: Indices, count: int) -> tuple[Indices, bool]:
        start, stop, step = layer.start, layer.stop, layer.step  # type: ignore[attr-defined]
        fits = layer.keepdim and (step == 1 or len(x) == count)  # type: ignore[attr-defined]
        fits &= bool((np.diff(x) >= 0).all())
        kept = np.isin(x, np.arange(start, stop, step))
        return np.searchsorted(np.arange(start, stop, step), x[kept]), fits

    def misfits_of_parameters(self) -> set[int]:
        """Find what becomes of the parameters.

        Returns:
            Numbers of the spaces for which steps that share a parameter disagree.
        """
        misfits: set[int] = set()
        for number, step in enumerate(self.architecture.steps):
            made = self.architecture.num_inputs + number
            for name, axes in step.layer.axes.items():
                full = f"{step.name}.{name}"
                own = tuple(self._copies(step, made, name, place, axis) for place, axis in enumerate(axes))
                if not _are_alike(self.axes.setdefault(full, own), own):
                    misfits |= {space for value in (*step.reads, made) for space in self._spaces(value)}
        return misfits

    def _copies(self, step: Step, made: int, name: str, place: int, axis: Axis | None) -> _Copies:
        layer = step.layer
        if axis is None or axis.of_value:
            return None
        value = made if axis.end == "out" else step.reads[0]
        source, count = self.sources[value], self.architecture.shapes[value][0]
        if axis.groups > 1:
            if _is_depthwise(layer):
                return None
            per_group = count // axis.groups
            source, count = np.repeat(np.arange(per_group), len(source) // count), per_group
        is_read = axis.end == "in" or (isinstance(layer, Recurrence) and name == "weight_hh" and place == 1)
        source = np.concatenate([source + count * i for i in range(axis.repeats)])
        return source, is_read and layer.flow in ("mix", "scan") and not _is_depthwise(layer)

    def resized(self, number: int, step: Step) -> Layer:
        """The layer of a step for as many channels as there are now."""
        made = self.architecture.num_inputs + number
        own = len(self.sources[made])
        read = len(self.sources[step.reads[0]]) if step.reads else 0
        changes = _sizes(step.layer, read, own)
        if isinstance(step.layer, Slice) and step.layer.axis == 0:
            start = int(np.searchsorted(self.sources[step.reads[0]], step.layer.start))
            changes = {"start": start, "stop": start + own} if step.layer.step == 1 else {}
        return dataclasses.replace(step.layer, **changes) if changes else step.layer  # type: ignore[type-var]


def _sizes(layer: Layer, read: int, made: int) -> dict[str, object]:
    """The fields of a layer that say how many channels it reads and makes."""
    match layer:
        case Linear():
            return {"in_features": read, "out_features": made}
        case Convolution():
            groups = made if _is_depthwise(layer) else layer.groups
            return {"in_channels": read, "out_channels": made, "groups": groups}
        case Norm():
            return {"num_features": made}
        case MapNorm():
            return {"shape": (made, *layer.shape[1:])}
        case Constant():
            return {"shape": (made, *layer.shape[1:])}
        case Embedding():
            return {"embedding_dim": made}
        case Recurrence():
            return {"input_size": read, "hidden_size": made}
        case PReLU() if layer.num_parameters > 1:
            return {"num_parameters": made}
    return {}


def _is_depthwise(layer: Layer) -> bool:
    """Whether a convolution connects each channel to one of its own."""
    return isinstance(layer, Convolution) and 1 < layer.groups == layer.in_channels == layer.out_channels


def _are_alike(one: tuple[_Copies, ...], other: tuple[_Copies, ...]) -> bool:
    for first, second in zip(one, other, strict=True):
        if first is None or second is None:
            if first is not second:
                return False
        elif not np.array_equal(first[0], second[0]) or (first[1] != second[1] and len(first[0]) > first[0].max() + 1):
            return False
    return True
