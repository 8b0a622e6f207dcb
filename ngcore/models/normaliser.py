"""Per-layer standardisation of weights and biases, one mean and one standard deviation a layer (paper, Sec. 3)."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ngcore.graph import table_row
from ngcore.networks import Architecture, BatchNorm, Network

SMALL = 1e-8  # a standard deviation below it is none

Scaling = Literal["corpus", "network", "none"]


class Normaliser(nn.Module):
    """(w − mean) / std and (b − mean) / std with statistics of a layer.

    One mean and one standard deviation a layer leave the neurons' symmetry intact. The output layer has statistics of
    its own, whatever the depth; norms and running statistics are left as they are.

    Args:
        max_hidden_layers: Hidden layers with statistics of their own; deeper ones share those of the last.
        is_centred: Whether to subtract the mean; without, the root mean square takes the place of the standard
            deviation, and a negated weight is a negated value.
        scaling: Whose statistics: those of a training corpus, as in the paper; each network's own, which hides how
            large its weights are; or none, which leaves networks as they are.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, max_hidden_layers: int, *, is_centred: bool = True, scaling: Scaling = "corpus") -> None:
        super().__init__()
        self.is_centred, self.scaling = is_centred, scaling
        self.num_entries = max_hidden_layers + 1
        self.register_buffer("mean", torch.zeros(self.num_entries, 2))  # entries, weight and bias
        self.register_buffer("std", torch.ones(self.num_entries, 2))

    def forward(self, network: Network) -> Network:
        """Standardised networks."""
        if self.scaling == "none":
            return network
        parameters = dict(network.parameters)
        for name, entry, column in weights_and_biases(network.architecture, self.num_entries):
            if self.scaling == "corpus":
                parameters[name] = (parameters[name] - self.mean[entry, column]) / self.std[entry, column]
            else:
                parameters[name] = self._by_its_own(parameters[name])
        return Network(network.architecture, parameters)

    def _by_its_own(self, tensor: Tensor) -> Tensor:
        """Each network's layer by its own mean and deviation; a layer of one number, or of equal ones, is left."""
        flat = tensor.flatten(1)
        mean = flat.mean(dim=1, keepdim=True) if self.is_centred else 0
        std = (flat - mean).square().mean(dim=1, keepdim=True).sqrt()
        return torch.where(std > SMALL, (flat - mean) / std.clamp(min=SMALL), flat).view_as(tensor)

    @torch.no_grad()
    def fit(self, networks: Sequence[Network]) -> None:
        """Set the statistics to those of a training corpus; entries without parameters keep mean 0 and std 1."""
        values: dict[tuple[int, int], list[Tensor]] = {}
        for network in networks:
            for name, entry, column in weights_and_biases(network.architecture, self.num_entries):
                values.setdefault((entry, column), []).append(network.parameters[name].flatten())
        for (entry, column), parts in values.items():
            flat = torch.cat(parts).double()
            mean = flat.mean() if self.is_centred else flat.new_zeros(())
            std = (flat - mean).square().mean().sqrt()
            self.mean[entry, column] = mean
            self.std[entry, column] = std if std > SMALL else 1.0


def weights_and_biases(architecture: Architecture, num_entries: int) -> Iterator[tuple[str, int, int]]:
    """(parameter name, row, column) of every weight and bias of a Linear or Conv2d in a per-layer table.

    The last layer has the last row, whatever the depth; deep hidden layers share the row before.
    """
    positions = list(architecture.weight_layers)
    for number, position in enumerate(positions):
        entry = table_row(number, len(positions), num_entries)
        for column, name in enumerate(("weight", "bias")):
            if f"{position}.{name}" in architecture.parameter_shapes:
                yield f"{position}.{name}", entry, column


def fold_running_statistics(network: Network) -> Network:
    """The same functions with every BatchNorm's running statistics folded into its scale and shift.

    Afterwards the scale alone says what a channel is multiplied by, and the shift what is added: what a model should
    see on the edges and nodes of the graph.
    """
    parameters = dict(network.parameters)
    for step in network.architecture.steps:
        layer, position = step.layer, step.name
        if not isinstance(layer, BatchNorm):
            continue
        scale = parameters[f"{position}.weight"] * (parameters[f"{position}.running_var"] + layer.eps).rsqrt()
        parameters[f"{position}.bias"] = parameters[f"{position}.bias"] - parameters[f"{position}.running_mean"] * scale
        parameters[f"{position}.weight"] = scale
        parameters[f"{position}.running_mean"] = torch.zeros_like(scale)
        parameters[f"{position}.running_var"] = torch.full_like(scale, 1 - layer.eps)
    return Network(network.architecture, parameters)
