"""Networks a second, memory and exactness of one model in one setting."""

import functools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ngcore.benchmark.memory import peak_mb, reset_peak, resident_mb
from ngcore.benchmark.plan import LAYOUTS, LayoutName, ModelCase
from ngcore.inr import initial_siren
from ngcore.models import build_model, preset
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.networks import Network, siren

NUM_CLASSES = 10
TOLERANCES = {"float64": 1e-9, "float32": 1e-3, "bfloat16": 1e-1}
"""Largest difference that counts as agreement, as a share of the largest answer."""


def measure_model(case: ModelCase) -> dict[str, Any]:
    """One row: speed, peak memory, and how far the answers are from those of the eager block layout in float32."""
    torch.set_num_threads(case.threads)
    network = initial_siren(siren(case.layer_sizes), 0, case.batch, seed=0)
    held_before = resident_mb()
    model = build_benchmark_model(case.preset, network)
    answers = _answers(case, model)
    with torch.no_grad():
        with torch.compiler.set_stance("force_eager"):
            expected = model.eval()(network)
        difference = relative_difference(answers(network), expected)
    seconds = _seconds_a_step(_step(case, model, answers, network), case)
    return {
        "preset": case.preset,
        "layout": case.layout,
        "mode": case.mode,
        "precision": case.precision,
        "compiled": case.is_compiled,
        "batch": case.batch,
        "networks_per_second": round(case.batch / seconds, 1),
        "ms_per_step": round(1e3 * seconds, 2),
        "memory_mb": round(peak_mb() - held_before, 1),
        "difference": difference,
        "agrees": difference <= TOLERANCES[case.precision],
    }


def layout_agreement(preset_name: str, layer_sizes: tuple[int, ...], batch: int) -> list[dict[str, Any]]:
    """One row a layout: the largest difference of its answers from the block layout's, in float64."""
    network = initial_siren(siren(layer_sizes), 0, batch, seed=0)
    model = build_benchmark_model(preset_name, network).double().eval()
    rows = []
    for layout in LAYOUTS[preset_name]:
        with torch.no_grad():
            answers = run_in_layout(model, layout)(network.to(dtype=torch.float64))
            difference = relative_difference(answers, model(network.to(dtype=torch.float64)))
        agrees = difference <= TOLERANCES["float64"]
        rows.append({"preset": preset_name, "layout": layout, "difference": difference, "agrees": agrees})
    return rows


def build_benchmark_model(preset_name: str, network: Network) -> NeuralGraphModel:
    """The model of a preset with fixed random parameters, normalised to the networks."""
    model = build_model(preset(preset_name, d_out=NUM_CLASSES), [network.architecture], seed=0)
    assert isinstance(model, NeuralGraphModel)
    model.fit_normalisation(network)
    return model


def run_in_layout(model: NeuralGraphModel, layout: LayoutName) -> Callable[[Network], Tensor]:
    """The model as a function that computes in the given layout."""
    if layout == "torch_geometric":
        from ngcore.models.pyg_reference import PygNeuralGraphModel

        return PygNeuralGraphModel(model)
    return functools.partial(model, flat=layout == "flat")


def relative_difference(answers: Tensor, expected: Tensor) -> float:
    """Largest difference as a share of the largest expected answer."""
    return float((answers - expected).abs().max() / expected.abs().max())


def _answers(case: ModelCase, model: NeuralGraphModel) -> Callable[[Network], Tensor]:
    run = run_in_layout(model, case.layout)
    if case.is_compiled:
        model.compile(dynamic=False)

    def answers(network: Network) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=case.precision == "bfloat16"):
            return run(network).float()

    return answers


def _step(
    case: ModelCase, model: NeuralGraphModel, answers: Callable[[Network], Tensor], network: Network
) -> Callable[[], object]:
    """What is timed: one batch in training or in inference."""
    model.train(case.mode == "training")
    if case.mode == "inference":
        return torch.no_grad()(functools.partial(answers, network))
    labels = torch.arange(len(network)) % NUM_CLASSES
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(answers(network), labels).backward()
        optimiser.step()

    return step


def _seconds_a_step(step: Callable[[], object], case: ModelCase) -> float:
    """Median time of a step, after some to warm up; the peak of memory is that of the steps measured."""
    for _ in range(3):
        step()
    reset_peak()
    times: list[float] = []
    while len(times) < 3 or sum(times) < case.seconds:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
