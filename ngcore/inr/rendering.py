"""Rendering INRs: networks of two inputs as images."""

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ArchitectureError
from ngcore.inr.siren import SIREN_OUTPUT_OFFSET, image_coordinates
from ngcore.networks import Architecture, Network
from ngcore.networks.cost import inputs_that_fit

PIXELS_AT_ONCE = 1 << 20
"""Pixels (over all networks) evaluated at once; fewer where the values of a wide network would not fit."""


def is_inr(architecture: Architecture) -> bool:
    """Whether networks of this architecture can be rendered: 2 inputs, 1 (grey) or 3 (RGB) outputs."""
    return architecture.input_shape == (2,) and architecture.output_shape in ((1,), (3,))


def render(
    network: Network,
    size: tuple[int, int] = (28, 28),
    *,
    offset: float = SIREN_OUTPUT_OFFSET,
    device: torch.device | str | None = None,
) -> Float[Tensor, "networks height width"] | Float[Tensor, "networks height width 3"]:
    """Evaluate INRs at every pixel; gradients flow.

    Args:
        network: N INRs.
        size: (height, width) in pixels; any resolution of the same continuous image.
        offset: Added to the output.
        device: Where to compute; None: where the network is.

    Returns:
        Grey images (N, height, width) or RGB images (N, height, width, 3), not clipped.

    Raises:
        ArchitectureError: If the network is not an INR.
    """
    network = network.to(device) if device is not None else network
    images = render_at(network, image_coordinates(*size), offset=offset).unflatten(1, size)
    return images.squeeze(-1) if images.shape[-1] == 1 else images


def render_at(
    network: Network, coordinates: Float[Tensor, "pixels 2"], *, offset: float = SIREN_OUTPUT_OFFSET
) -> Float[Tensor, "networks pixels channels"]:
    """Evaluate INRs at given coordinates, in their own precision; gradients flow.

    Args:
        network: N INRs.
        coordinates: (x, y) of each point; the image reaches from −1 to 1.
        offset: Added to the output.

    Raises:
        ArchitectureError: If the network is not an INR.
    """
    if not is_inr(network.architecture):
        raise ArchitectureError(
            f"Expected an INR with 2 inputs and 1 or 3 outputs to render, got {network.architecture.name}."
        )
    places = coordinates.to(device=network.device, dtype=network.dtype)
    pixels = inputs_that_fit(network.architecture, PIXELS_AT_ONCE, max_multiply_adds=None)
    chunks = places.split(max(1, pixels // len(network)))
    with torch.autocast(network.device.type, enabled=False):
        return torch.cat([network(chunk) for chunk in chunks], dim=1) + offset


def psnr(images: Tensor, targets: Tensor) -> Float[Tensor, " networks"]:
    """Peak signal-to-noise ratio in dB of images (networks, …) in [0, 1] against their targets."""
    error = (images - targets).square().flatten(1).mean(dim=1)
    return -10 * torch.log10(error)
