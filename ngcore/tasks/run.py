"""Training a recipe into a checkpoint with its card, and measuring a checkpoint again."""

import dataclasses
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.device import choose_device
from ngcore.errors import NotFiniteError
from ngcore.models import Model, build_model
from ngcore.models.output_probes import ExampleProbes
from ngcore.networks import Architecture
from ngcore.paths import work_folder
from ngcore.tasks.calibration import calibrate
from ngcore.tasks.checkpoints import Checkpoint, find_part, load_checkpoint
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.problems import DEFAULT_EDIT, Problem, edit_of, find_problem
from ngcore.tasks.recipes import Recipe, find_recipe
from ngcore.training import (
    ProgressEvent,
    TrainResult,
    describe_training,
    describe_versions,
    expect_weights_fit,
    read_card,
    save_checkpoint,
    train,
)
from ngcore.zoo import Zoo, find_zoo, read_training_sample

SPLITS = ("validation", "test")
ERRORS = ("cross_entropy", "mean_absolute_error", "mse")  # metrics that are not finite if any answer is not

MANY = 8  # architectures of a corpus above which batches are made of few of them

TAUGHT = 0.7
"""Share of a teacher's answer in what is learned; the rest is the label."""


def train_recipe(
    name: str,
    *,
    out: Path | str,
    zoo_folder: Path | str | None = None,
    device: str = "auto",
    seed: int = 0,
    limit: int | None = None,
    max_seconds: float | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> dict[str, Any] | None:
    """Train what `RECIPES[name]` says, resuming where an earlier call stopped, and write the checkpoint.

    The weights are chosen by validation; the test split is measured once, for the card.

    Args:
        name: Key of `RECIPES`.
        out: Folder of the checkpoint.
        zoo_folder: The zoo; None: the one found by name.
        device: See `ngcore.device`.
        seed: Seed of parameters, order and noise; parts and teachers are those of the same seed.
        limit: Use only the first n networks of each split.
        max_seconds: Stop this call after so long; call again to go on.
        progress: Called about twice a second.

    Returns:
        The card, or None if `max_seconds` ended the call before the training was done.
    """
    recipe = find_recipe(name)
    zoo = Zoo.open(zoo_folder or find_zoo(recipe.zoo))
    corpora = {split: Corpus.load(zoo, split, limit=limit) for split in ("train", *SPLITS)}
    trained = train_on(
        recipe,
        corpora,
        folder=work_folder() / "runs" / _run_name(name, recipe, zoo, seed, limit),
        device=device,
        seed=seed,
        max_seconds=max_seconds,
        progress=progress,
    )
    if trained is None:
        return None
    card = _card(Path(out).name, recipe, corpora, trained, seed)
    card["command"] = _command(name, seed, limit)
    if recipe.task == "edit":
        card["edit"] = recipe.edit or DEFAULT_EDIT
    if recipe.starts:
        card["starts"] = [_named(part, seed) for part in recipe.starts.values()]
    if recipe.teacher is not None:
        card["teacher"] = _named(recipe.teacher, seed)
    state = trained.model.state_dict()
    weights = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in state.items()}
    calibration = calibrate(trained.model, recipe.task, corpora, device=device)
    if calibration is not None:
        card |= calibration.save_reference(Path(out))
    return save_checkpoint(out, weights, card)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model that was trained, and how it did.

    Attributes:
        model: With the weights that were best on validation, rounded to what half precision can hold, in which
            checkpoints ship.
        result: Steps, time and speed.
        metrics: By split, with `n`.
    """

    model: Model
    result: TrainResult
    metrics: dict[str, dict[str, Any]]


def train_on(
    recipe: Recipe,
    corpora: Mapping[str, Corpus],
    *,
    folder: Path,
    device: str = "auto",
    seed: int = 0,
    max_seconds: float | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> Trained | None:
    """Train a recipe on given networks, resuming in the folder, and measure it on validation and test.

    Args:
        recipe: What to train and how.
        corpora: The splits "train", "validation" and "test".
        folder: Of the run.
        device: See `ngcore.device`.
        seed: Seed of parameters, order and noise.
        max_seconds: Stop this call after so long; call again to go on.
        progress: Called about twice a second.

    Returns:
        None if `max_seconds` ended the call before the training was done.
    """
    problem, place = find_problem(recipe.task, recipe.edit), choose_device(device)
    targets = {split: problem.targets(corpus) for split, corpus in corpora.items()}
    model = _new_model(recipe, problem, corpora, seed)
    result = train(
        model,
        num_items=len(corpora["train"]),
        loss=_batch_loss(recipe, problem, corpora["train"], targets["train"], place, seed),
        validate=lambda current: problem.measure(current, corpora["validation"], targets["validation"], place),
        config=dataclasses.replace(recipe.config, seed=seed),
        folder=folder,
        monitor=problem.monitor,
        mode=problem.mode,
        device=device,
        groups=_groups(corpora["train"]),
        max_seconds=max_seconds,
        progress=progress,
    )
    if not result.is_finished:
        return None
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor.half())
    metrics = {s: _measured(problem, model, corpora[s], targets[s], place) for s in SPLITS}
    return Trained(model, result, metrics)


def evaluate(
    checkpoint: Checkpoint | str,
    *,
    zoo_folder: Path | str | None = None,
    split: str = "test",
    limit: int | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure a checkpoint on a split of its zoo, or of another one of the same kind.

    Returns:
        The metrics as `Problem.measure_fully` gives them, `n`, and the zoo's name and hash.
    """
    loaded = load_checkpoint(checkpoint, device) if isinstance(checkpoint, str) else checkpoint
    zoo = Zoo.open(zoo_folder or find_zoo(loaded.card["corpus"]["name"]))
    corpus = Corpus.load(zoo, split, limit=limit)
    problem = find_problem(loaded.card["task"], edit_of(loaded.card))
    measured = _measured(problem, loaded.model, corpus, problem.targets(corpus), loaded.device)
    return {**measured, "split": split, "zoo": zoo.name, "zoo_sha256": zoo.hash}


