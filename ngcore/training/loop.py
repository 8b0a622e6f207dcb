"""The training loop: a model, item indices and a loss go in, the weights best on validation come out."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ngcore.device import can_compile, choose_device, describe_device
from ngcore.errors import NeuralGraphError
from ngcore.locks import only_one
from ngcore.training.average import WeightAverage
from ngcore.training.checkpoint import expect_weights_fit, write_weights
from ngcore.training.config import TrainConfig
from ngcore.training.fabric import build_fabric, by_learning_rate
from ngcore.training.log import ProgressEvent, TrainLog
from ngcore.training.random_state import epoch_order, seed_step
from ngcore.training.state import STATE_FILE, Selection, read_state, write_state

Loss = Callable[[nn.Module, Tensor, torch.Generator], Tensor]
Validate = Callable[[nn.Module], Mapping[str, float]]
Progress = Callable[[ProgressEvent], object]

BEST_FILE = "best.safetensors"
LOG_FILE = "log.csv"
TOGETHER = 16  # items of one group that a batch holds side by side, where items are grouped
_REPORT_EVERY_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """Result of a training run.

    Attributes:
        is_finished: whether all steps were done; False when `max_seconds` ended the run.
        steps: optimiser steps done.
        best_step: the number of steps after which the kept weights were validated.
        best_value: the monitored metric of the kept weights.
        metrics: all validation metrics of the kept weights.
        seconds: time spent, processes that were killed included as far as their last checkpoint.
        networks_per_second: training items per second of training steps, without validation.
        device: the device in words.
        cores: threads that torch computed with on the CPU.
        weights_path: `best.safetensors`, the kept weights.
        log_path: `log.csv`.
    """

    is_finished: bool
    steps: int
    best_step: int
    best_value: float
    metrics: dict[str, float]
    seconds: float
    networks_per_second: float
    device: str
    cores: int
    weights_path: Path
    log_path: Path


def train(
    model: nn.Module,
    *,
    num_items: int,
    loss: Loss,
    validate: Validate,
    config: TrainConfig,
    folder: Path | str,
    monitor: str = "accuracy",
    mode: Literal["max", "min"] = "max",
    device: str = "auto",
    groups: Tensor | None = None,
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a model and keep the best weights; a run that stopped in the same folder continues.

    A run that was killed at any moment and is started again with the same arguments ends with the same bits in
    weights and log values as one that was not, on one machine, with as many threads (`torch.set_num_threads`; batch
    norm, for one, sums in another order with another number), where kernels are deterministic (CPU kernels are; on a
    GPU, call `torch.use_deterministic_algorithms(True)` first). For this, `loss` and `validate` draw random numbers
    from the generator they get or from torch's default generators only, and no other thread of the process draws
    from those meanwhile (building a model does).

    Args:
        model: moved to `device`; afterwards it holds the best weights and is in evaluation mode.
        num_items: size of the training set.
        loss: `loss(model, index, generator)` returns a scalar; `index` holds the batch's item numbers, int64 on
            the CPU; `generator` is on the training device and is for augmentation and noise.
        validate: `validate(model)` returns metrics by name; called without gradients, in evaluation mode.
        config: the numbers of the run.
        folder: gets `last.ckpt`, `best.safetensors` and `log.csv`; one run, one folder.
        monitor: the validation metric that selects the weights.
        mode: whether a larger (`max`) or smaller (`min`) value of it is better.
        device: a name that `choose_device` knows.
        groups: a group of each item, (items,), of which `TOGETHER` stand side by side; None: any order.
        max_seconds: ends this call after the step in which this time is over; the next call continues.
        progress: called about twice a second, after each validation, and at the end.

    Raises:
        CheckpointError, InUseError, StorageError: when the folder holds a run of other settings or of another model,
            another process trains in it, or the disk is full.
        NeuralGraphError: when the loss is no longer finite, or `validate` does not return `monitor`.
    """
    if num_items < 1:
        raise NeuralGraphError(f"Expected at least 1 training item, got {num_items}.")
    chosen = choose_device(device)
    with torch.random.fork_rng(devices=[]):  # keeps the caller's random numbers on the CPU as they were
        run = _Run(
            model,
            num_items=num_items,
            loss=loss,
            validate=validate,
            config=config,
            folder=Path(folder),
            selection=Selection(monitor=monitor, mode=mode),
            device=chosen,
            groups=groups,
            progress=progress or (lambda event: None),
        )
        with only_one(Path(folder), "a training"):
            try:
                run.restore()
                return run.finish(is_finished=run.advance(max_seconds))
            finally:
                run.close()


