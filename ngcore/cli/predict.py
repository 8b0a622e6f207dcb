"""`ngcore predict`: what trained models say about networks, how far to trust it, and why."""

import collections
import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngcore.cli import predict_tables
from ngcore.cli.choosing import cards_by_name, choose_cards, named_cards
from ngcore.cli.exits import FAILED
from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import InputNetwork, Sources, read_inputs
from ngcore.cli.options import Device, Json, example
from ngcore.cli.output import plain, print_result, say_error, say_failure
from ngcore.cli.predict_answers import Change, answer_about, changed, measured
from ngcore.cli.predict_zoo import takes_zoo
from ngcore.cli.progress import progress_bar
from ngcore.errors import CheckpointError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.upload import Hints

TASKS = ("classify", "predict")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "predict mnist-inrs/060000 mnist-inrs/060001",
            "predict weights.safetensors --activation relu --model cifar10-gs-ng-gnn",
            "predict cifar10-gs-cnns/00030-000105 cifar10-gs-cnns/00030-005248",
            "predict cifar10-gs-cnns/00030-005248 --why --what-if 2:noise:0.5",
            "predict --zoo mnist-inrs --split test --limit 20 --out predictions.csv",
            "predict --zoo cifar10-gs-cnns --scheduler tcp://10.0.0.1:8786 --out predictions.parquet",
        )
    )(takes_zoo(takes_hints(predict)))


def predict(
    sources: Sources,
    model: Annotated[
        list[str] | None, typer.Option(help="A checkpoint; may be repeated.", show_default="all that fit")
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Also say which layers the prediction rests on.")] = False,
    what_if: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER:HOW:STRENGTH",
            help="Also predict the accuracy with a layer damaged: drop, zero or shuffle a share of it, add noise in "
            "standard deviations, or quantise to bits.",
        ),
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    hints: "Hints | None" = None,
) -> None:
    """Predict the class of an INR's image, or a classifier's test accuracy, from the weights.

    Accuracies come with an interval, and with the number of labelled images that would measure them as well. Several
    classifiers are also ranked. Where images that ship fit a classifier, it is run on them for comparison.
    """
    change = _parsed(what_if)
    inputs, failures = read_inputs(sources, hints)
    if not inputs:
        raise typer.Exit(FAILED)
    answers: dict[str, list[dict[str, Any]]] = {given.source: [] for given in inputs}
    cards = named_cards(model, *TASKS) if model else _by_score(cards_by_name(*TASKS))
    with progress_bar("Predicting") as bar:
        for number, name in enumerate(cards):
            bar(number, len(cards), note=name)
            readable = inputs if model else [given for given in inputs if name in choose_cards(given, cards)]
            try:
                asked = _ask(name, readable, device, why=why, change=change)
            except CheckpointError as error:
                say_failure(error, about=name)
                failures += 1
                continue
            for source, answer in asked:
                answers[source].append(answer)
    result = [_describe(given, answers[given.source], change) for given in inputs]
    predict_tables.rank(result)
    if not any(entry["answers"] for entry in result):
        raise NeuralGraphError(f"Expected networks that a trained model can read, got {_names_of(inputs)}.")
    print_result(result, as_json=as_json, show=lambda console: predict_tables.show(console, result))
    unanswered = [entry for entry in result if all("error" in answer for answer in entry["answers"])]
    for entry in unanswered:
        reasons = [answer["error"] for answer in entry["answers"]] or ["no trained model can read it."]
        say_error(f"{entry['network']} ({entry['architecture']}): {reasons[0]}")
    if unanswered or failures:
        raise typer.Exit(FAILED)


def _parsed(what_if: str | None) -> Change | None:
    from ngcore.tasks import parse_change

    return None if what_if is None else parse_change(what_if)


def _by_score(cards: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The best on validation networks first, task by task."""

    def score(name: str) -> float:
        validation = cards[name]["metrics"].get("validation", {})
        return float(validation.get("accuracy", validation.get("kendall_tau", float("-inf"))))

    return {
        name: cards[name]
        for task in TASKS
        for name in sorted(cards, key=lambda name: -score(name))
        if cards[name]["task"] == task
    }


def _ask(
    name: str, inputs: list[InputNetwork], device: str, *, why: bool, change: Change | None
) -> list[tuple[str, dict[str, Any]]]:
    """What a model says about each network; one that it cannot read gets the reason as its answer."""
    from ngcore.tasks import load_checkpoint

    if not inputs:
        return []
    checkpoint = load_checkpoint(name, device)
    answers = []
    for given in inputs:
        try:
            answer = answer_about(checkpoint, given, why=why, change=change)
        except NeuralGraphError as error:
            answer = {"error": str(error), "warnings": []}
        answers.append((given.source, {"model": name, "task": checkpoint.card["task"], **answer}))
    return answers


def _describe(given: InputNetwork, answers: list[dict[str, Any]], change: Change | None) -> dict[str, Any]:
    from ngcore.tasks import find_degeneracy

    row = plain(given.row)
    label, accuracy = row.get("label", -1), row.get("accuracy")
    return {
        "network": given.source,
        "architecture": given.network.architecture.name,
        "notes": list(given.notes),
        "warnings": list(find_degeneracy(given.network).sentences),
        "agreement": _agreement(answers),
        "true_label": label if label >= 0 else None,
        "true_accuracy": accuracy,
        "measured": _measured(given, given.network),
        "what_if": _describe_change(given, answers, change),
        "rank": None,
        "answers": answers,
    }


def _describe_change(
    given: InputNetwork, answers: list[dict[str, Any]], change: Change | None
) -> dict[str, Any] | None:
    """What was changed, and the accuracy measured then; None where no model was asked about it."""
    if change is None or not any("what_if" in answer for answer in answers):
        return None
    fields = dict(zip(("layer", "how", "strength"), change, strict=True))
    return {**fields, "measured": _measured(given, changed(given.network, change))}


def _measured(given: InputNetwork, network: "Network") -> dict[str, Any] | None:
    found = measured(given, network)
    return None if found is None else dataclasses.asdict(found)


def _agreement(answers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The class that most models predict, and by how many of them; None if fewer than two predict one."""
    classes = [answer["class"] for answer in answers if "class" in answer]
    if len(classes) < 2:
        return None
    name, count = collections.Counter(classes).most_common(1)[0]
    return {"class": name, "models": count, "of": len(classes)}


def _names_of(inputs: list[InputNetwork]) -> str:
    return ", ".join(f"{given.source} ({given.network.architecture.name})" for given in inputs)
