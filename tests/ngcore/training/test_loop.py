"""The training loop on a tiny model: it learns, it resumes to the bit, it selects, it refuses."""

import csv
import dataclasses
import errno
import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ngcore.errors import CheckpointError, InUseError, NeuralGraphError, StorageError
from ngcore.training import LOG_COLUMNS, TrainConfig, describe_training, loop, train
from ngcore.training.fabric import _build_single_device_fabric
from ngcore.training.random_state import epoch_order

PROGRAM = Path(__file__).with_name("tiny_run.py")
spec = importlib.util.spec_from_file_location("tiny_run", PROGRAM)
tiny_run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny_run)
CONFIG, run = tiny_run.CONFIG, tiny_run.run


def read_log(folder):
    """The rows of a log, as dicts."""
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read_values(folder):
    """The rows of a log without the times, which no two runs share."""
    return [tuple(row[column] for column in LOG_COLUMNS[:5]) for row in read_log(folder)]


def assert_same_run(a, b):
    """Every tensor and every logged value of two runs is the same, bit for bit."""
    assert (a / "best.safetensors").read_bytes() == (b / "best.safetensors").read_bytes()
    assert read_values(a) == read_values(b)
    first, second = (torch.load(folder / "last.ckpt", weights_only=True) for folder in (a, b))
    assert first["step"] == second["step"]
    for part in ("model", "average"):
        assert first[part].keys() == second[part].keys()
        assert all(torch.equal(torch.as_tensor(first[part][k]), torch.as_tensor(second[part][k])) for k in first[part])
    for number, moments in first["optimizer"]["state"].items():
        assert all(torch.equal(moments[k], second["optimizer"]["state"][number][k]) for k in moments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder, result and model of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, *run(folder)


def test_a_process_killed_again_and_again_ends_with_the_same_bits(tmp_path, finished):
    """Each process is killed by SIGKILL a random moment after its first checkpoint; the last one may finish."""
    program = [sys.executable, str(PROGRAM), str(tmp_path), "5"]
    printed = subprocess.run(program, capture_output=True, text=True, check=True, timeout=300).stdout
    steps = [int(line) for line in printed.split()]
    assert len(set(steps)) >= 3, "the kills came too early to test anything"
    assert steps == sorted(steps)
    assert steps[-1] < CONFIG.total_steps(tiny_run.NUM_ITEMS)
    assert_same_run(tmp_path, finished[0])


@pytest.mark.parametrize("every_seconds", [0.0, 1e9])
def test_an_exception_at_any_step_changes_nothing_in_the_end(tmp_path, finished, every_seconds):
    """With checkpoints at every step, or at validations only: then logged rows are taken back and written again."""

    def fail_at_ninth(call):
        if call == 9:
            raise KeyboardInterrupt

    config = dataclasses.replace(CONFIG, checkpoint_every_seconds=every_seconds)
    interruptions = 0
    while True:
        try:
            run(tmp_path, config=config, before_step=fail_at_ninth)
            break
        except KeyboardInterrupt:
            interruptions += 1
    assert interruptions >= 10
    assert_same_run(tmp_path, finished[0])


def test_a_run_out_of_time_goes_on_in_the_next_call(tmp_path, finished, monkeypatch):
    """By a clock that a step moves on by 0.01 s and nothing else does."""
    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)

    def move_clock(_):
        clock.now += 0.01

    monkeypatch.setattr(loop, "time", clock)
    result, _ = run(tmp_path, max_seconds=0.045, before_step=move_clock)
    assert not result.is_finished
    assert result.steps == 5
    assert (tmp_path / "best.safetensors").exists()
    assert run(tmp_path)[0].is_finished
    assert_same_run(tmp_path, finished[0])


def test_no_time_at_all_still_gives_validated_weights(tmp_path):
    result, model = run(tmp_path, max_seconds=0.0)
    assert result.steps == 0
    assert result.metrics.keys() == {"mse"}
    assert torch.equal(model[0].weight, tiny_run.build_model()[0].weight)


