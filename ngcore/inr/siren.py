"""SIRENs: networks that are images, their initial weights, and the coordinates that they read."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.networks import Activation, Architecture, Linear, Network

SIREN_OUTPUT_OFFSET = 0.5
"""Added to the network's output, so that a network of zeros is mid-grey (the corpora's convention)."""

SEED_STRIDE = 0x9E3779B1
"""Distance between the random streams of two seeds: torch reads 32 bits of a seed, this spreads seeds over them."""


def image_coordinates(height: int, width: int) -> Float[Tensor, "pixels 2"]:
    """Coordinates (x, y) of the pixels, row by row, both axes in [−1, 1], x to the right and y downwards."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return torch.stack((x, y), dim=-1).flatten(0, 1)


def initial_siren(architecture: Architecture, first_index: int, num_networks: int, *, seed: int) -> Network:
    """Draw start parameters, each network from its own random stream.

    Sine layers start at U(±√(6 / fan_in) / omega_0) with zero biases, the first one too; the linear head starts as
    `torch.nn.Linear` does.

    Args:
        architecture: A SIREN: Linear layers with sines between them.
        first_index: Index of the first network in its corpus; network i depends on (seed, i) alone.
        num_networks: Number of networks.
        seed: Seed of the corpus.
    """
    rows = [_initial_row(architecture, seed, first_index + i) for i in range(num_networks)]
    return Network.unflatten(architecture, torch.stack(rows))


def _initial_row(architecture: Architecture, seed: int, index: int) -> Tensor:
    generator = torch.Generator().manual_seed((seed * SEED_STRIDE + index) % 2**32)
    parts: list[Tensor] = []
    for position, layer in enumerate(architecture.layers):
        if not isinstance(layer, Linear):
            continue
        weight, bias = _bounds(layer, architecture.layers[position + 1 : position + 2])
        parts.append((2 * torch.rand(layer.out_features * layer.in_features, generator=generator) - 1) * weight)
        parts.append((2 * torch.rand(layer.out_features, generator=generator) - 1) * bias)
    return torch.cat(parts)


def _bounds(layer: Linear, following: tuple) -> tuple[float, float]:
    match following:
        case (Activation(function="sine", omega_0=omega_0),):
            return math.sqrt(6 / layer.in_features) / omega_0, 0.0
    return 1 / math.sqrt(layer.in_features), 1 / math.sqrt(layer.in_features)
