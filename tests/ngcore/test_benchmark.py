"""The benchmark on tiny sizes: its layouts agree and its rows are complete; no test looks at how fast it is."""

import json

import pytest

from ngcore.benchmark import FULL, PUBLISHED, QUICK, FitCase, ModelCase, Plan, run_benchmark
from ngcore.benchmark.plan import num_edges
from ngcore.benchmark.processes import measure_in_processes
from ngcore.benchmark.run import ratios
from ngcore.errors import NeuralGraphError

pytestmark = pytest.mark.xdist_group("benchmark")  # one process runs it once

TINY = Plan(
    has_compiled=False,
    layer_sizes=(2, 4, 1),
    batch=2,
    seconds=0.0,
    widths=(3, 5),
    depths=(1, 3),
    fit_count=2,
    fit_steps=2,
    fit_processes=2,
    fit_is_compiled=False,
    mixed_networks=3,
    forward_networks=2,
    trained_networks=2,
    is_isolated=False,
    threads=1,
)


@pytest.fixture(scope="module")
def result():
    """One run on tiny sizes, in this process."""
    seen = []
    answer = run_benchmark(plan=TINY, progress=lambda done, total, note: seen.append((done, total, note)))
    return answer, seen


def test_all_layouts_give_the_same_answers(result):
    answer, _ = result
    layouts = [(row["preset"], row["layout"]) for row in answer["agreement"]]
    assert layouts == [
        (p, x) for p, n in (("ng-gnn", 3), ("ng-t", 2)) for x in ("block", "flat", "torch_geometric")[:n]
    ]
    assert all(row["difference"] < 1e-9 for row in answer["agreement"])
    assert answer["all_agree"]


def test_stacks_of_networks_give_the_answers_of_the_code_that_they_are_compared_with(result):
    rows = result[0]["forward"]
    assert len(rows) == 8
    assert {(row["architecture"], row["reference"]) for row in rows} == {
        ("SIREN 2-32-32-1", "written out"),
        ("small CNN", "written out"),
        ("small CNN", "torch.func.vmap"),
        ("transformer", "torch.func.vmap"),
    }
    assert all(row["difference"] < 1e-4 and row["times_reference"] > 0 for row in rows)


def test_training_of_zoos_is_measured_for_every_family(result):
    rows = result[0]["zoo_training"]
    names = [row["architecture"] for row in rows]
    assert names == ["small CNN", "CNN with batch norm", "MLP", "GRU", "LSTM", "transformer"]
    assert all(row["networks"] == 2 and row["times_single"] > 0 for row in rows)
    assert rows[0]["parameters"] == 4970


def test_mixed_batches_give_the_answers_of_torch_geometric(result):
    rows = result[0]["mixed"]
    assert [(row["preset"], row["mode"]) for row in rows] == [
        (name, mode) for name in ("ng-gnn-any", "ng-t-any") for mode in ("inference", "training")
    ]
    assert all(row["difference"] < 1e-4 and row["times_as_fast"] > 0 for row in rows)


def test_every_model_is_measured_in_every_setting(result):
    answer, _ = result
    settings = {(r["preset"], r["layout"], r["mode"], r["precision"], r["compiled"]) for r in answer["models"]}
    assert settings == {
        (preset, layout, mode, precision, False)
        for preset, layouts in (("ng-gnn", ("block", "flat", "torch_geometric")), ("ng-t", ("block", "flat")))
        for layout in layouts
        for mode in ("training", "inference")
        for precision in ("float32", "bfloat16")
    }
    assert len(settings) == len(answer["models"])
    assert all(row["networks_per_second"] > 0 and row["ms_per_step"] > 0 for row in answer["models"])


def test_rows_of_a_table_have_the_same_fields_and_fit_into_json(result):
    answer, _ = result
    tables = [value for value in answer.values() if isinstance(value, list)]
    assert len(tables) == 9
    assert all({tuple(row) for row in table} == {tuple(table[0])} for table in tables)
    assert json.loads(json.dumps(answer)) == answer


