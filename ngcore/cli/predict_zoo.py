"""`ngcore predict --zoo`: what trained models say about all networks of a zoo, as a table."""

import functools
import inspect
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import cards_by_name, named_cards
from ngcore.cli.options import Limit, Processes, Scheduler
from ngcore.cli.output import plain, print_result, say, table_of
from ngcore.cli.progress import progress_bar
from ngcore.cli.replacing import Replace, check_output
from ngcore.errors import NeuralGraphError, ZooError

if TYPE_CHECKING:
    import numpy as np

    from ngcore.networks import Architecture
    from ngcore.workers import Workers
    from ngcore.zoo import Zoo

TASKS = ("classify", "predict")
SUFFIXES = (".csv", ".parquet")
SOURCES = "files or networks"
SHARED = ("model", "device", "as_json")

OPTIONS: dict[str, tuple[Any, Any]] = {
    "zoo": (
        Annotated[str | None, typer.Option(help="Instead of files: all networks of a zoo, by name or folder.")],
        None,
    ),
    "split": (
        Annotated[str | None, typer.Option(help="With --zoo: train, validation or test.", show_default="all")],
        None,
    ),
    "limit": (Limit, None),
    "out": (
        Annotated[Path | None, typer.Option(help="With --zoo: a .csv or .parquet file to write the table to.")],
        None,
    ),
    "replace": (Replace, False),
    "workers": (Processes, 1),
    "scheduler": (Scheduler, None),
}


