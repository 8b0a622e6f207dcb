"""Numbers that describe any network whatever its architecture: its family, its size, and how large its weights are."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.inr import is_inr
from ngcore.networks import Architecture, Attend, Convolution, Network, Recurrence, TransposedConvolution
from ngcore.networks.architecture import has_weights

TRAITS: Mapping[str, str] = {
    "layers": "Its number of layers with weights",
    "widest": "The number of neurons in its widest layer",
    "narrowest": "The number of neurons in its narrowest layer",
    "parameters": "Its number of parameters",
    "smallest weights": "The size of its smallest weights (× √fan-in)",
    "mean weights": "The mean size of its weights (× √fan-in)",
    "largest weights": "The size of its largest weights (× √fan-in)",
    "last weights": "The size of the weights of its last layer (× √fan-in)",
    "biases": "The mean size of its biases",
}
"""What is measured of a network, and how a sentence names it."""

FAMILY_NAMES: Mapping[str, str] = {
    "transformer": "transformers",
    "lstm": "LSTMs",
    "gru": "GRUs",
    "rnn": "RNNs",
    "cnn": "CNNs",
    "inr": "INRs",
    "mlp": "MLPs",
}
"""The families, and their names in sentences."""

SMALLEST = 1e-6  # sizes are not told apart below it


def family_of(architecture: Architecture) -> str:
    """The first of `FAMILY_NAMES` that the layers of a network show: one layer of attention makes a transformer."""
    layers = [step.layer for step in architecture.steps]
    if any(isinstance(layer, Attend) for layer in layers):
        return "transformer"
    for layer in layers:
        if isinstance(layer, Recurrence):
            return layer.cell.split("_")[0]
    if any(isinstance(layer, Convolution | TransposedConvolution) for layer in layers):
        return "cnn"
    return "inr" if is_inr(architecture) else "mlp"


@torch.no_grad()
def measure_traits(network: Network) -> Float[Tensor, "networks traits"]:
    """The base-10 logarithms of `TRAITS`, one row per network, in float64.

    The size of a tensor is its root mean square; that of weights is multiplied by the root of their fan-in, so that
    networks of different widths are alike.
    """
    architecture = network.architecture
    weights = [_size(network, name) for name, shape in architecture.parameter_shapes.items() if _is_weight(name, shape)]
    biases = [_size(network, name) for name, shape in architecture.parameter_shapes.items() if len(shape) == 1]
    nothing = [torch.full((len(network),), SMALLEST, dtype=torch.float64, device=network.device)]
    of_weights, of_biases = torch.stack(weights or nothing), torch.stack(biases or nothing)
    widths = _widths(architecture)
    sizes = [len(widths), max(widths), min(widths), architecture.num_parameters]
    columns = [torch.full_like(of_weights[0], math.log10(max(1, size))) for size in sizes]
    columns += [of_weights.amin(dim=0), of_weights.mean(dim=0), of_weights.amax(dim=0), of_weights[-1]]
    return torch.stack([*columns, of_biases.mean(dim=0)], dim=1).cpu()


def _widths(architecture: Architecture) -> list[int]:
    """Channels that each layer of weights makes, the last apart; of a network of one layer those of that."""
    made = enumerate(architecture.steps, start=architecture.num_inputs)
    widths = [architecture.shapes[value][0] for value, step in made if has_weights(step.layer)]
    return widths[:-1] or widths or [1]


def _is_weight(name: str, shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and "weight" in name.rpartition(".")[2]


def _size(network: Network, name: str) -> Float[Tensor, " networks"]:
    """log₁₀ of the root mean square of a tensor, of weights × √fan-in."""
    tensor = network.parameters[name].detach().double()
    fan_in = tensor[0, 0].numel() if tensor.dim() > 2 else 1
    rms = tensor.flatten(1).square().mean(dim=1).sqrt() * math.sqrt(fan_in)
    return rms.clamp_min(SMALLEST).log10()
