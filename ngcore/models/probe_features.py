"""Probe features: how every neuron of an input network responds to learned inputs (paper, Sec. 2.4)."""

import dataclasses
import itertools
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import STATISTICS, GraphStructure, graph_structure, node_responses, node_statistics
from ngcore.models.input_spec import InputSpec
from ngcore.models.probes import probes_for, probes_of
from ngcore.models.rows import Rows
from ngcore.networks import Network, forward_values

MAX_NUMBERS = 2**26  # in one value of a forward pass, 256 MB in single precision

FIRST_GAIN = 0.1
"""Share of the usual size of weights that responses start with, beside what the weights of a network say."""


class ProbeFeatures(nn.Module):
    """Runs networks on learned inputs and turns each neuron's responses into a node feature.

    Responses of maps are averaged over positions. Each layer has its own Linear(probes, d) and LayerNorm.

    Args:
        num_probes: P, learned inputs; see `probes_for`.
        spec: The networks to be read.
        rows: Layers with a projection of their own.
        d_node: Width of the features.
        is_generated: Whether a generator makes the inputs.
    """

    def __init__(
        self, *, num_probes: int, spec: InputSpec, rows: Rows, d_node: int, is_generated: bool = False
    ) -> None:
        super().__init__()
        self.spec, self.rows = spec, rows
        self.probes = probes_for(spec, num_probes, is_generated=is_generated)
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(num_probes, d_node), nn.LayerNorm(d_node)) for _ in range(rows.count)
        )

    def forward(self, network: Network) -> Float[Tensor, "networks nodes d_node"]:
        """Node features of N stacked networks."""
        structure = graph_structure(network.architecture)
        responses = probe_responses(network, probes_of(self.probes, self.spec, network), structure)
        rows = self.rows.of(structure)
        parts = [self.projections[row](response) for row, response in zip(rows, responses, strict=True)]
        return torch.cat(parts, dim=1)


def probe_responses(
    network: Network, inputs: Tensor | Sequence[Tensor], structure: GraphStructure
) -> list[Float[Tensor, "networks _ probes"]]:
    """Activations of each node block; means over the positions of maps.

    Input networks run in their own precision even where the model runs in a lower one: the phases of a sine's large
    omega_0 need it.
    """
    with torch.autocast(network.device.type, enabled=False):
        values = list(_values(network, [inputs] if isinstance(inputs, Tensor) else inputs))
    return [response.mT for response in node_responses(structure, values)]


@dataclasses.dataclass(frozen=True)
class Answers:
    """What N stacked networks make of P probes.

    Attributes:
        outputs: Channels of all outputs side by side, means over their positions.
        statistics: Of the neurons of each node block, see `node_statistics`; none where nobody asked for them.
    """

    outputs: Float[Tensor, "networks probes answers"]
    statistics: list[Float[Tensor, "networks probes _ stages statistics"]]


def ask(network: Network, inputs: Sequence[Tensor], *, with_statistics: bool) -> Answers:
    """Run networks on probes, once for outputs and all responses, in the networks' own precision.

    Many networks with large maps run some at a time.
    """
    largest = max(math.prod(shape) for shape in network.architecture.shapes) * len(inputs[0])
    count = max(1, MAX_NUMBERS // largest)
    parts = [
        _ask(network[start : start + count], inputs, with_statistics=with_statistics)
        for start in range(0, len(network), count)
    ]
    if len(parts) == 1:
        return parts[0]
    statistics = [torch.cat(blocks) for blocks in zip(*(part.statistics for part in parts), strict=True)]
    return Answers(torch.cat([part.outputs for part in parts]), statistics)


def _ask(network: Network, inputs: Sequence[Tensor], *, with_statistics: bool) -> Answers:
    architecture, outputs = network.architecture, dict[int, Tensor]()
    with torch.autocast(network.device.type, enabled=False):
        values = _kept(_values(network, inputs), architecture.outputs, outputs)
        statistics = node_statistics(graph_structure(architecture), values) if with_statistics else []
        for _ in values:  # those that are left
            pass
    columns = [outputs[number] for number in architecture.outputs]
    means = [column.flatten(3).mean(dim=3) if column.dim() > 3 else column for column in columns]
    means = [mean.expand(-1, len(inputs[0]), -1) for mean in means]
    return Answers(torch.cat(means, dim=2) if len(means) > 1 else means[0], statistics)


def _values(network: Network, inputs: Sequence[Tensor]) -> Iterator[Tensor]:
    cast_inputs = [x.to(network.dtype) if x.is_floating_point() else x for x in inputs]
    return forward_values(network.architecture, network.parameters, cast_inputs, num_networks=len(network))


def _kept(values: Iterable[Tensor], wanted: Container[int], found: dict[int, Tensor]) -> Iterator[Tensor]:
    """The values as they come, some of them kept."""
    for number, value in enumerate(values):
        if number in wanted:
            found[number] = value
        yield value


class ResponseFeatures(nn.Module):
    """Statistics of every neuron's responses as two features: one that turns with the neuron's sign, one that does not.

    A neuron that is negated has its mean and the middle between maximum and minimum negated, and keeps its standard
    deviation and the distance between the two; Linears without bias, one a layer, keep that so. What is far from 0
    enters by its logarithm (asinh), since networks whose training went astray have responses of any size. There is no
    norm here: that of a neuron which never responds has a gradient without bounds.

    Args:
        num_probes: P.
        rows: Layers with Linears of their own.
        d: Width of each of the features.
    """

    def __init__(self, *, num_probes: int, rows: Rows, d: int) -> None:
        super().__init__()
        self.rows = rows
        d_in = num_probes * len(STATISTICS)  # two of the statistics, each before and after the activation
        self.odd = nn.ModuleList(nn.Linear(d_in, d, bias=False) for _ in range(rows.count))
        self.even = nn.ModuleList(nn.Linear(d_in, d) for _ in range(rows.count))
        with torch.no_grad():
            for linear in cast(Iterable[nn.Linear], itertools.chain(self.odd, self.even)):
                linear.weight.mul_(FIRST_GAIN)
            for linear in cast(Iterable[nn.Linear], self.even):
                linear.bias.zero_()

    def forward(
        self, structure: GraphStructure, statistics: Sequence[Float[Tensor, "networks probes _ stages statistics"]]
    ) -> tuple[list[Float[Tensor, "networks _ d"]], list[Float[Tensor, "networks _ d"]]]:
        """The odd and the even features of each node block."""
        odd, even = [], []
        for row, own in zip(self.rows.of(structure), statistics, strict=True):
            mean, deviation, largest, smallest = own.transpose(1, 2).unbind(dim=4)  # networks, neurons, probes, stages
            turning = torch.stack([mean, (largest + smallest) / 2], dim=4).asinh()
            staying = torch.stack([deviation, (largest - smallest) / 2], dim=4).asinh()
            odd.append(self.odd[row](turning.flatten(2)))
            even.append(self.even[row](staying.flatten(2)))
        return odd, even
