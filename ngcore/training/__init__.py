"""Training any model on any items: the loop with exact resume, its settings, metrics, and checkpoints with cards."""

from ngcore.training.checkpoint import (
    CARD_FILE,
    WEIGHTS_FILE,
    describe_versions,
    expect_weights_fit,
    load_weights,
    read_card,
    read_weights,
    save_checkpoint,
)
from ngcore.training.config import TrainConfig
from ngcore.training.log import LOG_COLUMNS, ProgressEvent
from ngcore.training.loop import TrainResult, describe_training, train
from ngcore.training.metrics import (
    accuracy,
    confusion_matrix,
    kendall_tau,
    mean_absolute_error,
    mean_squared_error,
    r_squared,
)

__all__ = [
    "CARD_FILE",
    "LOG_COLUMNS",
    "WEIGHTS_FILE",
    "ProgressEvent",
    "TrainConfig",
    "TrainResult",
    "accuracy",
    "confusion_matrix",
    "describe_training",
    "describe_versions",
    "expect_weights_fit",
    "kendall_tau",
    "load_weights",
    "mean_absolute_error",
    "mean_squared_error",
    "r_squared",
    "read_card",
    "read_weights",
    "save_checkpoint",
    "train",
]
