"""Rotating, scaling and shifting the image of an INR exactly, in its first layer."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ArchitectureError
from ngcore.inr.rendering import is_inr
from ngcore.networks import Linear, Network


def move_images(network: Network, matrix: Float[Tensor, "networks 2 2"], shift: Float[Tensor, "networks 2"]) -> Network:
    """INRs that show at x what the given ones show at A x + t: with W and b of the first layer, W A and b + W t.

    Args:
        network: N INRs whose first layer is a Linear with a bias.
        matrix: A, one for each; see `coordinate_matrix`.
        shift: t, one for each, in coordinates (the image reaches from −1 to 1).

    Raises:
        ArchitectureError: If the networks are not INRs, or read their coordinates more than once.
    """
    first = network.architecture.layers[0]
    steps = network.architecture.steps
    reads_once = steps[0].name == "0" and sum(0 in step.reads for step in steps) == 1
    if not is_inr(network.architecture) or not isinstance(first, Linear) or not first.bias or not reads_once:
        raise ArchitectureError(
            "Expected INRs that read their coordinates in one Linear layer with a bias, "
            f"got {network.architecture.name}."
        )
    weight, bias = network.parameters["0.weight"], network.parameters["0.bias"]
    moved = {"0.weight": weight @ matrix, "0.bias": bias + (weight @ shift[:, :, None])[..., 0]}
    return network.having({**network.parameters, **moved})


def coordinate_matrix(
    angle: Float[Tensor, " networks"], scale: Float[Tensor, " networks"]
) -> Float[Tensor, "networks 2 2"]:
    """A of `move_images` that turns images clockwise by angles in degrees and enlarges them by factors."""
    turn = -angle * (math.pi / 180)  # x is right, y is down: a turn of the coordinates the other way
    rows = (torch.stack([turn.cos(), -turn.sin()], dim=-1), torch.stack([turn.sin(), turn.cos()], dim=-1))
    return torch.stack(rows, dim=-2) / scale[:, None, None]
