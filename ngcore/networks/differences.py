"""How far apart the parameters of two networks of one architecture are: in all, tensor by tensor, neuron by neuron."""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.alignment import align
from ngcore.networks.labels import parameter_axes
from ngcore.networks.layers import Axis
from ngcore.networks.network import Network


@dataclasses.dataclass(frozen=True)
class Distance:
    """How far apart two points of weight space are.

    Attributes:
        length: Euclidean length of the difference.
        relative: Its share of the length of the first; NaN where that is 0.
        cosine: Cosine of the angle between the two; NaN where one of them is 0.
    """

    length: float
    relative: float
    cosine: float


@dataclasses.dataclass(frozen=True)
class TensorDifference:
    """How far apart two tensors of parameters are; sizes are root mean squares over their entries.

    Attributes:
        name: Of the tensor, such as "2.weight".
        count: Number of its entries.
        first: Size of the first network's.
        second: Size of the second network's.
        change: Size of the difference.
        largest: The largest |difference|.
    """

    name: str
    count: int
    first: float
    second: float
    change: float
    largest: float

    @property
    def relative(self) -> float:
        """The difference as a share of the size of the first; NaN where that is 0."""
        return self.change / self.first if self.first else math.nan


@dataclasses.dataclass(frozen=True)
class NeuronDifferences:
    """How far apart the neurons of one layer are, by all parameters that lead into each of them.

    Of transposed convolutions in groups the biases alone are counted.

    Attributes:
        layer: Name of the layer, such as "2".
        change: Length of the difference, one number per neuron.
        first: Length of the first network's parameters.
    """

    layer: str
    change: Float[Tensor, " neurons"]
    first: Float[Tensor, " neurons"]

    @property
    def relative(self) -> Float[Tensor, " neurons"]:
        """The differences as shares of `first`; NaN where that is 0."""
        return torch.where(self.first > 0, self.change / self.first, math.nan)


@dataclasses.dataclass(frozen=True)
class Aligned:
    """A network with its hidden neurons put where they are nearest to those of another.

    Attributes:
        network: Computes the same as the given one.
        given: Distance of the given network from the other.
        reached: Distance of `network` from the other, never larger.
    """

    network: Network
    given: Distance
    reached: Distance


def aligned_with(network: Network, reference: Network) -> Aligned:
    """Align one network with another, and say what that changes of their distance; see `align`.

    Raises:
        ShapeMismatchError: If these are not two single networks of one architecture.
    """
    moved = align(network, reference)
    return Aligned(moved, weight_distance(reference, network), weight_distance(reference, moved))


def weight_distance(first: Network, second: Network) -> Distance:
    """How far apart all parameters of two networks are.

    Raises:
        ShapeMismatchError: If these are not two single networks of one architecture.
    """
    _expect_pair(first, second)
    start, end = (network.flatten()[0].double().cpu() for network in (first, second))
    length, sizes = float((end - start).norm()), (float(start.norm()), float(end.norm()))
    cosine = max(-1.0, min(1.0, float(start @ end) / math.prod(sizes))) if all(sizes) else math.nan
    return Distance(length, length / sizes[0] if sizes[0] else math.nan, cosine)


def tensor_differences(first: Network, second: Network) -> list[TensorDifference]:
    """One row for each tensor of parameters, in the order of the architecture.

    Raises:
        ShapeMismatchError: If these are not two single networks of one architecture.
    """
    _expect_pair(first, second)
    rows = []
    for name, tensor in first.parameters.items():
        start, end = (values[0].double().cpu() for values in (tensor, second.parameters[name]))
        largest = float((end - start).abs().max()) if start.numel() else 0.0
        rows.append(TensorDifference(name, start.numel(), _size(start), _size(end), _size(end - start), largest))
    return rows


def _size(values: Tensor) -> float:
    """Root mean square of numbers; 0 of none."""
    return float(values.square().mean().sqrt()) if values.numel() else 0.0


def neuron_differences(first: Network, second: Network) -> list[NeuronDifferences]:
    """The neurons of every layer that has parameters, in the order of the architecture.

    Raises:
        ShapeMismatchError: If these are not two single networks of one architecture.
    """
    _expect_pair(first, second)
    squares: dict[str, tuple[Tensor, Tensor]] = {}
    for name, _, step, _, axes in parameter_axes(first.architecture):
        place = next((i for i, axis in enumerate(axes) if axis is not None and _runs_along_results(axis)), None)
        if place is None:
            continue
        repeats = axes[place].repeats  # type: ignore[union-attr]
        start, end = (network.parameters[name][0].double().cpu() for network in (first, second))
        own = [_squares(values, place, repeats) for values in (end - start, start)]
        known = squares.get(step.name)
        squares[step.name] = (own[0], own[1]) if known is None else (known[0] + own[0], known[1] + own[1])
    return [NeuronDifferences(name, change.sqrt(), size.sqrt()) for name, (change, size) in squares.items()]


def _runs_along_results(axis: Axis) -> bool:
    """Whether the channels of a layer's result run along an axis, each once for every repeat."""
    return axis.end == "out" and axis.of_value == 0 and axis.groups == 1


def _squares(values: Tensor, place: int, repeats: int) -> Float[Tensor, " neurons"]:
    """Sums of squares for each neuron along an axis."""
    return values.movedim(place, 0).reshape(repeats, values.shape[place] // repeats, -1).square().sum(dim=(0, 2))


def _expect_pair(first: Network, second: Network) -> None:
    if first.architecture != second.architecture or (len(first), len(second)) != (1, 1):
        raise ShapeMismatchError(
            f"Expected two single networks of one architecture, got {len(first)} of {first.architecture.name} and "
            f"{len(second)} of {second.architecture.name}."
        )