def takes_zoo(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command about files and single networks, its first argument, answer about a whole zoo instead."""
    signature = inspect.signature(command)
    sources, *others = signature.parameters.values()

    @functools.wraps(command)
    def wrapped(**options: Any) -> None:
        of_zoo = {name: options.pop(name) for name in OPTIONS}
        if bool(options[sources.name]) == (of_zoo["zoo"] is not None):
            raise typer.BadParameter(
                f"expected either {SOURCES} or --zoo, got {'both' if of_zoo['zoo'] else 'neither'}"
            )
        if of_zoo["zoo"] is not None:
            said = [other.name for other in others if other.name not in SHARED and options[other.name] != other.default]
            if said:
                raise typer.BadParameter(f"expected {_option(said[0])} without --zoo, got both")
            predict_zoo(**of_zoo, models=options["model"], device=options["device"], as_json=options["as_json"])
            return
        if unused := [name for name, (_, default) in OPTIONS.items() if of_zoo[name] != default]:
            raise typer.BadParameter(f"expected {_option(unused[0])} together with --zoo, got {SOURCES}")
        command(**options)

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
    ]
    optional = sources.replace(default=None)
    wrapped.__signature__ = signature.replace(parameters=[optional, *others, *added])  # type: ignore[attr-defined]
    wrapped.__annotations__ = command.__annotations__ | {name: kind for name, (kind, _) in OPTIONS.items()}
    return wrapped


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def predict_zoo(
    *,
    zoo: str,
    split: str | None,
    limit: int | None,
    out: Path | None,
    replace: bool,
    workers: int,
    scheduler: str | None,
    models: list[str] | None,
    device: str,
    as_json: bool,
) -> None:
    """Print, and write, what each model answers about each network."""
    from ngcore.workers import Workers
    from ngcore.zoo import Zoo, find_zoo

    who = Workers(processes=workers, scheduler=scheduler)
    if out is not None:
        check_output(out, suffixes=SUFFIXES, replace=replace)
    opened = Zoo.open(find_zoo(zoo))
    rows = opened.rows(split=split)[:limit]
    if not len(rows):
        raise ZooError(f"Expected networks to predict for in {opened.name}, got none.")
    result = [_known(row) for row in opened.metadata.iloc[rows].to_dict("records")]
    for name in _models_for(opened, rows, models):
        for entry, answer in zip(result, _answers(name, opened, rows, who, device), strict=True):
            entry["answers"].append(answer)
    if out is not None:
        _write(out, result)
        say(f"Written to {out}.")
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))


def _known(row: dict[Hashable, Any]) -> dict[str, Any]:
    """What is known of a network, in the fields of `ngcore predict FILE --json`."""
    known = plain(row)
    label = known.get("label", -1)
    return {
        "network": known["id"],
        "split": known["split"],
        "true_label": label if label >= 0 else None,
        "true_accuracy": known.get("accuracy"),
        "answers": [],
    }


def _models_for(zoo: "Zoo", rows: "np.ndarray", models: list[str] | None) -> list[str]:
    """The models that were named, else all that were trained on networks of this zoo and can read these.

    Raises:
        NeuralGraphError: If there are none.
    """
    from ngcore.tasks import can_read

    if models:
        return list(named_cards(models, *TASKS))
    kinds = [zoo.architectures[kind] for kind in set(zoo.metadata["architecture"].to_numpy()[rows])]
    cards = {name: card for name, card in cards_by_name(*TASKS).items() if card["corpus"]["name"] == zoo.name}
    found = [name for name, card in cards.items() if all(can_read(card, kind) for kind in kinds)]
    if not found:
        raise NeuralGraphError(
            f"Expected a model that was trained on {zoo.name}, got none; name one of another zoo with --model."
        )
    return found


def _answers(name: str, zoo: "Zoo", rows: "np.ndarray", workers: "Workers", device: str) -> list[dict[str, Any]]:
    """One answer per network."""
    from ngcore.tasks import ask_about_zoo, classify_inrs, difference_of_corpora, load_checkpoint, predict_accuracy

    checkpoint = load_checkpoint(name, device)
    if difference := difference_of_corpora(checkpoint.card, zoo):
        say(difference)
    is_accuracy = checkpoint.card["task"] == "predict"
    ask = predict_accuracy if is_accuracy else classify_inrs
    with progress_bar(name) as bar:
        found = ask_about_zoo(ask, checkpoint, zoo, rows, workers=workers, progress=bar)
    head = {"model": name, "task": checkpoint.card["task"]}
    if not is_accuracy:
        return [head | _class_of(zoo, probabilities) for probabilities in found]
    kinds = [zoo.architectures[kind] for kind in zoo.metadata["architecture"].to_numpy()[rows]]
    return [head | _accuracy_of(checkpoint.card, *pair) for pair in zip(found.tolist(), kinds, strict=True)]


def _class_of(zoo: "Zoo", probabilities: "np.ndarray") -> dict[str, Any]:
    names = zoo.card.get("class_names") or [str(label) for label in range(len(probabilities))]
    best = int(probabilities.argmax())
    return {"label": best, "class": names[best], "probability": float(probabilities[best])}


def _accuracy_of(card: dict[str, Any], accuracy: float, architecture: "Architecture") -> dict[str, Any]:
    from ngcore.tasks import accuracy_interval

    interval = accuracy_interval(card, accuracy, architecture=architecture)
    return {"accuracy": accuracy, "interval": interval.to_dict() if interval else None}


def _write(path: Path, result: list[dict[str, Any]]) -> None:
    """One row per network, and for each model a column of its name, beside one of probabilities or two of limits."""
    import pandas

    from ngcore.files import write_atomically

    table = pandas.DataFrame([_flat(entry) for entry in result]).dropna(axis="columns", how="all")
    writers = {".csv": table.to_csv, ".parquet": table.to_parquet}
    write_atomically(path, lambda temporary: writers[path.suffix](temporary, index=False))


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    row = {name: value for name, value in entry.items() if name != "answers"}
    for answer in entry["answers"]:
        name, interval = answer["model"], answer.get("interval")
        if "accuracy" in answer:
            row |= {name: answer["accuracy"]}
            row |= {f"{name} low": interval["low"], f"{name} high": interval["high"]} if interval else {}
        else:
            row |= {name: answer["class"], f"{name} probability": answer["probability"]}
    return row


def _show(console: Console, result: list[dict[str, Any]]) -> None:
    """How right each model is; the answers themselves are for files and other programs."""
    rows = []
    for position, answer in enumerate(result[0]["answers"]):
        answers = [entry["answers"][position] for entry in result]
        rows.append((answer["model"], len(result), *_score(result, answers)))
    console.print(table_of(("Model", ">Networks", ">Correct", ">Kendall's τ", ">Mean absolute error"), rows))


def _score(
    result: list[dict[str, Any]], answers: list[dict[str, Any]]
) -> tuple[str | None, float | None, float | None]:
    """Share of right classes, or τ and mean absolute error of accuracies, of the networks whose truth is known."""
    import torch

    from ngcore.training.metrics import kendall_tau, mean_absolute_error

    field = "true_label" if "class" in answers[0] else "true_accuracy"
    known = [(entry[field], answer) for entry, answer in zip(result, answers, strict=True) if entry[field] is not None]
    if not known:
        return None, None, None
    if field == "true_label":
        return f"{sum(truth == answer['label'] for truth, answer in known) / len(known):.2%}", None, None
    truth = torch.tensor([truth for truth, _ in known], dtype=torch.float64)
    predicted = torch.tensor([answer["accuracy"] for _, answer in known], dtype=torch.float64)
    return None, kendall_tau(predicted, truth) if len(known) > 1 else None, mean_absolute_error(predicted, truth)
