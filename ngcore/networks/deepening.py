"""Deeper networks that compute the same function: identity layers inserted after a ReLU."""

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError
from ngcore.networks.architecture import Architecture, Skip, chain
from ngcore.networks.layers import Activation, Conv2d, Layer, Linear
from ngcore.networks.network import Network

RELU = Activation("relu")


def place_to_deepen(architecture: Architecture) -> int | None:
    """Number of the last ReLU of a chain after which identity layers fit; None where there is none.

    What follows a ReLU is not negative, so relu(I x) = x; where a residual is added to it, that is not known.
    """
    own = architecture.chain
    if own is None:
        return None
    joined = {skip.target for skip in own.skips}
    fits = [
        number
        for number, layer in enumerate(own.layers)
        if layer == RELU and number + 1 not in joined and number + 1 < len(own.layers)
    ]
    return fits[-1] if fits else None


def deepen(network: Network, count: int = 1) -> Network:
    """Insert layers that hand on what they read, each with a ReLU, after the last ReLU; the function stays the same.

    Args:
        network: N networks, chains of layers.
        count: Layers to insert: Linears with the identity matrix, or 3 × 3 convolutions with a 1 at the centre of the
            kernel that joins a channel to itself.

    Raises:
        ArchitectureError: If the count is negative, or the network has no ReLU after which they fit.
    """
    architecture = network.architecture
    place, own = place_to_deepen(architecture), architecture.chain
    if count < 0 or own is None or place is None:
        raise ArchitectureError(
            f"Expected a chain of layers with a ReLU to insert identity layers after, and their number, "
            f"got {architecture.name} and {count}."
        )
    value = architecture.num_inputs + _step_of(architecture, place)
    layer, parameters = _identity(architecture.shapes[value])
    layers = [*own.layers[: place + 1], *(layer, RELU) * count, *own.layers[place + 1 :]]
    skips = [Skip(*(end + 2 * count * (end > place + 1) for end in (s.source, s.target))) for s in own.skips]
    moved = {}
    for name, tensor in network.parameters.items():
        step, _, parameter = name.partition(".")
        moved[f"{int(step) + 2 * count * (int(step) > place)}.{parameter}"] = tensor
    like = next(iter(network.parameters.values()))
    for number in range(place + 1, place + 1 + 2 * count, 2):
        for parameter, tensor in parameters.items():
            moved[f"{number}.{parameter}"] = tensor.to(like).expand(len(network), *tensor.shape).clone()
    return Network(chain(architecture.input_shape, layers, skips), moved)


def _step_of(architecture: Architecture, place: int) -> int:
    """The step of a layer of a chain."""
    return next(i for i, step in enumerate(architecture.steps) if step.name == str(place))


def _identity(shape: tuple[int, ...]) -> tuple[Layer, dict[str, Tensor]]:
    """A layer that hands on values of a shape, and its parameters.

    Raises:
        ArchitectureError: If they are neither vectors nor maps.
    """
    size = shape[0]
    if len(shape) == 1:
        return Linear(size, size), {"weight": torch.eye(size), "bias": torch.zeros(size)}
    if len(shape) != 3:
        raise ArchitectureError(f"Expected vectors or maps to hand on, got values of shape {shape}.")
    kernel = torch.zeros(size, size, 3, 3)
    kernel[:, :, 1, 1] = torch.eye(size)
    return Conv2d(size, size, (3, 3), padding=(1, 1)), {"weight": kernel, "bias": torch.zeros(size)}
