"""Symmetries of single neurons: flipping the sign where the activation is odd, rescaling where it is homogeneous."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.labels import parameter_axes
from ngcore.networks.layers.base import Symmetry
from ngcore.networks.network import Network
from ngcore.networks.spaces import symmetry_spaces


def sign_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may be negated: free, only odd activations (sine, tanh, none), no norms."""
    return _spaces_that_pass(architecture, "sign")


def scale_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may be rescaled: free, only homogeneous activations (relu, leaky_relu, none), no norms."""
    return _spaces_that_pass(architecture, "scale")


@lru_cache(maxsize=64)
def _spaces_that_pass(architecture: Architecture, symmetry: Symmetry) -> tuple[int, ...]:
    found = symmetry_spaces(architecture)
    blocked = {
        number
        for axes in found.labels.of_value
        for own in axes[1:]
        for number in np.unique(found.of_label[own]).tolist()
    }
    for number, step in enumerate(architecture.steps):
        flow, made = step.layer.flow, architecture.num_inputs + number
        reads = list(step.reads)
        if flow == "mix":
            continue  # reads what it multiplies by weights, and makes sums
        if flow == "source":
            reads = [] if step.layer.is_learned else [made]  # type: ignore[attr-defined]
        elif flow == "scan":
            reads = [*reads[1:], made]
        elif flow == "reduce":
            reads = [*reads, made]
        elif symmetry in step.layer.passes:
            continue
        for value in reads:
            blocked |= set(np.unique(found.of_channels(value)).tolist())
    return tuple(i for i, space in enumerate(found.spaces) if not space.is_fixed and i not in blocked)


def flip_signs(network: Network, signs: torch.Generator | Mapping[int, Float[Tensor, "networks _"]]) -> Network:
    """Negate hidden neurons: their incoming weights, biases and outgoing weights; the function stays the same.

    Args:
        network: N networks.
        signs: By number of the space, (networks, size) of +1 and −1; or a generator that draws them for all of
            `sign_spaces(network.architecture)`.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If signs do not fit their space.
    """
    free = sign_spaces(network.architecture)
    if isinstance(signs, torch.Generator):
        signs = {i: 2.0 * torch.randint(2, size, generator=signs) - 1.0 for i, size in sizes_of_spaces(network, free)}
    if any((sign.abs() != 1).any() for sign in signs.values()):
        raise ShapeMismatchError("Expected signs of +1 and -1, got other numbers.")
    return multiply_spaces(network, signs, free, "flips signs in spaces")


def rescale(network: Network, scales: torch.Generator | Mapping[int, Float[Tensor, "networks _"]]) -> Network:
    """Multiply hidden neurons by positive scales and divide their outgoing weights; the function stays the same.

    Args:
        network: N networks.
        scales: By number of the space, (networks, size) of positive numbers; or a generator that draws them
            log-uniformly between 1/2 and 2 for all of `scale_spaces(network.architecture)`.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If scales do not fit their space.
    """
    free = scale_spaces(network.architecture)
    if isinstance(scales, torch.Generator):
        scales = {
            i: torch.exp2(2 * torch.rand(size, generator=scales, dtype=torch.float64) - 1)
            for i, size in sizes_of_spaces(network, free)
        }
    if any((scale <= 0).any() for scale in scales.values()):
        raise ShapeMismatchError("Expected positive scales, got zero or negative numbers.")
    return multiply_spaces(network, scales, free, "rescales spaces")


def sizes_of_spaces(network: Network, free: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    """(number, (networks, size)) of each of the spaces: the shape of one number per neuron."""
    spaces = symmetry_spaces(network.architecture).spaces
    return [(i, (len(network), spaces[i].size)) for i in free]


def multiply_spaces(
    network: Network, factors: Mapping[int, Tensor], free: Sequence[int], what: str, *, only_after: bool = False
) -> Network:
    """Multiply the values of every space by its factors (networks, size), through the weights before and after.

    Args:
        network: N networks.
        factors: By number of the space.
        free: The spaces that allow it.
        what: What the symmetry does, for messages: "flips signs in spaces".
        only_after: Whether something else has multiplied the values, so that only the weights after them divide.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If factors do not fit their space.
    """
    architecture = network.architecture
    if not set(factors) <= set(free):
        raise ArchitectureError(f"Expected a symmetry that {what} {list(free)}, got {sorted(factors)}.")
    found = symmetry_spaces(architecture)
    for i, size in sizes_of_spaces(network, sorted(factors)):
        if tuple(factors[i].shape) != size:
            raise ShapeMismatchError(f"Expected factors of shape {size} in space {i}, got {tuple(factors[i].shape)}.")
    of_label = torch.ones(len(network), found.labels.count, device=network.device, dtype=network.dtype)
    for i, factor in factors.items():
        of_label[:, torch.from_numpy(found.spaces[i].labels)] = factor.to(of_label)
    parameters = dict(network.parameters)
    for name, made, step, groups, axes in parameter_axes(architecture):
        for place, axis in enumerate(axes):
            if axis is None or axis.of_value or step.layer.flow == "norm" or (only_after and axis.end == "out"):
                continue
            own = of_label[:, torch.from_numpy(found.labels.along(step.reads, made, axis))]
            if bool((own == 1).all()):
                continue
            own = own if axis.end == "out" else 1 / own
            parameters[name] = parameters[name] * _beside(own, parameters[name], place, axis.groups, groups)
    return network.having(parameters)


def _beside(factors: Tensor, tensor: Tensor, place: int, axis_groups: int, groups: int) -> Tensor:
    """Factors along one axis of a parameter, in a shape that broadcasts against it."""
    shape = [1] * tensor.dim()
    shape[0] = tensor.shape[0]
    if axis_groups == 1:
        shape[place + 1] = factors.shape[1]
        return factors.view(shape)
    shape[1], shape[place + 1] = tensor.shape[1], tensor.shape[place + 1]
    rows = factors.unflatten(1, (groups, -1)).repeat_interleave(tensor.shape[1] // groups, dim=1)
    return rows.view(shape)  # networks, rows, entries of the group of the row
