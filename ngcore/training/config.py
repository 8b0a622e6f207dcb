"""The numbers of one training run, in a frozen dataclass that can go into a card."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ngcore.errors import NeuralGraphError, UnknownNameError

Precision = Literal["32-true", "bf16-mixed"]
Schedule = Literal["constant", "cosine"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a model is trained; the defaults are those of INR classification in the paper.

    Attributes:
        epochs: passes over the training items; give either this or `steps`.
        steps: optimiser steps; give either this or `epochs`.
        batch_size: items per step. The items left over at the end of an epoch are skipped, so that every
            batch has the same size; a training set smaller than one batch is one batch.
        learning_rate: the highest rate, reached at the end of the warm-up.
        weight_decay: AdamW's decoupled decay.
        warmup_steps: steps over which the rate climbs linearly to `learning_rate`.
        schedule: after the warm-up, `constant`, or `cosine` down to 0 at the last step.
        clip_norm: largest norm of the gradient over all parameters; 0 means no clipping.
        amsgrad: whether AdamW uses the largest second moment seen so far.
        ema_decay: decay of the moving average of the weights that is validated and kept; 0 turns it off.
        seed: fixes the order of the items, the noise handed to the loss, and dropout.
        log_every: steps between rows of the training loss in the log.
        validate_every: steps between validations; 0 means at the end of each epoch.
        checkpoint_every_seconds: longest time between two writings of `last.ckpt`.
        precision: `32-true`, or `bf16-mixed` for automatic mixed precision.
        compile: whether training steps run compiled (`model.compile()`) where `ngcore.device.can_compile`;
            validation stays eager.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    warmup_steps: int = 1000
    schedule: Schedule = "constant"
    clip_norm: float = 10.0
    amsgrad: bool = True
    ema_decay: float = 0.0
    seed: int = 0
    log_every: int = 50
    validate_every: int = 0
    checkpoint_every_seconds: float = 120.0
    precision: Precision = "32-true"
    compile: bool = False

    def __post_init__(self) -> None:
        """Check every number, so that a wrong one fails before the first step."""
        if (self.epochs is None) == (self.steps is None):
            raise NeuralGraphError(
                f"Expected either epochs or steps, got epochs={self.epochs} and steps={self.steps}; set one of them."
            )
        for name in ("epochs", "steps", "batch_size", "log_every"):
            self._expect(name, "at least 1", getattr(self, name) is None or getattr(self, name) >= 1)
        for name in ("weight_decay", "warmup_steps", "clip_norm", "validate_every", "checkpoint_every_seconds"):
            self._expect(name, "0 or more", 0 <= getattr(self, name) < math.inf)
        self._expect("learning_rate", "above 0", 0 < self.learning_rate < math.inf)
        self._expect("ema_decay", "in [0, 1)", 0 <= self.ema_decay < 1)
        if self.schedule not in get_args(Schedule):
            raise UnknownNameError("schedule", self.schedule, get_args(Schedule))
        if self.precision not in get_args(Precision):
            raise UnknownNameError("precision", self.precision, get_args(Precision))

    def _expect(self, name: str, expected: str, holds: bool) -> None:
        if not holds:
            raise NeuralGraphError(f"Expected {name} {expected}, got {getattr(self, name)}.")

    def steps_per_epoch(self, num_items: int) -> int:
        """Return the number of whole batches in `num_items`, at least 1."""
        return max(1, num_items // self.batch_size)

    def total_steps(self, num_items: int) -> int:
        """Return the number of optimiser steps of the run over `num_items` training items."""
        if self.steps is not None:
            return self.steps
        return (self.epochs or 0) * self.steps_per_epoch(num_items)

    def learning_rate_at(self, step: int, *, total_steps: int) -> float:
        """Return the learning rate of the step with index `step`, counted from 0."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return self.learning_rate
        progress = (step - self.warmup_steps) / max(1, total_steps - self.warmup_steps)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for cards and checkpoints."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """Rebuild the config that `to_dict` wrote; an unknown field is an `UnknownNameError`."""
        fields = {field.name for field in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise UnknownNameError("training option", name, fields)
        return cls(**values)
