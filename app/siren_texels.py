"""A SIREN's parameters as texels, four numbers each, in the order in which a shader reads them."""

from typing import TYPE_CHECKING

import numpy as np

import ngcore.inr
import ngcore.networks

if TYPE_CHECKING:
    from ngcore.networks import Architecture, Network

MAX_PARAMETERS = 20_000
"""Larger networks take too long for every pixel of a screen."""

LANES = 4


def sine_frequencies(architecture: "Architecture") -> tuple[float, ...] | None:
    """omega_0 of every sine of a SIREN that a shader can draw; None for every other network.

    Such a SIREN has 2 inputs, 1 or 3 outputs, at most `MAX_PARAMETERS` parameters, and is a chain Linear, sine, …,
    Linear with biases and without skip connections.
    """
    linears, sines = architecture.layers[::2], architecture.layers[1::2]
    if (
        not ngcore.inr.is_inr(architecture)
        or not architecture.is_sequential
        or architecture.num_parameters > MAX_PARAMETERS
    ):
        return None
    if len(linears) != len(sines) + 1 or not all(
        isinstance(layer, ngcore.networks.Linear) and layer.bias for layer in linears
    ):
        return None
    frequencies = [s.omega_0 for s in sines if isinstance(s, ngcore.networks.Activation) and s.function == "sine"]
    return tuple(frequencies) if len(frequencies) == len(sines) else None


def pack(network: "Network") -> np.ndarray:
    """The parameters of one SIREN, padded with zeros to groups of four neurons.

    Layer by layer, and in it for every four outputs: their biases, then for every four inputs the four columns of the
    4 × 4 block of weights.

    Args:
        network: A stack of one whose architecture has `sine_frequencies`.

    Returns:
        float32 (texels, 4).
    """
    tensors = [tensor[0].detach().cpu().numpy().astype(np.float32) for tensor in network.parameters.values()]
    layers = zip(tensors[::2], tensors[1::2], strict=True)
    return np.concatenate([_pack_layer(weight, bias) for weight, bias in layers])


def _pack_layer(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    missing_out, missing_in = (-size % LANES for size in weight.shape)
    weight = np.pad(weight, ((0, missing_out), (0, missing_in)))
    outs, ins = (size // LANES for size in weight.shape)
    columns = weight.reshape(outs, LANES, ins, LANES).transpose(0, 2, 3, 1)  # output group, input group, column, row
    biases = np.pad(bias, (0, missing_out)).reshape(outs, 1, LANES)
    return np.concatenate([biases, columns.reshape(outs, -1, LANES)], axis=1).reshape(-1, LANES)