def describe_training(config: TrainConfig, result: TrainResult) -> dict[str, Any]:
    """Return the `training` part of a checkpoint's card."""
    return {
        "config": config.to_dict(),
        "steps": result.steps,
        "best_step": result.best_step,
        "seconds": round(result.seconds, 1),
        "networks_per_second": round(result.networks_per_second, 1),
        "device": result.device,
        "cores": result.cores,
    }


class _Run:
    """One training run in memory: set up, restored from its folder, advanced and finished."""

    def __init__(
        self,
        model: nn.Module,
        *,
        num_items: int,
        loss: Loss,
        validate: Validate,
        config: TrainConfig,
        folder: Path,
        selection: Selection,
        device: torch.device,
        groups: Tensor | None,
        progress: Progress,
    ) -> None:
        self.model, self.loss, self.validate, self.progress = model, loss, validate, progress
        self.config, self.folder, self.device, self.selection = config, folder, device, selection
        self.groups, self.num_items, self.total_steps = groups, num_items, config.total_steps(num_items)
        self.steps_per_epoch = config.steps_per_epoch(num_items)
        self._set_up()
        self.generator = torch.Generator(device)
        self.log: TrainLog | None = None
        self.order, self.order_epoch = torch.empty(0, dtype=torch.long), -1
        self.step, self.step_at_start = 0, 0
        self.seconds_before, self.train_seconds = 0.0, 0.0
        self.started = self.reported = self.saved = time.perf_counter()
        self.loss_now = torch.zeros((), device=device)
        self.loss_sum, self.loss_count = torch.zeros((), device=device), 0
        self.metrics: dict[str, float] = {}

    def _set_up(self) -> None:
        """Let Fabric place the model and wrap the optimiser.

        The loss gets the bare model under `fabric.autocast()`, not Fabric's wrapper, which would look into the
        inputs for tensors and refuses frozen dataclasses.
        """
        config, model = self.config, self.model
        self.fabric = build_fabric(self.device, config.precision)
        model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            by_learning_rate(model),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            amsgrad=config.amsgrad,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.fabric_model, self.fabric_optimizer = self.fabric.setup(model, self.optimizer)
        self.average = WeightAverage(model, decay=config.ema_decay) if config.ema_decay else None
        if config.compile and can_compile(self.device):
            model.compile(dynamic=False)

    # Between processes

    def settings(self) -> dict[str, Any]:
        """Return everything that decides what the run computes, apart from model, loss and validation."""
        selection = {"monitor": self.selection.monitor, "mode": self.selection.mode}
        return {**self.config.to_dict(), **selection, "num_items": self.num_items}

    def restore(self) -> None:
        """Take up the state in the folder, if there is one, and open the log at its position."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = read_state(self.folder, settings=self.settings())
        if state is not None:
            self._load(state)
        self.log = TrainLog(self.folder / LOG_FILE, position=state["log_position"] if state else 0)

    def _load(self, state: Mapping[str, Any]) -> None:
        expect_weights_fit(self.model, state["model"], source=str(self.folder / STATE_FILE))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.selection.load_state_dict(state["best"])
        self.step = self.step_at_start = state["step"]
        self.seconds_before, self.train_seconds = state["seconds"], state["train_seconds"]
        self.loss_sum.fill_(state["loss_sum"])
        self.loss_count, self.metrics = state["loss_count"], state["metrics"]

    def save(self) -> None:
        """Write `last.ckpt`; a run whose loss is not finite keeps the state from before."""
        self._expect_finite_loss()
        assert self.log is not None
        state = {
            "settings": self.settings(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "best": self.selection.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "train_seconds": self.train_seconds,
            "loss_sum": self.loss_sum.item(),
            "loss_count": self.loss_count,
            "metrics": self.metrics,
            "log_position": self.log.sync(),
        }
        write_state(self.folder, state)
        self.saved = time.perf_counter()

    def close(self) -> None:
        """Close the log."""
        if self.log is not None:
            self.log.close()

    # Steps

    @property
    def seconds(self) -> float:
        """Time spent on the run, earlier processes included."""
        return self.seconds_before + time.perf_counter() - self.started

    @property
    def speed(self) -> float:
        """Training items per second of training steps."""
        return self.step * min(self.config.batch_size, self.num_items) / max(self.train_seconds, 1e-9)

    @property
    def epoch(self) -> int:
        """The epoch of the last step done."""
        return max(0, self.step - 1) // self.steps_per_epoch

    def advance(self, max_seconds: float | None) -> bool:
        """Do the steps that are left, and return whether there was time for all of them."""
        self.model.train()
        while self.step < self.total_steps:
            if max_seconds is not None and time.perf_counter() - self.started >= max_seconds:
                return False
            self._train_step()
            is_last = self.step == self.total_steps
            if is_last or self.step % self.config.log_every == 0:
                self._log_loss()
            if is_last or self.step % (self.config.validate_every or self.steps_per_epoch) == 0:
                self._validate()
                self.save()
            elif time.perf_counter() - self.saved >= self.config.checkpoint_every_seconds:
                self.save()
            if time.perf_counter() - self.reported >= _REPORT_EVERY_SECONDS:
                self._report()
        return True

    def _train_step(self) -> None:
        started = time.perf_counter()
        seed_step(self.generator, seed=self.config.seed, step=self.step)
        for group in self.optimizer.param_groups:
            rate = self.config.learning_rate_at(self.step, total_steps=self.total_steps)
            group["lr"] = group["lr_scale"] * rate
        with self.fabric.autocast():
            loss = self.loss(self.model, self._next_index(), self.generator)
        self.fabric.backward(loss)
        if self.config.clip_norm:
            self.fabric.clip_gradients(
                self.fabric_model, self.fabric_optimizer, max_norm=self.config.clip_norm, error_if_nonfinite=False
            )
        self.fabric_optimizer.step()
        self.optimizer.zero_grad()
        if self.average:
            self.average.update()
        self.loss_now = loss.detach().float()
        self.loss_sum += self.loss_now
        self.loss_count += 1
        self.step += 1
        self.train_seconds += time.perf_counter() - started

    def _next_index(self) -> Tensor:
        """Return the item numbers of the batch of the coming step."""
        epoch, batch = divmod(self.step, self.steps_per_epoch)
        if epoch != self.order_epoch:
            options = {"seed": self.config.seed, "epoch": epoch, "together": TOGETHER}
            self.order, self.order_epoch = epoch_order(self.num_items, groups=self.groups, **options), epoch
        return self.order[batch * self.config.batch_size :][: self.config.batch_size]

    def _log_loss(self) -> None:
        """Log the mean training loss since the last time."""
        self._expect_finite_loss()
        self._append("train", {"loss": self.loss_sum.item() / self.loss_count})
        self.loss_sum.zero_()
        self.loss_count = 0

    def _validate(self) -> None:
        """Measure the model, or its moving average, and keep the weights if they are the best so far."""
        self._expect_finite_loss()
        if self.average:
            with self.average.applied():
                self._measure()
        else:
            self._measure()
        self._append("validation", self.metrics)
        self._report()

    def _measure(self) -> None:
        self.model.eval()
        with torch.no_grad(), self.fabric.autocast(), torch.compiler.set_stance("force_eager"):
            self.metrics = {name: float(value) for name, value in self.validate(self.model).items()}
        self.model.train()
        if self.selection.offer(self.model, self.metrics, step=self.step):
            write_weights(self.folder / BEST_FILE, self.selection.weights)

    def finish(self, *, is_finished: bool) -> TrainResult:
        """Write the last state, put the best weights into the model, and sum up."""
        if not is_finished:
            self.save()
        if self.selection.value is None:  # stopped before the first validation: whatever there is, is the best
            self._validate()
        self._report()
        write_weights(self.folder / BEST_FILE, self.selection.weights)
        self.model.load_state_dict(self.selection.weights)
        self.model.eval()
        assert self.selection.value is not None
        return TrainResult(
            is_finished=is_finished,
            steps=self.step,
            best_step=self.selection.step,
            best_value=self.selection.value,
            metrics=self.selection.metrics,
            seconds=self.seconds,
            networks_per_second=self.speed,
            device=describe_device(self.device),
            cores=torch.get_num_threads(),
            weights_path=self.folder / BEST_FILE,
            log_path=self.folder / LOG_FILE,
        )

    def _expect_finite_loss(self) -> None:
        if not math.isfinite(self.loss_sum.item()):
            raise NeuralGraphError(
                f"Expected a finite training loss, got {self.loss_sum.item()} by step {self.step}; "
                "lower learning_rate or clip_norm, and start again in an empty folder."
            )

    def _append(self, split: str, metrics: Mapping[str, float]) -> None:
        assert self.log is not None
        self.log.append(split, metrics, step=self.step, epoch=self.epoch, seconds=self.seconds, speed=self.speed)

    def _report(self) -> None:
        """Tell `progress` where the run is."""
        self.reported = time.perf_counter()
        done = self.step - self.step_at_start
        elapsed = self.reported - self.started
        last_step = max(0, self.step - 1)
        event = ProgressEvent(
            step=self.step,
            total_steps=self.total_steps,
            epoch=self.epoch,
            loss=self.loss_now.item(),
            learning_rate=self.config.learning_rate_at(last_step, total_steps=self.total_steps),
            metrics=self.metrics,
            best_value=self.selection.value,
            seconds=self.seconds,
            seconds_left=(self.total_steps - self.step) * elapsed / max(1, done),
            networks_per_second=self.speed,
        )
        self.progress(event)
