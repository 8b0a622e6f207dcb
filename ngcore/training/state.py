"""What a run keeps between processes: reading, writing and comparing `last.ckpt`."""

import io
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ngcore.errors import CheckpointError, NeuralGraphError, UnknownNameError
from ngcore.files import reading, write_atomically

logger = logging.getLogger(__name__)

STATE_FILE = "last.ckpt"
_FORMAT = 1
_FREE = {"checkpoint_every_seconds"}  # settings that may differ between processes, because they change no result


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write `last.ckpt` in one step; `state` holds tensors and plain values only."""
    data = io.BytesIO()  # torch's own writer does not say that a disk is full
    torch.save({"format": _FORMAT, **state}, data)
    write_atomically(folder / STATE_FILE, lambda path: path.write_bytes(data.getbuffer()), num_bytes=data.tell())


def read_state(folder: Path, *, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read `last.ckpt`, or return None where there is none.

    Args:
        folder: the run's folder.
        settings: settings of this run; they must be those of the checkpoint.

    A damaged file is passed over with a warning in the log, so that the run begins again.

    Raises:
        CheckpointError: when the file belongs to a run with other settings, or is of another format.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    try:
        with reading(path, CheckpointError, remedy="the training begins again"):
            state = torch.load(path, map_location="cpu", weights_only=True)
            settings_of = dict(state["settings"])
    except CheckpointError as error:
        logger.warning("%s", error)
        return None
    if state.get("format") != _FORMAT:
        raise CheckpointError(f"Expected a training state of format {_FORMAT} in {path}, got another one; remove it.")
    _expect_same(settings_of, settings, path=path)
    return state


def _expect_same(saved: Mapping[str, Any], settings: Mapping[str, Any], *, path: Path) -> None:
    names = sorted((saved.keys() | settings.keys()) - _FREE)
    different = [
        f"{name}: expected {saved.get(name)!r}, got {settings.get(name)!r}"
        for name in names
        if saved.get(name) != settings.get(name)
    ]
    if different:
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({'; '.join(different)}); use them again, or another folder."
        )


class Selection:
    """Keeps the weights with the best value of one validation metric."""

    def __init__(self, *, monitor: str, mode: Literal["max", "min"]) -> None:
        if mode not in ("max", "min"):
            raise UnknownNameError("mode", mode, ("max", "min"))
        self.monitor = monitor
        self.mode = mode
        self.value: float | None = None
        self.step = 0
        self.metrics: dict[str, float] = {}
        self.weights: dict[str, Tensor] = {}

    def offer(self, model: nn.Module, metrics: Mapping[str, float], *, step: int) -> bool:
        """Keep a copy of the model's weights if their metrics are the best so far, and say whether they are.

        The first offer is always kept; NaN never beats a number; of two equal values the earlier stays.
        """
        if self.monitor not in metrics:
            got = ", ".join(metrics) or "no metric"
            raise NeuralGraphError(f"Expected validate to return the monitored metric {self.monitor!r}, got {got}.")
        value = float(metrics[self.monitor])
        if self.value is not None and not self._beats(value, self.value):
            return False
        self.value, self.step, self.metrics = value, step, dict(metrics)
        self.weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, as tensors and plain values."""
        return {"value": self.value, "step": self.step, "metrics": self.metrics, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.value, self.step = state["value"], state["step"]
        self.metrics, self.weights = state["metrics"], state["weights"]

    def _beats(self, value: float, best: float) -> bool:
        if math.isnan(best) or math.isnan(value):
            return math.isnan(best) and not math.isnan(value)
        return value > best if self.mode == "max" else value < best
