"""Random inputs of any network: numbers, and tokens where it reads those."""

import torch
from torch import Tensor

from ngcore.networks.architecture import Architecture


def draw_inputs(architecture: Architecture, count: int, generator: torch.Generator) -> list[Tensor]:
    """Random inputs, one tensor for each input of the architecture.

    Args:
        architecture: Of the network.
        count: Size of the batch.
        generator: Source of randomness, on the CPU.

    Returns:
        (count, *input shape) in [−1, 1], float32; tokens are whole numbers (count, *positions).
    """
    tokens = architecture.token_values
    return [
        torch.randint(shape[0], (count, *shape[1:]), generator=generator)
        if number in tokens
        else 2 * torch.rand(count, *shape, generator=generator) - 1
        for number, shape in enumerate(architecture.input_shapes)
    ]