def test_a_finished_run_is_not_trained_again(finished):
    folder, result, _ = finished
    before = (folder / "log.csv").read_bytes()
    again, model = run(folder, before_step=pytest.fail)
    assert (again.steps, again.best_value, again.best_step) == (result.steps, result.best_value, result.best_step)
    assert (folder / "log.csv").read_bytes() == before
    assert torch.equal(model[0].weight, load_file(folder / "best.safetensors")["0.weight"])


def test_the_best_validation_is_kept_and_left_in_the_model(finished):
    folder, result, model = finished
    logged = {int(row["step"]): float(row["value"]) for row in read_log(folder) if row["metric"] == "mse"}
    assert result.best_value == min(logged.values()) == logged[result.best_step] == result.metrics["mse"]
    assert result.best_value < 0.5 * logged[7]
    inputs, targets = tiny_run.build_items()
    assert not model.training
    assert (model(inputs) - targets).square().mean().item() == result.best_value
    weights = load_file(folder / "best.safetensors")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_the_log_has_a_row_for_each_loss_and_validation(finished):
    rows = read_log(finished[0])
    assert tuple(rows[0]) == LOG_COLUMNS
    assert [int(row["step"]) for row in rows if row["split"] == "train"] == [*range(3, 100, 3), 100]
    assert [int(row["step"]) for row in rows if row["split"] == "validation"] == [*range(7, 100, 7), 100]
    assert {row["epoch"] for row in rows if row["step"] in ("3", "6", "100")} == {"0", "1", "19"}
    assert all(float(row["networks_per_second"]) > 0 for row in rows)


def test_every_epoch_visits_every_item_once_in_another_order():
    first, second = (epoch_order(50, seed=0, epoch=epoch) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(50))
    assert not torch.equal(first, second)
    assert not torch.equal(first, epoch_order(50, seed=1, epoch=0))


def test_training_leaves_the_callers_random_numbers_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    config = dataclasses.replace(CONFIG, epochs=None, steps=2)
    model = tiny_run.build_model()
    torch.manual_seed(5)
    train(
        model,
        num_items=20,
        loss=lambda model, index, generator: model(torch.rand(4, 3)).mean(),
        validate=lambda model: {"accuracy": 1.0},
        config=config,
        folder=tmp_path,
        device="cpu",
    )
    assert torch.equal(torch.rand(3), expected)


