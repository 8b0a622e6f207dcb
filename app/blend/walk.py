"""Walking from one INR to another on a straight line through weight space, with and without aligning neurons first."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch

from ngcore.inr import render
from ngcore.networks import Network, align, mix

NUM_SHARES = 9
SIDE = 28


@dataclass(frozen=True)
class Walk:
    """INRs on the line between two, seen as pictures.

    Attributes:
        pictures: (shares, SIDE, SIDE[, 3]), clipped to [0, 1], for shares evenly spaced from 0 to 1.
        errors: (shares,) mean squared distances from the blend of the two pictures, pixel by pixel.
        distance: Between the two networks' parameters.
    """

    pictures: np.ndarray
    errors: np.ndarray
    distance: float


@dataclass(frozen=True)
class Blend:
    """Two ways from one INR to another.

    Attributes:
        shares: (shares,) how much of the second network there is, from 0 to 1.
        pixels: (shares, SIDE, SIDE[, 3]) the two pictures blended pixel by pixel.
        plain: The straight way through weight space.
        aligned: The straight way to the second network with its hidden neurons aligned with those of the first.
    """

    shares: np.ndarray
    pixels: np.ndarray
    plain: Walk
    aligned: Walk


@st.cache_data(max_entries=64, max_size="128MB", show_spinner=False)
def blend(key: str, _first: Network, _second: Network, _device: torch.device) -> Blend:
    """Both ways between two INRs of one architecture; `key` identifies the two."""
    shares = torch.linspace(0, 1, NUM_SHARES)
    with torch.inference_mode():
        start, end = (render(network, (SIDE, SIDE), device=_device)[0].cpu() for network in (_first, _second))
        pixels = torch.stack([torch.lerp(start, end, float(share)) for share in shares])
        plain = _walk(_first, _second, shares, pixels, _device)
        aligned = _walk(_first, align(_second, _first), shares, pixels, _device)
    return Blend(shares.numpy(), pixels.clamp(0, 1).numpy(), plain, aligned)


def _walk(first: Network, second: Network, shares: torch.Tensor, pixels: torch.Tensor, device: torch.device) -> Walk:
    pictures = render(mix(first, second, shares), (SIDE, SIDE), device=device).cpu()
    errors = (pictures.double() - pixels).square().flatten(1).mean(dim=1)
    distance = float((first.flatten() - second.flatten()).norm())
    return Walk(pictures.clamp(0, 1).numpy(), errors.numpy(), distance)