def test_the_sweep_of_sizes_counts_real_edges(result):
    """2-3-3-1 has 6 + 9 + 3 = 18 weights; 2-32-1 has 96."""
    rows = {(row["width"], row["depth"]): row for row in result[0]["sizes"]}
    assert set(rows) == {(3, 2), (5, 2), (32, 1), (32, 3)}
    assert (rows[3, 2]["nodes"], rows[3, 2]["edges"], rows[32, 1]["edges"]) == (9, 18, 96)
    assert all(row["training_ns_per_edge"] > 0 and row["inference_ns_per_edge"] > 0 for row in rows.values())


def test_fitting_is_counted_over_all_processes(result):
    (row,) = result[0]["fitting"]
    assert (row["processes"], row["networks"], row["steps"], row["pixels"]) == (2, 4, 2, 256)
    assert row["networks_per_minute"] > 0


def test_progress_counts_every_row(result):
    _, seen = result
    assert [done for done, _, _ in seen] == [*range(len(seen) - 1), seen[-1][1]]
    assert seen[0] == (0, 39, "ng-gnn block training float32, 2-4-1")


def test_ratios_compare_the_fastest_row_with_the_published_figure():
    """NG-GNN trained 12 networks a second: 240 is 20 times that."""
    fields = {"preset": "ng-gnn", "mode": "training", "layout": "block", "precision": "float32"}
    rows = [
        fields | {"compiled": c, "networks_per_second": s} for c, s in ((False, 120.0), (False, 60.0), (True, 240.0))
    ]
    assert [(row["compiled"], row["published"], row["times"]) for row in ratios(rows)] == [
        (False, 12.0, 10.0),
        (True, 12.0, 20.0),
    ]


def test_published_figures_are_a_table_of_their_own(result):
    assert result[0]["published"] == [dict(speed._asdict()) for speed in PUBLISHED]
    assert {(speed.preset, speed.mode): (speed.lowest, speed.highest) for speed in PUBLISHED} == {
        ("ng-gnn", "training"): (12.0, 12.0),
        ("ng-gnn", "inference"): (20.0, 55.0),
        ("ng-t", "training"): (3.5, 3.5),
        ("ng-t", "inference"): (13.0, 13.0),
    }


def test_the_full_plan_sweeps_all_sizes_and_compiles_the_block_layout_alone():
    compiled = {case.layout for case in FULL.model_cases() if case.is_compiled}
    assert compiled == {"block"}
    assert len(FULL.model_cases()) == 28
    assert {case.layer_sizes[1] for case in FULL.size_cases()} == {16, 32, 64, 128, 256}
    assert {len(case.layer_sizes) - 2 for case in FULL.size_cases()} == {2, 4, 8, 16}
    assert all(case.batch == 1 or case.batch * num_edges(case.layer_sizes) <= 64 * 1120 for case in FULL.size_cases())


def test_the_quick_plan_compiles_no_model():
    assert not any(case.is_compiled for case in QUICK.model_cases())


def test_rows_come_from_processes_of_their_own():
    model = ModelCase(preset="ng-gnn", layer_sizes=(2, 3, 1), batch=2, seconds=0.0, threads=1)
    fit = FitCase(count=1, steps=1, is_compiled=False)
    model_row, fit_row = measure_in_processes([model, fit])
    assert model_row["agrees"]
    assert model_row["memory_mb"] > 0
    assert fit_row["count"] == 1


def test_a_process_that_fails_says_why():
    with pytest.raises(
        NeuralGraphError,
        match=r"^Expected a row of the benchmark, but its process ended: .*Unknown preset 'ng-x'; choose from: ",
    ):
        measure_in_processes([ModelCase(preset="ng-x", layer_sizes=(2, 3, 1), batch=2)])
