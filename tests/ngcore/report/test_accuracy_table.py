"""Models and baselines in one table, and what they are worth in labelled images."""

import math

import pytest

from ngcore.report.accuracy_table import (
    COLUMNS,
    accuracy_lines,
    accuracy_text,
    compare_with_baselines,
    describe_comparison,
    write_images,
)
from ngcore.report.results import result_rows


def figures(tau, error, *, n=40, all_tau=None):
    """Figures of final checkpoints, and of all where they have a τ."""
    final = {"n": n, "num_runs": n, "kendall_tau": tau, "r_squared": 0.9, "mean_absolute_error": error}
    final |= {"tau_ceiling": 0.995, "kendall_tau_above_chance": None}
    pooled = {} if all_tau is None else {"kendall_tau": all_tau, "tau_ceiling": 0.99, "mean_absolute_error": error}
    return {"n": 0 if all_tau is None else 4 * n, **pooled, "final": final}


def study(**changes):
    rows = [
        {
            "key": "h",
            "setting": {"baseline": "hyper-parameters", "reads": "hyper-parameters"},
            "test": figures(0.6, 0.05, all_tau=0.5),
        },
        {"key": "c", "setting": {"baseline": "its curve", "reads": "its own past"}, "test": figures(0.85, 0.02)},
        *(
            {
                "key": f"images-{k}",
                "setting": {"baseline": f"{k} labelled images", "reads": "labelled images"},
                "num_images": k,
                "test": figures(tau, 0.4 / math.sqrt(k), all_tau=tau),
            }
            for k, tau in ((16, 0.6), (64, 0.7), (256, 0.8))
        ),
    ]
    return {
        "name": "accuracy-baselines",
        "question": "?",
        "zoo": "cnns",
        "zoo_sha256": "a" * 64,
        "rows": rows,
    } | changes


def card(name, *, sha256="a" * 64, test=None, repeats=()):
    return {
        "name": name,
        "preset": "ng-gnn",
        "task": "predict",
        "model": {"config": {"kind": "ng-gnn", "num_probes": 0}},
        "corpus": {"name": "cnns", "sha256": sha256, "counts": {"train": 20_000}},
        "metrics": {"test": test or figures(0.75, 0.025, all_tau=0.7)},
        "repeats": [{"metrics": {"test": test}} for test in repeats],
        "training": {"seconds": 90.0, "cores": 1, "networks_per_second": 123.4},
        "seeds": [0],
        "parameters": 1_234,
        "command": f"ngcore train {name}",
    }


def test_models_of_the_same_zoo_and_baselines_are_ranked_by_final_checkpoints():
    old = card("old", test={"n": 40, "kendall_tau": 0.9})
    (one,) = compare_with_baselines(result_rows([card("graph"), card("elsewhere", sha256="b" * 64), old]), [study()])
    names = [entry.name for entry in one.entries]
    assert names == [
        "its curve",
        "256 labelled images",
        "graph",
        "64 labelled images",
        "hyper-parameters",
        "16 labelled images",
    ]
    assert [entry.kind for entry in one.entries if entry.name == "graph"] == ["model"]


def test_what_a_model_is_worth_in_images_is_read_off_the_curve():
    """τ .75 lies midway from 64 to 256 images, which is 128; the error .025 is that of (.4 / .025)² = 256."""
    (one,) = compare_with_baselines(result_rows([card("graph")]), [study()])
    graph = next(entry for entry in one.entries if entry.name == "graph")
    assert one.worth(graph, "kendall_tau", final=True) == pytest.approx(128)
    assert one.worth(graph, "mean_absolute_error", final=True) == pytest.approx(256)
    curve = next(entry for entry in one.entries if entry.name == "its curve")
    assert one.worth(curve, "kendall_tau", final=True) == float("inf")
    assert one.worth(curve, "kendall_tau", final=False) is None
    assert one.ceiling(final=True) == 0.995


@pytest.mark.parametrize(
    ("images", "text"),
    [(None, "–"), (0.0, "< 4"), (128.3, "130"), (17.4, "17"), (3000.0, "3,000"), (float("inf"), "> 4,096")],
)
def test_numbers_of_images_are_written_with_two_digits(images, text):
    assert write_images(images) == text


def test_a_line_has_the_figures_of_final_checkpoints_and_the_mean_over_seeds():
    graph = card("graph", repeats=[figures(tau, 0.025, all_tau=0.7) for tau in (0.74, 0.76)])
    (one,) = compare_with_baselines(result_rows([graph]), [study()])
    lines = {cells[0]: dict(zip(COLUMNS, cells, strict=True)) for cells in accuracy_lines(one)}
    line = lines["**graph**"]
    assert (line["τ"], line["R²"], line["MAE"], line["Seeds"]) == ("0.750 ± 0.010", "0.900", "0.0250", "3")
    assert (line["Worth images (τ)"], line["Worth images (MAE)"], line["τ, all"]) == ("130", "260", "0.700")
    assert lines["its curve"]["τ, all"] == "–"
    assert lines["64 labelled images"]["Worth images (τ)"] == ""


def test_the_text_says_on_what_the_figures_are_and_how_to_make_them():
    comparisons = compare_with_baselines(result_rows([card("graph")]), [study()])
    text = accuracy_text(comparisons)
    assert text.startswith(
        "**How accurate are networks of cnns?** 40 final checkpoints of 40 test runs, 160 with earlier ones; ties "
        "leave τ at most 0.995. `ngcore study accuracy-baselines --zoo cnns`\n\n|"
    )
    assert describe_comparison(comparisons[0]) in text
    assert len(text.splitlines()) == 2 + 2 + 6
    assert accuracy_text([]) == ""
    assert compare_with_baselines([], [study(name="parts")]) == []
