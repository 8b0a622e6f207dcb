"""Probe features: how every neuron of an input network responds to learned inputs (paper, Sec. 2.4)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.graph import GraphStructure, graph_structure, node_responses
from ngcore.models.probes import Probes
from ngcore.networks import Network


class ProbeFeatures(nn.Module):
    """Runs networks on learned inputs and turns each neuron's responses into a node feature.

    Responses of maps are averaged over positions. Each layer has its own Linear(probes, d) and LayerNorm.

    Args:
        num_probes: P, learned inputs; see `Probes`.
        input_shape: Shape of one input.
        max_hidden_layers: Hidden layers with a projection of their own; deeper ones share the last.
        d_node: Width of the features.
        is_generated: Whether a generator makes the inputs.
    """

    def __init__(
        self,
        *,
        num_probes: int,
        input_shape: tuple[int, ...],
        max_hidden_layers: int,
        d_node: int,
        is_generated: bool = False,
    ) -> None:
        super().__init__()
        self.probes = Probes(num_probes, input_shape, is_generated=is_generated)
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(num_probes, d_node), nn.LayerNorm(d_node)) for _ in range(max_hidden_layers + 2)
        )

    def forward(self, network: Network) -> Float[Tensor, "networks nodes d_node"]:
        """Node features of N stacked networks."""
        structure = graph_structure(network.architecture)
        responses = probe_responses(network, self.probes(network), structure)
        parts = [
            self.projections[structure.row(number, len(self.projections))](response)
            for number, response in enumerate(responses)
        ]
        return torch.cat(parts, dim=1)


def probe_responses(network: Network, inputs: Tensor, structure: GraphStructure) -> list[Tensor]:
    """Activations of each node block, (networks, neurons, probes); means over the positions of maps.

    Input networks run in their own precision even where the model runs in a lower one: the phases of a sine's large
    omega_0 need it.
    """
    with torch.autocast(inputs.device.type, enabled=False):
        values = network.values(inputs.to(network.dtype))
    return [response.mT for response in node_responses(structure, values)]  # networks, neurons, probes
