"""Probe features: how every neuron of an input network responds to learned inputs (paper, Sec. 2.4)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import GraphStructure, graph_structure, node_responses
from ngcore.models.input_spec import InputSpec
from ngcore.models.probes import probes_for
from ngcore.models.rows import Rows
from ngcore.networks import Network


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
        self.rows = rows
        self.probes = probes_for(spec, num_probes, is_generated=is_generated)
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(num_probes, d_node), nn.LayerNorm(d_node)) for _ in range(rows.count)
        )

    def forward(self, network: Network) -> Float[Tensor, "networks nodes d_node"]:
        """Node features of N stacked networks."""
        structure = graph_structure(network.architecture)
        responses = probe_responses(network, self.probes(network), structure)
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
    given = [inputs] if isinstance(inputs, Tensor) else inputs
    cast = [x.to(network.dtype) if x.is_floating_point() else x for x in given]
    with torch.autocast(network.device.type, enabled=False):
        values = network.values(*cast)
    return [response.mT for response in node_responses(structure, values)]