def test_progress_ends_at_the_last_step_with_nothing_left(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_REPORT_EVERY_SECONDS", math.inf)
    events = []
    run(tmp_path, config=dataclasses.replace(CONFIG, epochs=2), progress=events.append)
    assert [event.step for event in events] == [7, 10, 10]
    assert events[-1].total_steps == 10
    assert events[-1].seconds_left == 0
    assert events[0].seconds_left > 0
    assert events[-1].metrics.keys() == {"mse"}
    assert events[-1].best_value == min(event.metrics["mse"] for event in events)
    assert math.isfinite(events[-1].loss)


def test_mixed_precision_computes_in_bfloat16_and_keeps_float32_weights(tmp_path):
    seen = set()

    def loss(model, index, generator):
        output = model(torch.ones(len(index), 3))
        seen.add(output.dtype)
        return output.float().square().mean()

    config = TrainConfig(steps=2, batch_size=4, precision="bf16-mixed")
    model = nn.Linear(3, 1)
    train(
        model, num_items=8, loss=loss, validate=lambda m: {"accuracy": 0}, config=config, folder=tmp_path, device="cpu"
    )
    assert seen == {torch.bfloat16}
    assert model.weight.dtype == torch.float32


def test_training_runs_compiled_and_validation_eager(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "can_compile", lambda device: True)
    compiled_calls, calls = [], []

    def backend(graph, inputs):
        def run(*arguments):
            compiled_calls.append(len(calls))
            return graph(*arguments)

        return run

    class Model(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

        def compile(self, **options):
            super().compile(backend=backend, **options)

    def loss(given, index, generator):
        calls.append("train")
        return given(torch.ones(len(index), 3)).mean()

    def validate(given):
        calls.append("validate")
        return {"accuracy": float(given(torch.ones(8, 3)).mean())}

    config = TrainConfig(steps=3, batch_size=8, validate_every=1, compile=True)
    model = Model(3, 1)
    train(model, num_items=8, loss=loss, validate=validate, config=config, folder=tmp_path, device="cpu")
    assert calls == ["train", "validate"] * 3
    assert compiled_calls == [1, 3, 5]
    assert load_file(tmp_path / "best.safetensors").keys() == {"weight", "bias"}


def test_without_a_compiler_training_is_eager(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "can_compile", lambda device: False)
    model = nn.Linear(3, 1)
    monkeypatch.setattr(model, "compile", lambda **options: pytest.fail("compiled without a compiler"))
    train(
        model,
        num_items=8,
        loss=lambda given, index, generator: given(torch.ones(len(index), 3)).mean(),
        validate=lambda given: {"accuracy": 0.5},
        config=TrainConfig(steps=1, compile=True),
        folder=tmp_path,
        device="cpu",
    )


def test_a_device_that_fabric_does_not_know_is_set_up_by_torch():
    """The way of xpu, walked with the CPU."""
    fabric = _build_single_device_fabric(torch.device("cpu"), None)
    model = nn.Linear(3, 1)
    fabric.setup(model, torch.optim.AdamW(model.parameters()))
    fabric.backward(model(torch.ones(2, 3)).mean())
    assert fabric.device == torch.device("cpu")
    assert model.weight.grad is not None


def test_other_settings_in_the_same_folder_are_refused_by_name(finished):
    config = dataclasses.replace(CONFIG, learning_rate=0.1, checkpoint_every_seconds=9.0)
    expected = r"belongs to a run with other settings \(learning_rate: expected 0.02, got 0.1\); use them again, or"
    with pytest.raises(CheckpointError, match=expected):
        run(finished[0], config=config)


@pytest.mark.parametrize("size", [0, 4, 0.5, 0.99])
def test_a_state_that_was_cut_short_is_said_and_the_run_begins_again(tmp_path, finished, caplog, size):
    run(tmp_path)
    state = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(state[: int(size * len(state)) if isinstance(size, float) else size])
    run(tmp_path)
    assert "the training begins again" in caplog.text and str(tmp_path / "last.ckpt") in caplog.text
    again, first = (load_file(folder / "best.safetensors") for folder in (tmp_path, finished[0]))
    assert all(torch.equal(again[name], first[name]) for name in first)
    steps = [line.split(",")[0] for line in (tmp_path / "log.csv").read_text().splitlines() if ",train," in line]
    assert len(steps) == len(set(steps))


def test_a_log_that_lost_rows_stops_no_run(tmp_path, caplog):
    config = dataclasses.replace(CONFIG, epochs=1)
    run(tmp_path, config=config)
    (tmp_path / "log.csv").unlink()
    run(tmp_path, config=config)
    assert "log.csv lacks rows" in caplog.text
    assert (tmp_path / "log.csv").read_text().startswith("step,epoch")


def test_a_second_training_in_the_same_folder_is_told_who_is_at_work(tmp_path):
    refused = []

    def train_meanwhile(call):
        if call == 3:
            with pytest.raises(InUseError, match=f"got a training \\(process {os.getpid()}, since") as error:
                run(tmp_path)
            refused.append(error)

    run(tmp_path, before_step=train_meanwhile)
    assert refused
    rows = [tuple(line.split(",")[:4]) for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert len(rows) == len(set(rows))


def test_a_full_disk_ends_a_training_with_the_bytes_that_are_needed_and_it_goes_on_later(tmp_path, monkeypatch):
    def fail(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", fail)
        with pytest.raises(StorageError, match=r"got a full disk: [\d,]+ bytes are needed"):
            run(tmp_path)
    assert not list(tmp_path.glob(".*.tmp"))
    run(tmp_path)


def test_a_loss_that_is_not_finite_stops_the_run_and_is_not_saved(tmp_path):
    with pytest.raises(
        NeuralGraphError, match="Expected a finite training loss, got nan by step 1; lower learning_rate"
    ):
        train(
            nn.Linear(3, 1),
            num_items=4,
            loss=lambda model, index, generator: model(torch.full((1, 3), math.nan)).mean(),
            validate=lambda model: {"accuracy": 0.0},
            config=TrainConfig(steps=5, checkpoint_every_seconds=0.0),
            folder=tmp_path,
            device="cpu",
        )
    assert not (tmp_path / "last.ckpt").exists()


def test_a_missing_monitored_metric_is_named(tmp_path):
    with pytest.raises(NeuralGraphError, match="return the monitored metric 'accuracy', got mse"):
        run(tmp_path, monitor="accuracy")


def test_the_card_part_of_a_run_says_how_it_was_trained(finished):
    part = describe_training(CONFIG, finished[1])
    assert TrainConfig.from_dict(part["config"]) == CONFIG
    assert part["steps"] == 100
    assert part["device"].startswith("CPU")


def train_one_number(folder, gradients, validate=lambda model: {"accuracy": -model[0].item()}, **changes):
    """Train a single number, first 0, whose loss has the given gradient in each step, at a constant rate of 0.1."""
    model, steps = nn.ParameterList([nn.Parameter(torch.zeros(()))]), iter(gradients)
    numbers = {"steps": len(gradients), "batch_size": 1, "learning_rate": 0.1, "weight_decay": 0.0, "warmup_steps": 0}
    train(
        model,
        num_items=1,
        loss=lambda model, index, generator: next(steps) * model[0],
        validate=validate,
        config=TrainConfig(**numbers, schedule="constant", **changes),
        folder=folder,
        device="cpu",
    )
    return model[0].item()


def test_a_large_gradient_is_clipped_to_the_norm_asked_for(tmp_path):
    """Clipped to 1, gradients of 1000 and 1 are alike, so that AdamW steps by the learning rate both times."""
    assert train_one_number(tmp_path / "clipped", [1000.0, 1.0], clip_norm=1.0) == pytest.approx(-0.2, abs=1e-5)
    assert train_one_number(tmp_path / "as it is", [1000.0, 1.0], clip_norm=0.0) == pytest.approx(-0.167, abs=1e-3)


def test_the_moving_average_is_what_is_validated_and_kept(tmp_path):
    """Gradients of 1 move the number to −0.1, −0.2, −0.3; its average keeps 1/10, 2/11, 3/12 of itself.

    0.9 · −0.1 = −0.09; 2/11 · −0.09 + 9/11 · −0.2 = −0.18; 3/12 · −0.18 + 9/12 · −0.3 = −0.27.
    """
    seen = []

    def validate(model):
        seen.append(model[0].item())
        return {"accuracy": float(len(seen))}

    kept = train_one_number(tmp_path, [1.0] * 3, validate, ema_decay=0.9, validate_every=1)
    assert seen == pytest.approx([-0.09, -0.18, -0.27], abs=1e-5)
    assert kept == pytest.approx(-0.27, abs=1e-5)


def test_parameters_with_a_scale_of_their_own_learn_at_that_share_of_the_rate(tmp_path):
    """Gradients of 1 make AdamW's first step as long as the learning rate: 0.1, and 0.1 · 0.25."""
    model = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(())) for _ in range(2)])
    model[1].lr_scale = 0.25
    config = TrainConfig(steps=1, batch_size=1, learning_rate=0.1, weight_decay=0.0, warmup_steps=0)
    train(
        model,
        num_items=1,
        loss=lambda model, index, generator: model[0] + model[1],
        validate=lambda model: {"accuracy": 0.0},
        config=config,
        folder=tmp_path,
        device="cpu",
    )
    assert [round(parameter.item(), 5) for parameter in model] == [-0.1, -0.025]


def test_items_of_a_group_stand_together_and_every_item_is_visited_once():
    groups = torch.arange(50) % 3  # 17, 17 and 16 items
    first, second = (epoch_order(50, seed=0, epoch=epoch, groups=groups, together=4) for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(50))
    assert not torch.equal(first, second)
    runs = 1 + int((groups[first].diff() != 0).sum())
    assert 3 < runs <= 14  # runs of four or what is left, two that follow each other may be of one group
    again = epoch_order(50, seed=0, epoch=0, groups=groups, together=4)
    assert torch.equal(first, again)
