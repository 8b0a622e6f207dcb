"""The record of a run: a CSV log that can be cut back to a checkpoint, and events for live progress."""

import csv
import io
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ngcore.files import disk_may_be_full

logger = logging.getLogger(__name__)

LOG_COLUMNS = ("step", "epoch", "split", "metric", "value", "seconds", "networks_per_second")


@dataclass(frozen=True, kw_only=True)
class ProgressEvent:
    """The state of a run at one moment.

    Attributes:
        step: optimiser steps done, of `total_steps`.
        total_steps: optimiser steps of the whole run.
        epoch: the epoch of the last step, counted from 0.
        loss: the training loss of the last step.
        learning_rate: the rate of the last step.
        metrics: the newest validation metrics; empty before the first validation.
        best_value: the best validation value so far; None before the first validation.
        seconds: time spent on the run, earlier processes included.
        seconds_left: estimate from the speed of this process, validations included.
        networks_per_second: training items per second of training steps.
    """

    step: int
    total_steps: int
    epoch: int
    loss: float
    learning_rate: float
    metrics: Mapping[str, float]
    best_value: float | None
    seconds: float
    seconds_left: float
    networks_per_second: float


class TrainLog:
    """The CSV file of a run, one row per measurement; the columns are `LOG_COLUMNS`.

    Values are written with all their digits. Two runs of the same settings differ in the last two columns only,
    which hold times.
    """

    def __init__(self, path: Path, *, position: int = 0) -> None:
        """Open the log and cut it back to `position` bytes; 0 starts a new one."""
        size = path.stat().st_size if path.exists() else 0
        if size < position:
            logger.warning("%s lacks rows: it has %d of %d bytes. The run continues.", path, size, position)
        self._path = path
        self._file = path.open("ab")
        self._file.truncate(min(size, position))
        if min(size, position) == 0:
            self._write(LOG_COLUMNS)

    def append(
        self, split: str, metrics: Mapping[str, float], *, step: int, epoch: int, seconds: float, speed: float
    ) -> None:
        """Write one row for each metric of a split, and hand the rows to the operating system."""
        for metric, value in metrics.items():
            self._write((step, epoch, split, metric, repr(float(value)), f"{seconds:.3f}", f"{speed:.1f}"))
        with disk_may_be_full(self._path):
            self._file.flush()

    def sync(self) -> int:
        """Flush the log to the disk and return its length in bytes."""
        with disk_may_be_full(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, row: tuple[object, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        self._file.write(line.getvalue().encode())
