"""Inputs to run a network on: places of an image for INRs, small pictures for CNNs, numbers for other networks."""

import numpy as np

from ngcore.networks import Architecture, inputs_that_fit

PICTURES = ("Stripes", "Gradient", "Disc", "Checks", "Noise")
MAX_BYTES = 256 * 1024 * 1024  # of all values, where many inputs only make a comparison surer
MAX_MULTIPLY_ADDS = 5_000_000_000


def picture(name: str, shape: tuple[int, ...], *, seed: int = 0) -> np.ndarray:
    """A picture made from a formula, float32 (channels, height, width) in [−1, 1].

    Args:
        name: One of `PICTURES`.
        shape: (channels, height, width).
        seed: Of the noise.
    """
    channels, height, width = shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    formulas = {
        "Stripes": np.sin(6 * np.pi * x),
        "Gradient": (x + y) / 2,
        "Disc": np.where(x**2 + y**2 < 0.4, 1.0, -1.0),
        "Checks": np.sign(np.sin(4 * np.pi * x) * np.sin(4 * np.pi * y)),
    }
    if name == "Noise":
        return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    return np.broadcast_to(formulas[name], (channels, height, width)).astype(np.float32).copy()


def random_inputs(architecture: Architecture, *, count: int = 64, seed: int = 0) -> list[np.ndarray]:
    """Random inputs to compare networks on, one array for each input of the architecture; fewer where they are large.

    Returns:
        float32 (count, *input shape) in [−1, 1]; tokens are whole numbers (count, *positions).
    """
    count = inputs_that_fit(architecture, count, max_bytes=MAX_BYTES, max_multiply_adds=MAX_MULTIPLY_ADDS)
    draws = np.random.default_rng(seed)
    return [
        draws.integers(shape[0], size=(count, *shape[1:]))
        if number in architecture.token_values
        else draws.uniform(-1, 1, (count, *shape)).astype(np.float32)
        for number, shape in enumerate(architecture.input_shapes)
    ]
