"""Batches of networks that all differ in architecture: the flat layout beside torch_geometric, with the same model."""

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ngcore.models import build_model, preset
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.networks import Network, small_cnn

PRESETS = ("ng-gnn-any", "ng-t-any")


def mixed_networks(count: int) -> list[Network]:
    """One random CNN each of `count` architectures, of two to five convolutions with 4 to 16 channels."""
    generator = torch.Generator().manual_seed(0)
    stacks = []
    for number in range(count):
        widths = tuple(4 + (5 * number + 3 * layer) % 13 for layer in range(2 + number % 4))
        architecture = small_cnn((1, *widths))
        shapes = architecture.parameter_shapes.items()
        stacks.append(
            Network(architecture, {name: 0.3 * torch.randn(1, *shape, generator=generator) for name, shape in shapes})
        )
    return stacks


def measure_mixed(*, count: int = 32, seconds: float = 3.0, threads: int = 1) -> list[dict[str, Any]]:
    """Two rows a model: inference, and a forward and backward pass; both sides take turns, medians are compared."""
    from ngcore.models.pyg_reference import PygNeuralGraphModel

    torch.set_num_threads(threads)
    stacks, rows = mixed_networks(count), []
    for name in PRESETS:
        model = build_model(preset(name), [stack.architecture for stack in stacks], seed=0).eval()
        assert isinstance(model, NeuralGraphModel)
        sides: dict[str, Callable[[], Tensor]] = {
            "flat": functools.partial(model, stacks, flat=True),
            "torch_geometric": functools.partial(PygNeuralGraphModel(model), stacks),
        }
        with torch.no_grad():
            difference = float((sides["flat"]() - sides["torch_geometric"]()).abs().max())
        for mode in ("inference", "training"):
            times = _times(sides, model, seconds=seconds, has_gradients=mode == "training")
            own, reference = (statistics.median(times[side]) for side in sides)
            rows.append(
                {"preset": name, "mode": mode, "networks": count, "ms": round(1e3 * own, 2)}
                | {"reference_ms": round(1e3 * reference, 2), "networks_per_second": round(count / own, 1)}
                | {"times_as_fast": round(reference / own, 2), "difference": difference}
            )
    return rows


def _times(
    sides: dict[str, Callable[[], Tensor]], model: NeuralGraphModel, *, seconds: float, has_gradients: bool
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {side: [] for side in sides}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["flat"]) < 3:
        for side, run in sides.items():
            start = time.perf_counter()
            with torch.set_grad_enabled(has_gradients):
                answers = run()
                if has_gradients:
                    model.zero_grad()
                    answers.square().sum().backward()
            times[side].append(time.perf_counter() - start)
    return {side: found[1:] for side, found in times.items()}  # the first one warms up
