"""The trainings behind the shipped checkpoints, in one literal dict."""

import dataclasses
from typing import Any

from ngcore.errors import UnknownNameError
from ngcore.models import ModelConfig, preset
from ngcore.tasks.problems import Augmentation, TaskName
from ngcore.training import TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a checkpoint comes about.

    Attributes:
        task: The question.
        zoo: The networks that it is asked about.
        preset: Name of the model's preset.
        config: Numbers of the training.
        augmentation: Changes of the input networks in training.
        edit: Key of `IMAGE_EDITS`, where the task is to edit.
        start: Name of the checkpoint whose weights it starts from; None: random ones.
        model: The preset, with changes.
    """

    task: TaskName
    zoo: str
    preset: str
    config: TrainConfig
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    model: ModelConfig
    edit: str | None = None
    start: str | None = None

    @classmethod
    def of(
        cls,
        task: TaskName,
        zoo: str,
        name: str,
        config: TrainConfig,
        *,
        augmentation: Augmentation = Augmentation(),  # noqa: B008 - frozen
        edit: str | None = None,
        start: str | None = None,
        **changes: Any,
    ) -> "Recipe":
        """A recipe from a preset's name and changes of its numbers."""
        return cls(
            task=task,
            zoo=zoo,
            preset=name,
            config=config,
            augmentation=augmentation,
            model=preset(name, **changes),
            edit=edit,
            start=start,
        )


def _schedule(epochs: int, **changes: Any) -> TrainConfig:
    """AdamW as in the paper (lr 1e-3, weight decay 5e-4, clipping at 10), with a short warm-up and cosine decay."""
    numbers: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": 64,
        "learning_rate": 2e-3,
        "warmup_steps": 300,
        "schedule": "cosine",
        "ema_decay": 0.998,
        "precision": "bf16-mixed",
        "compile": True,
    }
    return TrainConfig(**(numbers | changes))


MOVES = Augmentation(rotation=10.0, scaling=0.1, shift=0.1, noise=0.05)
PURE_MOVES = Augmentation(rotation=10.0, scaling=0.1, shift=0.1)
SMALL_MOVES = Augmentation(rotation=5.0, scaling=0.05, shift=0.05)
CNN_NOISE = Augmentation(noise=0.1, weight_dropout=0.01)
FULL: dict[str, Any] = {"precision": "32-true", "compile": False}
PROBES: dict[str, Any] = FULL | {"batch_size": 128, "amsgrad": True}
SWEEP: dict[str, Any] = {"batch_size": 128, "compile": False}
EDIT: dict[str, Any] = {"learning_rate": 1.5e-3, "clip_norm": 1.0}

DILATION = "mnist-dilate-ng-sweep-64-probes"


def _editor(edit: str, name: str, *, epochs: int, start: str | None = None) -> Recipe:
    """An editor of MNIST INRs; one that starts from another editor's weights needs fewer passes."""
    config = _schedule(epochs, **EDIT, compile=False, warmup_steps=100)
    return Recipe.of("edit", "mnist-inrs", name, config, edit=edit, start=start)


RECIPES: dict[str, Recipe] = {
    "mnist-ng-sweep": Recipe.of("classify", "mnist-inrs", "ng-sweep", _schedule(40, **SWEEP), augmentation=MOVES),
    "mnist-ng-sweep-64-probes": Recipe.of(
        "classify", "mnist-inrs", "ng-sweep-64-probes", _schedule(20, **SWEEP), augmentation=MOVES
    ),
    "mnist-ng-sweep-128-probes": Recipe.of(
        "classify", "mnist-inrs", "ng-sweep-128-probes", _schedule(20, **SWEEP), augmentation=MOVES
    ),
    "mnist-ng-gnn": Recipe.of("classify", "mnist-inrs", "ng-gnn-signs", _schedule(6), augmentation=MOVES),
    "mnist-ng-gnn-64-probes": Recipe.of(
        "classify", "mnist-inrs", "ng-gnn-64-probes", _schedule(4), augmentation=PURE_MOVES
    ),
    "mnist-ng-t": Recipe.of("classify", "mnist-inrs", "ng-t-signs", _schedule(2), augmentation=MOVES),
    "mnist-output-probes-64": Recipe.of(
        "classify", "mnist-inrs", "output-probes-64", _schedule(30, **PROBES), augmentation=PURE_MOVES
    ),
    "mnist-output-probes-128": Recipe.of(
        "classify", "mnist-inrs", "output-probes-128", _schedule(30, **PROBES), augmentation=PURE_MOVES
    ),
    "mnist-flat-mlp": Recipe.of("classify", "mnist-inrs", "flat-mlp", _schedule(20, **FULL)),
    "fashion-mnist-ng-gnn": Recipe.of(
        "classify", "fashion-mnist-inrs", "ng-gnn-signs", _schedule(12), augmentation=MOVES
    ),
    "fashion-mnist-ng-gnn-64-probes": Recipe.of("classify", "fashion-mnist-inrs", "ng-gnn-64-probes", _schedule(8)),
    "fashion-mnist-output-probes-64": Recipe.of(
        "classify", "fashion-mnist-inrs", "output-probes-64", _schedule(40, **PROBES), augmentation=SMALL_MOVES
    ),
    "fashion-mnist-output-probes-128": Recipe.of(
        "classify", "fashion-mnist-inrs", "output-probes-128", _schedule(40, **PROBES), augmentation=SMALL_MOVES
    ),
    "mnist-dilate-ng-sweep": _editor("dilate", "ng-sweep-edit", epochs=4),
    "mnist-dilate-ng-sweep-64-probes": _editor("dilate", "ng-sweep-edit-64-probes", epochs=5),
    "mnist-erode-ng-sweep-64-probes": _editor("erode", "ng-sweep-edit-64-probes", epochs=1, start=DILATION),
    "mnist-outline-ng-sweep-64-probes": _editor("outline", "ng-sweep-edit-64-probes", epochs=1, start=DILATION),
    "mnist-blur-ng-sweep-64-probes": _editor("blur", "ng-sweep-edit-64-probes", epochs=1, start=DILATION),
    "mnist-dilate-ng-gnn-64-probes": Recipe.of(
        "edit", "mnist-inrs", "ng-gnn-edit-64-probes", _schedule(2, **EDIT, compile=False)
    ),
    "cifar10-gs-ng-gnn": Recipe.of(
        "predict",
        "cifar10-gs-cnns",
        "ng-gnn-cnn",
        _schedule(40, learning_rate=1e-3, compile=False),
        augmentation=CNN_NOISE,
    ),
    "cifar10-gs-statnn": Recipe.of("predict", "cifar10-gs-cnns", "statnn", _schedule(40, **FULL)),
    "cifar10-gs-flat-mlp": Recipe.of("predict", "cifar10-gs-cnns", "flat-mlp", _schedule(40, **FULL)),
}


def find_recipe(name: str) -> Recipe:
    """A recipe by the name of its checkpoint.

    Raises:
        UnknownNameError: If there is none; the message lists the choices.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
