"""The whole benchmark: every case of a plan, and the comparisons drawn from the rows."""

import dataclasses
import platform
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ngcore.benchmark.fit_speed import prepare_fit
from ngcore.benchmark.forward_speed import forward_cases, measure_forward
from ngcore.benchmark.mixed_speed import measure_mixed
from ngcore.benchmark.model_speed import layout_agreement, measure_model
from ngcore.benchmark.plan import FULL, MODES, QUICK, FitCase, ModelCase, Plan, num_cores, num_edges
from ngcore.benchmark.processes import measure_in_processes
from ngcore.benchmark.published import PUBLISHED
from ngcore.benchmark.zoo_training_speed import measure_zoo_training, zoo_training_cases
from ngcore.device import can_compile

Row = dict[str, Any]


def run_benchmark(
    *, quick: bool = False, plan: Plan | None = None, progress: Callable[..., object] | None = None
) -> dict[str, Any]:
    """Measure all cases of a plan; parameters, networks and images are the same in every run.

    Args:
        quick: Take the plan `QUICK` in place of `FULL`.
        plan: What to measure; None: as `quick` says.
        progress: Called with the number of rows done, of all rows, and a `note` that names the next.

    Returns:
        Plain values and lists of rows: "machine", "all_agree", "agreement" (layouts in float64), "models", "sizes",
        "mixed" (batches of many architectures beside torch_geometric), "forward" (stacks of input networks beside
        written-out code and `torch.func.vmap`), "zoo_training" (stacks in training beside single modules), "fitting",
        "published" and "ratios".
    """
    plan = plan or (QUICK if quick else FULL)
    if not can_compile(torch.device("cpu")):
        plan = dataclasses.replace(plan, has_compiled=False, fit_is_compiled=False)
    models, sizes, fits = plan.model_cases(), plan.size_cases(), plan.fit_cases()
    forward, trainings = forward_cases(), zoo_training_cases()
    total = len(models) + len(sizes) + len(forward) + len(trainings) + bool(fits)
    report = progress or (lambda done, total, note: None)
    agreement = [r for name in plan.presets for r in layout_agreement(name, plan.layer_sizes, min(plan.batch, 8))]
    rows = []
    for number, case in enumerate([*models, *sizes]):
        report(number, total, note=_describe(case))
        rows.append(_measure([case], plan)[0])
    mixed_rows = measure_mixed(count=plan.mixed_networks, seconds=plan.seconds, threads=plan.threads)
    forward_rows = []
    for number, own in enumerate(forward, start=len(rows)):
        report(number, total, note=f"stacks of {own.name}, beside {own.reference}")
        forward_rows += measure_forward(own, num_networks=plan.forward_networks, seconds=plan.seconds)
    training_rows = []
    for number, training in enumerate(trainings, start=len(rows) + len(forward)):
        report(number, total, note=f"training stacks of {training.name}")
        training_rows.append(measure_zoo_training(training, num_networks=plan.trained_networks, seconds=plan.seconds))
    report(total - bool(fits), total, note="fitting SIRENs")
    fitting = _fitting_row(plan, _measure(fits, plan)) if fits else []
    report(total, total, note="")
    model_rows, size_rows = rows[: len(models)], rows[len(models) :]
    return {
        "machine": f"{platform.processor() or platform.machine()}, {num_cores()} cores, torch {torch.__version__}",
        "threads": plan.threads,
        "all_agree": all(row["agrees"] for row in [*agreement, *rows]),
        "agreement": agreement,
        "models": model_rows,
        "sizes": _size_rows(sizes, size_rows),
        "mixed": mixed_rows,
        "forward": forward_rows,
        "zoo_training": training_rows,
        "fitting": fitting,
        "published": [dict(speed._asdict()) for speed in PUBLISHED],
        "ratios": ratios(model_rows),
    }


def ratios(model_rows: Sequence[Row]) -> list[Row]:
    """The fastest eager and the fastest compiled row of each model and mode against the published figure."""
    rows = []
    for published in PUBLISHED:
        for is_compiled in (False, True):
            own = [
                row
                for row in model_rows
                if (row["preset"], row["mode"], row["compiled"]) == (published.preset, published.mode, is_compiled)
            ]
            if own:
                best = max(own, key=lambda row: row["networks_per_second"])
                rows.append(
                    {key: best[key] for key in ("preset", "mode", "layout", "precision", "compiled")}
                    | {"networks_per_second": best["networks_per_second"], "published": published.highest}
                    | {"times": round(best["networks_per_second"] / published.highest, 1)}
                )
    return rows


def _measure(cases: Sequence[ModelCase | FitCase], plan: Plan) -> list[Row]:
    if plan.is_isolated:
        return measure_in_processes(cases)
    return [prepare_fit(case)() if isinstance(case, FitCase) else measure_model(case) for case in cases]


def _size_rows(cases: Sequence[ModelCase], rows: Sequence[Row]) -> list[Row]:
    """One row a network size: speed in both modes, and what an edge costs."""
    result = []
    for training, inference in zip(range(0, len(cases), len(MODES)), range(1, len(cases), len(MODES)), strict=True):
        sizes, batch = cases[training].layer_sizes, cases[training].batch
        edges = num_edges(sizes)
        speeds = {
            mode: rows[i]["networks_per_second"] for mode, i in (("training", training), ("inference", inference))
        }
        result.append(
            {"width": sizes[1], "depth": len(sizes) - 2, "nodes": sum(sizes), "edges": edges, "batch": batch}
            | {f"{mode}_per_second": speed for mode, speed in speeds.items()}
            | {f"{mode}_ns_per_edge": round(1e9 / (speed * edges)) for mode, speed in speeds.items()}
            | {"memory_mb": rows[training]["memory_mb"]}
        )
    return result


def _fitting_row(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """One row: the processes together."""
    case = plan.fit_cases()[0]
    slowest = max(row["seconds"] for row in rows)
    return [
        {
            "processes": len(rows),
            "networks": sum(row["count"] for row in rows),
            "steps": case.steps,
            "pixels": case.pixels,
            "compiled": case.is_compiled,
            "networks_per_minute": round(60 * sum(row["count"] for row in rows) / slowest),
            "seconds_to_compile": round(max(row["seconds_to_compile"] for row in rows), 1),
            "psnr": round(sum(row["psnr"] for row in rows) / len(rows), 2),
        }
    ]


def _describe(case: ModelCase) -> str:
    sizes = "-".join(map(str, case.layer_sizes)) if len(case.layer_sizes) < 6 else f"{len(case.layer_sizes)} layers"
    compiled = " compiled" if case.is_compiled else ""
    return f"{case.preset} {case.layout} {case.mode} {case.precision}{compiled}, {sizes}"