@torch.no_grad()
def _measured(
    problem: Problem, model: nn.Module, corpus: Corpus, targets: Tensor, device: torch.device
) -> dict[str, Any]:
    model.eval()
    with torch.compiler.set_stance("force_eager"):  # batches of many sizes
        measured = problem.measure_fully(model, corpus, targets, device)
    _expect_finite_errors(measured, corpus)
    return {"n": len(corpus), **measured}


def _expect_finite_errors(measured: Mapping[str, Any], corpus: Corpus) -> None:
    """Refuse figures of answers that are not finite; τ and R² may have none, where all networks are equally good."""
    for name in ERRORS:
        if not math.isfinite(measured.get(name, 0.0)):
            raise NotFiniteError(
                f"Expected finite answers for the {len(corpus):,} {corpus.split} networks of {corpus.zoo.name}, "
                f"got a {name} of {measured[name]}."
            )


def _groups(corpus: Corpus) -> Tensor | None:
    """What stands together in a batch: networks of one architecture, where there are many of those.

    A batch of networks each of its own architecture takes many times as long as one of a few stacks.
    """
    return corpus.stack if len(corpus.stacks) > MANY else None


def _architectures(corpora: Mapping[str, Corpus]) -> list[Architecture]:
    """All that a model is to read, those of training first; tables are built for what all of them have."""
    splits = ("train", *SPLITS)
    return list(dict.fromkeys(stack.architecture for split in splits for stack in corpora[split].stacks))


