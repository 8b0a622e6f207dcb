"""What the neurons of a graph answer: the values of a forward pass, node block by node block."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.graph.structure import GraphStructure, NodeBlock

STATISTICS = ("mean", "standard deviation", "maximum", "minimum")
STAGES = ("before the activation", "after the activation")
SMALL = 1e-6  # added to a variance, so that the deviation of equal values has a gradient


def node_responses(
    structure: GraphStructure, values: Sequence[Tensor]
) -> list[Float[Tensor, "networks inputs neurons"]]:
    """The activations of each node block; means over the positions of maps.

    Args:
        structure: The graph.
        values: All values of a forward pass, see `Network.values`.

    Returns:
        One tensor a node block; zeros for neurons that no value holds, such as the scores of attention.
    """
    return [_response(block, values) for block in structure.node_blocks]


def node_statistics(
    structure: GraphStructure, values: Iterable[Tensor]
) -> list[Float[Tensor, "networks inputs neurons stages statistics"]]:
    """Mean, standard deviation, maximum and minimum over positions, before and after the activation of each neuron.

    Positions are those of maps, time steps and tokens; a neuron without any has one.

    Args:
        structure: The graph.
        values: All values of a forward pass in their order, see `forward_values`; none is held.

    Returns:
        One tensor a node block, with the axes of `STAGES` and of `STATISTICS`; zeros where no value holds the neurons.
        Where no activation follows, both stages are alike.
    """
    places = _places_in_values(structure)
    found: dict[tuple[int, int], Tensor] = {}
    shape: tuple[int, int] | None = None
    empty: Tensor | None = None
    for number, value in enumerate(values):
        shape = shape or (value.shape[0], value.shape[1])
        if not value.is_floating_point() or value.dim() < 3:
            continue
        empty = value.new_zeros(()) if empty is None else empty
        for channel, size, spread, wanted in places.get(number, ()):
            statistics = _statistics(_channels(value, channel, size, spread)).expand(-1, shape[1], -1, -1)
            found |= dict.fromkeys(wanted, statistics)
    assert shape is not None  # there is an input
    assert empty is not None  # and a value of numbers
    blank = [empty.expand(*shape, block.size, len(STATISTICS)) for block in structure.node_blocks]
    return [
        torch.stack([found.get((number, stage), blank[number]) for stage in range(len(STAGES))], dim=3)
        for number in range(len(structure.node_blocks))
    ]


@functools.lru_cache(maxsize=1024)
def _places_in_values(
    structure: GraphStructure,
) -> dict[int, list[tuple[int, int, int, list[tuple[int, int]]]]]:
    """For each value (first channel, neurons, channels of each, [(node block, stage)]) of what is read there."""
    found: dict[tuple[int, int, int, int], list[tuple[int, int]]] = {}
    for number, block in enumerate(structure.node_blocks):
        if block.value is not None:
            found.setdefault((block.value, block.first, block.size, 1), []).append((number, 0))
        if block.response is not None:
            found.setdefault((block.response, block.channel, block.size, block.spread), []).append((number, 1))
    places: dict[int, list[tuple[int, int, int, list[tuple[int, int]]]]] = {}
    for (value, *run), wanted in found.items():
        places.setdefault(value, []).append((run[0], run[1], run[2], wanted))
    return places


def _statistics(x: Float[Tensor, "networks inputs neurons positions"]) -> Float[Tensor, "networks inputs neurons 4"]:
    """`STATISTICS` over the last axis."""
    count = x.shape[3]
    if count == 1:
        return torch.cat([x, torch.zeros_like(x), x, x], dim=3)
    return torch.stack(PositionMoments.apply(x), dim=3)


class PositionMoments(torch.autograd.Function):
    """`STATISTICS` over the last axis, for large maps: one lean pass back, where torch's own formulas need nine.

    Where several entries tie for an extremum, one of them has its gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The four of them, each without the last axis."""
        mean = x.mean(dim=-1)
        squares = torch.linalg.vector_norm(x, dim=-1).square() / x.shape[-1]
        deviation = ((squares - mean.square()).relu() + SMALL).sqrt()
        if not ctx.needs_input_grad[0]:
            return mean, deviation, x.amax(dim=-1), x.amin(dim=-1)
        largest, highest = x.max(dim=-1)
        smallest, lowest = x.min(dim=-1)
        ctx.save_for_backward(x, mean, deviation, highest, lowest)
        return mean, deviation, largest, smallest

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Gradient of x."""
        x, mean, deviation, highest, lowest = ctx.saved_tensors
        of_mean, of_deviation, of_largest, of_smallest = gradients
        slope = of_deviation / (deviation * x.shape[-1])
        offset = of_mean / x.shape[-1] - slope * mean
        gradient = torch.addcmul(offset[..., None], x, slope[..., None])
        for place, of_extremum in ((highest, of_largest), (lowest, of_smallest)):
            gradient.scatter_add_(-1, place[..., None], of_extremum[..., None])
        return gradient


def _response(block: NodeBlock, values: Sequence[Tensor]) -> Tensor:
    if block.response is None or values[block.response].dim() < 3 or not values[block.response].is_floating_point():
        networks, inputs = values[0].shape[:2]
        example = next(value for value in values if value.is_floating_point())
        return example.new_zeros(networks, inputs, block.size)
    value = _channels(values[block.response], block.channel, block.size, block.spread)
    return value.mean(dim=3).expand(-1, values[0].shape[1], -1)


def _channels(
    value: Tensor, channel: int, size: int, spread: int
) -> Float[Tensor, "networks inputs neurons positions"]:
    """The values of neurons that stand one after the other among the channels of a value, `spread` channels each."""
    if size * spread < value.shape[2]:
        value = value[:, :, channel : channel + size * spread]
    if spread > 1:
        value = value.unflatten(2, (size, spread))
    return value.flatten(3) if value.dim() > 3 else value[..., None]
