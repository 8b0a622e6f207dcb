"""Per-layer standardisation of weights and biases, one mean and one standard deviation a layer (paper, Sec. 3)."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ngcore.graph import graph_structure
from ngcore.models.rows import Rows
from ngcore.networks import Architecture, BatchNorm, Network, Recurrence, Step

SMALL = 1e-8  # a standard deviation below it is none

Scaling = Literal["corpus", "network", "none"]


class Normaliser(nn.Module):
    """(w − mean) / std and (b − mean) / std with statistics of a layer.

    One mean and one standard deviation a layer leave the neurons' symmetry intact. The output layer has statistics of
    its own, whatever the depth; norms, running statistics and fixed tables are left as they are.

    Args:
        rows: Which layers share their statistics.
        is_centred: Whether to subtract the mean; without, the root mean square takes the place of the standard
            deviation, and a negated weight is a negated value.
        scaling: Whose statistics: those of a training corpus, as in the paper; each network's own, which hides how
            large its weights are; or none, which leaves networks as they are.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, rows: Rows, *, is_centred: bool = True, scaling: Scaling = "corpus") -> None:
        super().__init__()
        self.rows, self.is_centred, self.scaling = rows, is_centred, scaling
        self.register_buffer("mean", torch.zeros(rows.num_weight_rows, 2))  # layers, weight and bias
        self.register_buffer("std", torch.ones(rows.num_weight_rows, 2))

    def forward(self, network: Network) -> Network:
        """Standardised networks."""
        if self.scaling == "none":
            return network
        parameters = dict(network.parameters)
        for name, entry, column in weights_and_biases(network.architecture, self.rows):
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
            for name, entry, column in weights_and_biases(network.architecture, self.rows):
                values.setdefault((entry, column), []).append(network.parameters[name].flatten())
        for (entry, column), parts in values.items():
            flat = torch.cat(parts).double()
            mean = flat.mean() if self.is_centred else flat.new_zeros(())
            std = (flat - mean).square().mean().sqrt()
            self.mean[entry, column] = mean
            self.std[entry, column] = std if std > SMALL else 1.0


def weights_and_biases(architecture: Architecture, rows: Rows) -> Iterator[tuple[str, int, int]]:
    """(parameter name, row, column) of every weight and bias in a table of layers: columns are weights and biases.

    Weights are the parameters of new neurons that have several axes, biases those that have one; norms have neither.
    """
    own = rows.of_weights(architecture)
    fixed = graph_structure(architecture).constants
    for name, shape in architecture.parameter_shapes.items():
        layer = name.rpartition(".")[0]
        if layer in own and name not in fixed:
            yield name, own[layer], int(len(shape) == 1)


def fold_statistics_and_biases(network: Network) -> Network:
    """The same functions, every number where a model looks for it.

    The running statistics of batch norms are folded into scale and shift, one of each where the norm has none, and the
    second bias of a recurrence into the first where the two are added. Afterwards the scale alone says what a channel
    is multiplied by, and the first feature of a node what is added: what a model should see on the graph.
    """
    architecture = _with_scales(network.architecture)
    parameters = dict(network.parameters)
    for step in architecture.steps:
        if isinstance(step.layer, BatchNorm):
            parameters |= _folded_norm(step, step.layer, parameters)
        if isinstance(step.layer, Recurrence) and step.layer.bias:
            parameters |= _folded_biases(step, step.layer, parameters)
    return Network(architecture, parameters)


@functools.lru_cache(maxsize=256)
def _with_scales(architecture: Architecture) -> Architecture:
    """The architecture with a scale and a shift in every batch norm; its graph has the same nodes and edges."""
    bare = [isinstance(step.layer, BatchNorm) and not step.layer.affine for step in architecture.steps]
    if not any(bare):
        return architecture
    steps = tuple(
        dataclasses.replace(step, layer=dataclasses.replace(step.layer, affine=True)) if is_bare else step  # type: ignore[type-var]
        for step, is_bare in zip(architecture.steps, bare, strict=True)
    )
    return dataclasses.replace(architecture, steps=steps)


def _folded_norm(step: Step, layer: BatchNorm, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    weight, bias, mean, variance = (f"{step.name}.{name}" for name in ("weight", "bias", "running_mean", "running_var"))
    inverse = (parameters[variance] + layer.eps).rsqrt()
    scale = parameters[weight] * inverse if weight in parameters else inverse
    shift = parameters.get(bias, torch.zeros_like(scale)) - parameters[mean] * scale
    plain = torch.full_like(scale, 1 - layer.eps)
    return {weight: scale, bias: shift, mean: torch.zeros_like(scale), variance: plain}


def _folded_biases(step: Step, layer: Recurrence, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Both biases are added everywhere but in the new state of a GRU, whose second bias is gated."""
    of_input, of_hidden = f"{step.name}.bias_ih", f"{step.name}.bias_hh"
    second = parameters[of_hidden]
    kept = torch.zeros_like(second)
    if layer.cell == "gru":
        kept[:, 2 * layer.hidden_size :] = second[:, 2 * layer.hidden_size :]
    return {of_input: parameters[of_input] + second - kept, of_hidden: kept}