def _new_model(recipe: Recipe, problem: Problem, corpora: Mapping[str, Corpus], seed: int) -> Model:
    config, corpus = recipe.model, corpora["train"]
    if config.head == "invariant":
        config = dataclasses.replace(config, d_out=problem.d_out(corpus.zoo))
    model = build_model(config, _architectures(corpora), seed=seed)
    for module in model.modules():
        if isinstance(module, ExampleProbes):
            known = read_training_sample(corpus.zoo.card["recipe"]["images"])
            module.take_examples(known.inputs(corpus.stacks[0].architecture), known.labels)
    if recipe.starts:
        prefixes = tuple(recipe.starts)
        weights = {key: tensor for key, tensor in model.state_dict().items() if not key.startswith(prefixes)}
        for prefix, name in recipe.starts.items():
            part = load_checkpoint(find_part(name, seed), "cpu", as_trained=True).model.state_dict()
            weights |= {prefix + key: tensor for key, tensor in part.items()}
        expect_weights_fit(model, weights, source=" and ".join(recipe.starts.values()))
        model.load_state_dict(weights)
    else:
        model.fit_normalisation(list(corpus.stacks))
    return model


def _batch_loss(
    recipe: Recipe, problem: Problem, corpus: Corpus, targets: Tensor, device: torch.device, seed: int
) -> Callable[[nn.Module, Tensor, torch.Generator], Tensor]:
    teacher = load_checkpoint(find_part(recipe.teacher, seed), device).model if recipe.teacher else None

    def loss(model: nn.Module, index: Tensor, generator: torch.Generator) -> Tensor:
        stacks, places = zip(*corpus.batch(index, device), strict=True)
        augmented = [recipe.augmentation(stack, generator) for stack in stacks]
        wanted = targets[index[torch.cat(places)]].to(device)
        if teacher is not None:
            with torch.no_grad():
                said = teacher(augmented).float().softmax(dim=1)
            wanted = torch.lerp(nn.functional.one_hot(wanted, said.shape[1]).float(), said, TAUGHT)
        return problem.loss(model, augmented, wanted, generator)

    return loss


def _named(name: str, seed: int) -> dict[str, str]:
    """A checkpoint that a training needs, with the hash of its weights."""
    card = read_card(find_part(name, seed))
    return {key: card[key] for key in ("name", "weights_sha256")}


def _run_name(name: str, recipe: Recipe, zoo: Zoo, seed: int, limit: int | None) -> str:
    """Another recipe or another zoo is another run, which does not resume this one."""
    others = [*recipe.starts.values(), *([recipe.teacher] if recipe.teacher else [])]
    described = f"{zoo.hash} {recipe} {[_named(other, seed) for other in others]}"
    digest = hashlib.sha256(described.encode()).hexdigest()[:8]
    return f"{name}-{digest}-seed{seed}" + (f"-{limit}" if limit else "")


def _command(name: str, seed: int, limit: int | None) -> str:
    options = (f" --seed {seed}" if seed else "", f" --limit {limit}" if limit is not None else "")
    return f"ngcore train {name}{''.join(options)}"


def _card(name: str, recipe: Recipe, corpora: Mapping[str, Corpus], trained: Trained, seed: int) -> dict[str, Any]:
    zoo = corpora["train"].zoo
    d_out = {"d_out": find_problem(recipe.task, recipe.edit).d_out(zoo)}
    config = dataclasses.replace(recipe.config, seed=seed)
    return {
        "name": name,
        "preset": recipe.preset,
        "task": recipe.task,
        "model": {
            "config": recipe.model.to_dict() | (d_out if recipe.model.head == "invariant" else {}),
            "architectures": [architecture.to_dict() for architecture in _architectures(corpora)],
        },
        "corpus": {
            "name": zoo.name,
            "sha256": zoo.hash,
            "recipe": zoo.card["recipe"],
            "counts": {split: len(corpus) for split, corpus in corpora.items()},
        },
        "training": describe_training(config, trained.result)
        | {"augmentation": dataclasses.asdict(recipe.augmentation)},
        "metrics": trained.metrics,
        "seeds": [seed],
        "parameters": sum(p.numel() for p in trained.model.parameters() if p.requires_grad),
        "versions": describe_versions(),
    }
