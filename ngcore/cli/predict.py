"""`ngcore predict`: what trained models say about networks."""

import collections
import functools
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import cards_by_name, choose_cards, named_cards
from ngcore.cli.exits import FAILED
from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import InputNetwork, Sources, read_inputs
from ngcore.cli.options import Device, Json, example
from ngcore.cli.output import plain, print_result, say, say_error, say_failure, table_of
from ngcore.cli.progress import progress_bar
from ngcore.errors import CheckpointError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.networks import Architecture
    from ngcore.tasks import Checkpoint, Ranges
    from ngcore.upload import Hints

TASKS = ("classify", "predict")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "predict mnist-inrs/060000 mnist-inrs/060001",
            "predict weights.safetensors --activation relu --model cifar10-gs-ng-gnn",
        )
    )(takes_hints(predict))


def predict(
    sources: Sources,
    model: Annotated[
        list[str] | None, typer.Option(help="A checkpoint; may be repeated.", show_default="all that fit")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
    hints: "Hints | None" = None,
) -> None:
    """Predict the class of an INR's image, or a CNN's test accuracy, from the weights."""
    inputs, failures = read_inputs(sources, hints)
    if not inputs:
        raise typer.Exit(FAILED)
    answers: dict[str, list[dict[str, Any]]] = {given.source: [] for given in inputs}
    cards = named_cards(model, *TASKS) if model else cards_by_name(*TASKS)
    with progress_bar("Predicting") as bar:
        for number, name in enumerate(cards):
            bar(number, len(cards), note=name)
            readable = inputs if model else [given for given in inputs if name in choose_cards(given, cards)]
            try:
                asked = _ask(name, readable, device)
            except CheckpointError as error:
                say_failure(error, about=name)
                failures += 1
                continue
            for source, answer in asked:
                answers[source].append(answer)
    result = [_describe(given, answers[given.source]) for given in inputs]
    if not any(entry["answers"] for entry in result):
        raise NeuralGraphError(f"Expected networks that a trained model can read, got {_names_of(inputs)}.")
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))
    unanswered = [entry for entry in result if all("error" in answer for answer in entry["answers"])]
    for entry in unanswered:
        reasons = [answer["error"] for answer in entry["answers"]] or ["no trained model can read it."]
        say_error(f"{entry['network']} ({entry['architecture']}): {reasons[0]}")
    if unanswered or failures:
        raise typer.Exit(FAILED)


def _ask(name: str, inputs: list[InputNetwork], device: str) -> list[tuple[str, dict[str, Any]]]:
    """What a model says about each network; one that it cannot read gets the reason as its answer."""
    from ngcore.tasks import load_checkpoint

    if not inputs:
        return []
    checkpoint = load_checkpoint(name, device)
    answers = []
    for given in inputs:
        try:
            answer = _answer(checkpoint, given)
        except NeuralGraphError as error:
            answer = {"error": str(error)}
        answer["warnings"] = [] if "error" in answer else _differences(checkpoint.card, given)
        answers.append((given.source, {"model": name, "task": checkpoint.card["task"], **answer}))
    return answers


def _differences(card: dict[str, Any], given: InputNetwork) -> list[str]:
    """How a network differs from those that a model was trained on; those of the model's zoo do not."""
    from ngcore.tasks import find_differences

    corpus = card["corpus"]["name"]
    if given.zoo is not None and given.zoo.name == corpus:
        return []
    return find_differences(card, given.network, _ranges(corpus, given.network.architecture))


@functools.lru_cache(maxsize=64)
def _ranges(zoo: str, architecture: "Architecture") -> "Ranges | None":
    """What the networks of a zoo are like; None where it is not available."""
    from ngcore.tasks import find_ranges
    from ngcore.zoo import Zoo, find_zoo

    try:
        return find_ranges(Zoo.open(find_zoo(zoo)), architecture)
    except NeuralGraphError:
        return None


def _answer(checkpoint: "Checkpoint", given: InputNetwork) -> dict[str, Any]:
    from ngcore.tasks import classify_inrs, expect_not_blank, predict_accuracy
    from ngcore.zoo import CLASS_NAMES

    expect_not_blank(given.network)
    if checkpoint.card["task"] == "predict":
        return {"accuracy": float(predict_accuracy(checkpoint, given.network)[0])}
    probabilities = classify_inrs(checkpoint, given.network)[0].tolist()
    names = CLASS_NAMES.get(checkpoint.card["corpus"]["recipe"].get("image_set", ""), ())
    if len(names) != len(probabilities):
        names = tuple(map(str, range(len(probabilities))))
    best = max(range(len(names)), key=probabilities.__getitem__)
    return {
        "label": best,
        "class": names[best],
        "probability": probabilities[best],
        "probabilities": dict(zip(names, probabilities, strict=True)),
    }


def _describe(given: InputNetwork, answers: list[dict[str, Any]]) -> dict[str, Any]:
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
        "answers": answers,
    }


def _agreement(answers: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The class that most models predict, and by how many of them; None if fewer than two predict one."""
    classes = [answer["class"] for answer in answers if "class" in answer]
    if len(classes) < 2:
        return None
    name, count = collections.Counter(classes).most_common(1)[0]
    return {"class": name, "models": count, "of": len(classes)}


def _names_of(inputs: list[InputNetwork]) -> str:
    return ", ".join(f"{given.source} ({given.network.architecture.name})" for given in inputs)


def _show(console: Console, result: list[dict[str, Any]]) -> None:
    rows = []
    for entry in result:
        for note in entry["notes"]:
            say(f"{entry['network']}: {note}")
        warnings = [*entry["warnings"], *(text for answer in entry["answers"] for text in answer["warnings"])]
        for warning in dict.fromkeys(warnings):
            say(f"{entry['network']}: {warning}")
        if agreement := entry["agreement"]:
            say(f"{entry['network']}: {agreement['models']} of {agreement['of']} models predict {agreement['class']}.")
        rows += [(entry["network"], answer["model"], _in_words(answer), _truth(entry)) for answer in entry["answers"]]
    console.print(table_of(("Network", "Model", "Prediction", "Truth"), rows))


def _in_words(answer: dict[str, Any]) -> str:
    if "error" in answer:
        return f"none: {answer['error']}"
    if "accuracy" in answer:
        return f"accuracy {answer['accuracy']:.1%}"
    ranked = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} {probability:.1%}" for name, probability in ranked)


def _truth(entry: dict[str, Any]) -> str | None:
    if entry["true_accuracy"] is not None:
        return f"accuracy {entry['true_accuracy']:.1%}"
    return None if entry["true_label"] is None else f"class {entry['true_label']}"
