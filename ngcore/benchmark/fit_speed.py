"""SIRENs fitted a minute by one process."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ngcore.benchmark.plan import FitCase
from ngcore.inr import FitConfig, fit_sirens, image_coordinates


def prepare_fit(case: FitCase) -> Callable[[], dict[str, Any]]:
    """Compile what is to be compiled, and return the fit that is timed."""
    torch.set_num_threads(case.threads)
    images = disc_images(case.count)
    config = FitConfig(steps=case.steps, sampling="uniform", pixels=case.pixels)
    options: dict[str, Any] = {"device": "cpu", "compiled": case.is_compiled}
    start = time.perf_counter()
    fit_sirens(images[:1], FitConfig(steps=2, sampling="uniform", pixels=case.pixels), **options)
    seconds_to_compile = time.perf_counter() - start

    def fit() -> dict[str, Any]:
        start = time.perf_counter()
        result = fit_sirens(images, config, **options)
        seconds = time.perf_counter() - start
        return {
            "count": case.count,
            "seconds": seconds,
            "seconds_to_compile": seconds_to_compile,
            "psnr": float(result.psnr.mean()),
        }

    return fit


def disc_images(count: int) -> Tensor:
    """Smooth 28 × 28 images of bright discs at random places."""
    centres = torch.rand(count, 1, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    distance = (image_coordinates(28, 28) - centres).norm(dim=-1)
    return torch.sigmoid(12 * (0.4 - distance)).unflatten(1, (28, 28))
