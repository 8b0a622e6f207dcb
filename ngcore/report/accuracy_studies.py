"""Studies of accuracy prediction: parts, probes, the number of networks, and networks unlike those of training."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ngcore.errors import ZooError
from ngcore.models import preset
from ngcore.networks import Add
from ngcore.report.cells import Cell, Choose, Study
from ngcore.report.hiding import hide_activations, hide_residuals
from ngcore.tasks.problems import Augmentation
from ngcore.tasks.recipes import CNN_NOISE, Recipe
from ngcore.training import TrainConfig
from ngcore.zoo import Zoo

SHARES = (1, 3, 10, 30, 100)
PROBES = (0, 16, 64, 128)
PROBES_OF_DATA = (0, 64)
OUTPUT_PROBES = "output-accuracy-64-probes"
LEFT_OUT = 0.3
"""Largest share of a zoo's networks that are deep, or wide, and left out."""

EVERY = 10**9
"""More networks than there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base:
    """What a study varies.

    Attributes:
        preset: Name of the model's preset.
        steps: Of each training.
    """

    preset: str = "ng-sweep-accuracy"
    steps: int = 1_500

    def recipe(
        self,
        zoo: Zoo,
        *,
        noise: Augmentation | None = None,
        name: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Recipe:
        """A short training on a zoo, of the preset or of another, with some numbers changed.

        Args:
            zoo: The networks.
            noise: On the networks; None: `CNN_NOISE`, but none where outputs alone are read, which it would change.
            name: Of another preset.
            changes: Of its numbers.
        """
        chosen = name or self.preset
        if noise is None:
            noise = Augmentation() if preset(chosen).kind == "output-probes" else CNN_NOISE
        config = TrainConfig(
            steps=self.steps,
            batch_size=64,
            learning_rate=1e-3,
            warmup_steps=min(300, self.steps // 5),
            schedule="cosine",
            ema_decay=0.99,
            validate_every=max(1, self.steps // 5),
        )
        return Recipe.of("predict", zoo.name, chosen, config, augmentation=noise, **(changes or {}))


def _parts(zoo: Zoo, base: Base) -> Iterator[Cell]:
    """Changes of the model and of its training, one at a time."""
    numbers = preset(base.preset).to_dict()
    variants: list[tuple[str, Augmentation, dict[str, Any]]] = [
        ("none", CNN_NOISE, {}),
        ("weights without noise", dataclasses.replace(CNN_NOISE, noise=0.0), {}),
        ("no weights dropped", dataclasses.replace(CNN_NOISE, weight_dropout=0.0), {}),
        ("neither noise nor dropped weights", Augmentation(), {}),
        ("half as wide", CNN_NOISE, {"d_node": numbers["d_node"] // 2}),
        ("one layer less", CNN_NOISE, {"num_layers": numbers["num_layers"] - 1}),
        ("weights not standardised", CNN_NOISE, {"input_scaling": "none"}),
        ("weights standardised by each network", CNN_NOISE, {"input_scaling": "network"}),
    ]
    other = {"all": "outputs", "outputs": "all"}[numbers["readout"]]
    words = {"all": "hidden neurons read too", "outputs": "outputs read alone"}[other]
    variants.append((words, CNN_NOISE, {"readout": other}))
    if "sweeps_back" in numbers:
        variants.append(("no sweep against the edges", CNN_NOISE, {"sweeps_back": not numbers["sweeps_back"]}))
    for change, noise, changes in variants:
        if numbers["num_layers"] > 1 or "num_layers" not in changes:
            yield _cell({"change": change}, base.recipe(zoo, noise=noise, changes=changes))
    if not numbers.get("num_probes"):  # on probes, networks would answer with the wrong functions
        hidden = {"activations not told apart": hide_activations}
        if any(
            isinstance(step.layer, Add) for architecture in zoo.architectures.values() for step in architecture.steps
        ):
            hidden["residual edges not seen"] = hide_residuals
        for words, hide in hidden.items():
            yield dataclasses.replace(_cell({"change": words}, base.recipe(zoo)), hide=hide)


def _probes(zoo: Zoo, base: Base) -> Iterator[Cell]:
    """Numbers of probes, and what the graph sees of them; beside outputs on as many, alone."""
    for probes in PROBES:
        for kind, changes in _ways_to_probe(probes).items():
            yield _cell({"model": "graph", "probes": probes, "kind": kind}, base.recipe(zoo, changes=changes))
        if probes:
            recipe = base.recipe(zoo, name=OUTPUT_PROBES, noise=Augmentation(), changes={"num_probes": probes})
            yield _cell({"model": "outputs only", "probes": probes, "kind": "generated"}, recipe)


def _ways_to_probe(probes: int) -> dict[str, dict[str, Any]]:
    """Changes of a graph model: joined to the outputs on probes alone, or with responses of all neurons, too."""
    off = {"num_probes": 0, "generates_probes": False, "joins_outputs": False, "reads_responses": False}
    if not probes:
        return {"–": off}
    joined = {"num_probes": probes, "generates_probes": True, "joins_outputs": True}
    return {
        "output": {**joined, "reads_responses": False},
        "output and response": {**joined, "reads_responses": True},
    }


def _data(zoo: Zoo, base: Base) -> Iterator[Cell]:
    """Shares of the training runs, with and without probes."""
    for share in SHARES:
        for probes in PROBES_OF_DATA:
            *_, changes = _ways_to_probe(probes).values()
            choose = partial(share_of_groups, share=share / 100)
            yield _cell({"networks": f"{share} %", "probes": probes}, base.recipe(zoo, changes=changes), choose)


def _leave_out(zoo: Zoo, base: Base) -> Iterator[Cell]:
    """Each family, the deep and the wide, left out of training or not, measured on the same test networks."""
    for words, column, values in _kinds_to_leave_out(zoo):
        for trained_on in ("others", "all"):
            choose = partial(leave_out, column=column, values=values, is_left_out=trained_on == "others")
            setting: dict[str, str | int] = {"measured on": words, "trained on": trained_on}
            yield _cell(setting, base.recipe(zoo), choose)


def _cell(setting: dict[str, str | int], recipe: Recipe, choose: Choose | None = None) -> Cell:
    return Cell(setting=setting, recipe=recipe, num_networks=EVERY, choose=choose)


def _kinds_to_leave_out(zoo: Zoo) -> list[tuple[str, str, frozenset[Any]]]:
    """What to call them, a column, and the values in it that are left out.

    Raises:
        ZooError: If the metadata has none of the columns "family", "depth" and "width" with several values.
    """
    table, kinds = zoo.metadata, []
    if "family" in table and table["family"].nunique() > 1:
        kinds += [(family, "family", frozenset([family])) for family in sorted(table["family"].unique())]
    for column, words in (("depth", "deep"), ("width", "wide")):
        if column in table and (values := _largest(table[column].to_numpy())):
            kinds.append((f"{words}: {column} ≥ {min(values):g}", column, values))
    if not kinds:
        raise ZooError(
            f"Expected networks of several families, depths or widths in {zoo.name} to leave some out, got a zoo "
            "without such columns; choose another with --zoo."
        )
    return kinds


def _largest(values: np.ndarray) -> frozenset[Any]:
    """As many of the largest values as at most `LEFT_OUT` of the networks have; at least the largest one."""
    distinct = np.unique(values)
    if len(distinct) < 2:
        return frozenset()
    chosen = [value for value in distinct[1:] if (values >= value).mean() <= LEFT_OUT] or [distinct[-1]]
    return frozenset(value.item() for value in chosen)


def leave_out(zoo: Zoo, split: str, *, column: str, values: frozenset[Any], is_left_out: bool) -> np.ndarray:
    """Networks of a split: of test those of a kind; of the others those of other kinds, or all.

    Args:
        zoo: The networks.
        split: "train", "validation" or "test".
        column: Of the metadata.
        values: Of the kind, in this column.
        is_left_out: Whether training and validation do without the kind.
    """
    rows = zoo.rows(split=split)
    is_of_kind = zoo.metadata[column].isin(list(values)).to_numpy()[rows]
    if split == "test":
        return rows[is_of_kind]
    return rows[~is_of_kind] if is_left_out else rows


def share_of_groups(zoo: Zoo, split: str, *, share: float) -> np.ndarray:
    """The training networks of a share of the groups of runs, at least one; all networks of other splits.

    Groups that share images or architectures stay together; a smaller share is part of a larger one.
    """
    rows = zoo.rows(split=split)
    if split != "train" or share >= 1:
        return rows
    table = zoo.metadata.iloc[rows]
    column = "group" if "group" in table else "run"
    groups = sorted(table[column].unique(), key=lambda group: hashlib.sha256(str(group).encode()).digest())
    kept = groups[: max(1, round(share * len(groups)))]
    return rows[table[column].isin(kept).to_numpy()]


ACCURACY_STUDIES: dict[str, tuple[str, Callable[[Zoo, Base], Iterator[Cell]]]] = {
    "accuracy-parts": ("Which parts of a model that predicts accuracy, and of its training, help?", _parts),
    "accuracy-probes": ("How many probes are worth their time, and how should the graph use them?", _probes),
    "accuracy-data": ("How many networks does it take to learn what accuracy looks like?", _data),
    "accuracy-leave-out": ("How well are networks judged that are unlike those of training?", _leave_out),
}
"""What each study asks, and its trainings on a zoo."""


def accuracy_study(name: str, zoo: Zoo, base: Base) -> Study:
    """A study of `ACCURACY_STUDIES` on a zoo.

    Raises:
        ZooError: If the zoo has not what it varies.
        UnknownNameError: If there is no such preset.
    """
    question, cells = ACCURACY_STUDIES[name]
    return Study(question=question, zoo=zoo.name, cells=tuple(cells(zoo, base)), num_measured=None)
