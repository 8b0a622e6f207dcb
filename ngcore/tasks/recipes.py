"""The trainings behind the shipped checkpoints, in one literal dict."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ngcore.errors import UnknownNameError
from ngcore.models import ModelConfig, preset
from ngcore.models.config import SweepEditConfig
from ngcore.tasks.problems import Augmentation, TaskName
from ngcore.training import TrainConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train a checkpoint.

    Attributes:
        task: The question.
        zoo: The networks that it is asked about.
        preset: Name of the model's preset.
        config: Numbers of the training.
        augmentation: Changes of the input networks in training.
        edit: Key of `IMAGE_EDITS`, where the task is to edit.
        starts: Checkpoints whose weights it starts from, by the part of the model that they are for: the beginning of
            their names, "" for all; parts that are not named start from random weights.
        teacher: Name of a classifier whose answers about the same networks are the larger part of what is learned
            (distillation, Hinton et al. 2015); None: labels alone.
        model: The preset, with changes.
    """

    task: TaskName
    zoo: str
    preset: str
    config: TrainConfig
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    model: ModelConfig
    edit: str | None = None
    starts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    teacher: str | None = None

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
        starts: Mapping[str, str] | None = None,
        teacher: str | None = None,
        **changes: Any,
    ) -> "Recipe":
        """A recipe from a preset's name and changes of its numbers."""
        if edit is not None and isinstance(preset(name), SweepEditConfig):
            changes["edit"] = edit
        return cls(
            task=task,
            zoo=zoo,
            preset=name,
            config=config,
            augmentation=augmentation,
            model=preset(name, **changes),
            edit=edit,
            starts=starts or {},
            teacher=teacher,
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
PURE_MOVES = dataclasses.replace(MOVES, noise=0.0)
SMALL_MOVES = Augmentation(rotation=5.0, scaling=0.05, shift=0.05, mirror=True, noise=0.05)
SMALL_PURE_MOVES = dataclasses.replace(SMALL_MOVES, noise=0.0)
COLOUR_MOVES = Augmentation(rotation=10.0, scaling=0.1, shift=0.1, mirror=True, noise=0.02)
PURE_COLOUR_MOVES = dataclasses.replace(COLOUR_MOVES, noise=0.0)
CNN_NOISE = Augmentation(noise=0.1, weight_dropout=0.01)
FULL: dict[str, Any] = {"precision": "32-true", "compile": False}
PROBES: dict[str, Any] = FULL | {"batch_size": 128, "amsgrad": True}
SWEEP: dict[str, Any] = {"batch_size": 128, "compile": False}
COLOUR_SWEEP: dict[str, Any] = SWEEP | {"learning_rate": 5e-4}
EDIT: dict[str, Any] = {"learning_rate": 1.5e-3, "clip_norm": 1.0, "compile": False, "warmup_steps": 100}

GRAPH: dict[str, dict[str, Any]] = {
    "ng-gnn": {"epochs": 24, "batch_size": 256},
    "ng-t": {"epochs": 14, "batch_size": 256, "learning_rate": 1e-3},
}
JOIN: dict[str, Any] = SWEEP | {"learning_rate": 5e-5, "warmup_steps": 100}


def _joined(
    images: str, name: str, outputs: str, moves: Augmentation, *, sweep: str = "ng-sweep", noise: float = 0.05
) -> Recipe:
    """NG-Sweep with probes, from NG-Sweep without and output-only probing, each trained alone before."""
    starts = {"": f"{images}-{sweep}", "outputs.": f"{images}-{outputs}"}
    config = _schedule(1, **JOIN)
    zoo = f"{images}-inrs"
    return Recipe.of("classify", zoo, name, config, augmentation=moves, starts=starts, input_noise=noise)


def _graph_model(images: str, kind: str, moves: Augmentation, *, probes: str = "") -> Recipe:
    """NG-GNN or NG-T on INRs, blind to all symmetries of a SIREN; batches are large enough to keep a GPU at work."""
    config = _schedule(**GRAPH[kind])
    return Recipe.of("classify", f"{images}-inrs", f"{kind}-symmetric{probes}", config, augmentation=moves)


def _output_probes(images: str, name: str, moves: Augmentation, *, epochs: int) -> Recipe:
    """Output-only probing, with images moved."""
    return Recipe.of("classify", f"{images}-inrs", name, _schedule(epochs, **PROBES), augmentation=moves)


def _taught(images: str, numbers: Mapping[str, Any], moves: Augmentation, *, noise: float) -> Recipe:
    """NG-Sweep that learns what the lattice of probes answers, and labels."""
    return Recipe.of(
        "classify",
        f"{images}-inrs",
        "ng-sweep",
        _schedule(40, **numbers),
        augmentation=moves,
        teacher=f"{images}-output-lattice-256",
        input_noise=noise,
    )


JUDGE: dict[str, Any] = FULL | {"learning_rate": 1e-3, "clip_norm": 1.0, "warmup_steps": 100, "weight_decay": 1e-2}


def _judge(zoo: str, name: str, *, epochs: int, **changes: Any) -> Recipe:
    """A predictor of accuracy; no noise on the networks themselves, whose answers to probes it would change."""
    return Recipe.of("predict", zoo, name, _schedule(epochs, **JUDGE), **changes)


def _examined(zoo: str, name: str, **changes: Any) -> Recipe:
    """A predictor that tests networks on real images: it begins close to what it will learn, so few passes do."""
    config = _schedule(6, **JUDGE | {"warmup_steps": 20, "ema_decay": 0.98})
    return Recipe.of("predict", zoo, name, config, **changes)


def _judges(zoo: str) -> dict[str, Recipe]:
    """Predictors of the accuracy of networks of many architectures; the neurons' responses taught none of them more."""
    return {
        f"{zoo}-ng-sweep": _judge(zoo, "ng-sweep-accuracy", epochs=40, input_noise=0.05),
        f"{zoo}-ng-sweep-16-probes": _judge(
            zoo, "ng-sweep-accuracy-16-probes", epochs=30, input_noise=0.05, reads_responses=False
        ),
        f"{zoo}-ng-gnn": _judge(zoo, "ng-gnn-accuracy", epochs=5),
        f"{zoo}-output-probes-16": _judge(zoo, "output-accuracy-16-probes", epochs=60),
        f"{zoo}-256-examples": _examined(zoo, "output-accuracy-256-examples"),
        f"{zoo}-ng-sweep-256-examples": _examined(zoo, "ng-sweep-accuracy-256-examples", input_noise=0.05),
        f"{zoo}-statnn": Recipe.of("predict", zoo, "statnn", _schedule(60, **FULL)),
    }


DILATION = "mnist-dilate-ng-sweep-descent"


def _editor(edit: str, name: str, *, starts: Mapping[str, str] | None = None, **changes: Any) -> Recipe:
    """An editor of MNIST INRs, with changes of the numbers of `EDIT`."""
    return Recipe.of("edit", "mnist-inrs", name, _schedule(**EDIT | changes), edit=edit, starts=starts)


def _retrained(edit: str) -> Recipe:
    """The editor that dilates, trained on for another edit; at higher rates its steps overshoot."""
    numbers = {"epochs": 1, "learning_rate": 1e-4, "clip_norm": 0.2}
    return _editor(edit, "ng-sweep-edit-descent", starts={"": DILATION}, **numbers)


RECIPES: dict[str, Recipe] = {
    "mnist-ng-sweep": Recipe.of("classify", "mnist-inrs", "ng-sweep", _schedule(40, **SWEEP), augmentation=MOVES),
    "mnist-ng-sweep-64-probes": _joined("mnist", "ng-sweep-64-probes", "output-probes-64", PURE_MOVES),
    "mnist-ng-sweep-128-probes": _joined("mnist", "ng-sweep-128-probes", "output-probes-128", PURE_MOVES),
    "mnist-ng-sweep-lattice-256": _joined("mnist", "ng-sweep-lattice-256", "output-lattice-256", PURE_MOVES),
    "mnist-output-lattice-256": _output_probes("mnist", "output-lattice-256", PURE_MOVES, epochs=12),
    "mnist-ng-gnn": _graph_model("mnist", "ng-gnn", MOVES),
    "mnist-ng-gnn-64-probes": _graph_model("mnist", "ng-gnn", PURE_MOVES, probes="-64-probes"),
    "mnist-ng-t": _graph_model("mnist", "ng-t", MOVES),
    "mnist-ng-t-64-probes": _graph_model("mnist", "ng-t", PURE_MOVES, probes="-64-probes"),
    "mnist-output-probes-64": _output_probes("mnist", "output-probes-64", PURE_MOVES, epochs=30),
    "mnist-output-probes-128": _output_probes("mnist", "output-probes-128", PURE_MOVES, epochs=30),
    "mnist-flat-mlp": Recipe.of("classify", "mnist-inrs", "flat-mlp", _schedule(20, **FULL)),
    "mnist-statnn": Recipe.of("classify", "mnist-inrs", "statnn", _schedule(20, **FULL)),
    "fashion-mnist-ng-sweep": Recipe.of(
        "classify", "fashion-mnist-inrs", "ng-sweep", _schedule(40, **SWEEP), augmentation=SMALL_MOVES
    ),
    "fashion-mnist-ng-sweep-taught": _taught("fashion-mnist", SWEEP, SMALL_PURE_MOVES, noise=0.05),
    "fashion-mnist-ng-sweep-64-probes": _joined(
        "fashion-mnist", "ng-sweep-64-probes", "output-probes-64", SMALL_PURE_MOVES, sweep="ng-sweep-taught"
    ),
    "fashion-mnist-ng-sweep-128-probes": _joined(
        "fashion-mnist", "ng-sweep-128-probes", "output-probes-128", SMALL_PURE_MOVES, sweep="ng-sweep-taught"
    ),
    "fashion-mnist-ng-sweep-lattice-256": _joined(
        "fashion-mnist", "ng-sweep-lattice-256", "output-lattice-256", SMALL_PURE_MOVES, sweep="ng-sweep-taught"
    ),
    "fashion-mnist-output-lattice-256": _output_probes(
        "fashion-mnist", "output-lattice-256", SMALL_PURE_MOVES, epochs=12
    ),
    "fashion-mnist-ng-gnn": _graph_model("fashion-mnist", "ng-gnn", SMALL_MOVES),
    "fashion-mnist-ng-gnn-64-probes": _graph_model("fashion-mnist", "ng-gnn", SMALL_PURE_MOVES, probes="-64-probes"),
    "fashion-mnist-ng-t": _graph_model("fashion-mnist", "ng-t", SMALL_MOVES),
    "fashion-mnist-ng-t-64-probes": _graph_model("fashion-mnist", "ng-t", SMALL_PURE_MOVES, probes="-64-probes"),
    "fashion-mnist-output-probes-64": _output_probes("fashion-mnist", "output-probes-64", SMALL_PURE_MOVES, epochs=40),
    "fashion-mnist-output-probes-128": _output_probes(
        "fashion-mnist", "output-probes-128", SMALL_PURE_MOVES, epochs=40
    ),
    "fashion-mnist-flat-mlp": Recipe.of("classify", "fashion-mnist-inrs", "flat-mlp", _schedule(20, **FULL)),
    "cifar10-ng-sweep": Recipe.of(
        "classify", "cifar10-inrs", "ng-sweep", _schedule(40, **COLOUR_SWEEP), augmentation=COLOUR_MOVES
    ),
    "cifar10-ng-sweep-taught": _taught("cifar10", COLOUR_SWEEP, PURE_COLOUR_MOVES, noise=0.02),
    "cifar10-ng-sweep-64-probes": _joined(
        "cifar10", "ng-sweep-64-probes", "output-probes-64", PURE_COLOUR_MOVES, sweep="ng-sweep-taught", noise=0.02
    ),
    "cifar10-ng-sweep-128-probes": _joined(
        "cifar10", "ng-sweep-128-probes", "output-probes-128", PURE_COLOUR_MOVES, sweep="ng-sweep-taught", noise=0.02
    ),
    "cifar10-ng-sweep-lattice-256": _joined(
        "cifar10", "ng-sweep-lattice-256", "output-lattice-256", PURE_COLOUR_MOVES, sweep="ng-sweep-taught", noise=0.02
    ),
    "cifar10-output-lattice-256": _output_probes("cifar10", "output-lattice-256", PURE_COLOUR_MOVES, epochs=30),
    "cifar10-output-probes-64": _output_probes("cifar10", "output-probes-64", PURE_COLOUR_MOVES, epochs=40),
    "cifar10-output-probes-128": _output_probes("cifar10", "output-probes-128", PURE_COLOUR_MOVES, epochs=40),
    "mnist-dilate-ng-sweep": _editor("dilate", "ng-sweep-edit", epochs=4),
    "mnist-dilate-ng-sweep-64-probes": _editor("dilate", "ng-sweep-edit-64-probes", epochs=5),
    "mnist-dilate-ng-gnn-64-probes": _editor("dilate", "ng-gnn-edit-64-probes", epochs=2, warmup_steps=300),
    DILATION: _editor(
        "dilate",
        "ng-sweep-edit-descent",
        starts={"editor.": "mnist-dilate-ng-sweep-64-probes"},
        epochs=3,
        learning_rate=3e-4,
    ),
    "mnist-erode-ng-sweep-descent": _retrained("erode"),
    "mnist-outline-ng-sweep-descent": _retrained("outline"),
    "mnist-blur-ng-sweep-descent": _retrained("blur"),
    "cifar10-gs-ng-gnn": _judge("cifar10-gs-cnns", "ng-gnn-accuracy", epochs=10),
    "cifar10-gs-ng-sweep": _judge("cifar10-gs-cnns", "ng-sweep-accuracy", epochs=40, input_noise=0.05),
    "cifar10-gs-ng-sweep-64-probes": _judge(
        "cifar10-gs-cnns", "ng-sweep-accuracy-64-probes", epochs=20, input_noise=0.05
    ),
    "cifar10-gs-output-probes-64": _judge("cifar10-gs-cnns", "output-accuracy-64-probes", epochs=20),
    "cifar10-gs-statnn": Recipe.of("predict", "cifar10-gs-cnns", "statnn", _schedule(40, **FULL)),
    "cifar10-gs-flat-mlp": Recipe.of("predict", "cifar10-gs-cnns", "flat-mlp", _schedule(40, **FULL)),
    **_judges("fashion-families"),
    **_judges("cnn-park"),
}


def find_recipe(name: str) -> Recipe:
    """A recipe by the name of its checkpoint.

    Raises:
        UnknownNameError: If there is none; the message lists the choices.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]
