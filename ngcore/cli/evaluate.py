"""`ngcore evaluate`: the figures on the cards, measured again."""

from typing import Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import shipped_zoo
from ngcore.cli.exits import FAILED
from ngcore.cli.figures import list_figures
from ngcore.cli.options import Device, Json, Limit, ZooOption, example
from ngcore.cli.output import line, print_result, say_error, table_of
from ngcore.cli.progress import progress_bar
from ngcore.errors import NeuralGraphError


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("evaluate --all", "evaluate --all --shipped", "evaluate mnist-ng-gnn --limit 500"))(
        evaluate
    )


def evaluate(
    name: Annotated[str | None, typer.Argument(help="A checkpoint, by name or folder.", show_default=False)] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All checkpoints; with --zoo, those trained on that zoo.")
    ] = False,
    zoo: ZooOption = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Use the zoos that ship, even where larger ones are available.")
    ] = False,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    limit: Limit = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Measure checkpoints again and compare with the figures on their cards."""
    if (name is None) != every:
        raise typer.BadParameter("name a checkpoint or use --all", param_hint="'NAME'")
    names = _names_of_all(zoo) if name is None else [name]
    results, failures = [], 0
    with progress_bar("Evaluating") as bar:
        for number, checkpoint in enumerate(names):
            bar(number, len(names), note=checkpoint)
            try:
                results.append(_measure(checkpoint, zoo, split=split, limit=limit, device=device, shipped=shipped))
            except NeuralGraphError as error:
                if not every:
                    raise
                say_error(f"{checkpoint}: {error}")
                failures += 1
    print_result(results, as_json=as_json, show=lambda console: _show(console, results))
    if failures:
        raise typer.Exit(FAILED)


def _names_of_all(zoo: str | None) -> list[str]:
    """All checkpoints, damaged ones too; with a zoo, those that were trained on one of its name."""
    from ngcore.tasks import survey_checkpoints
    from ngcore.zoo import Zoo, find_zoo

    listing = survey_checkpoints()
    corpus = None if zoo is None else Zoo.open(find_zoo(zoo)).name
    names = [name for name, card in listing.cards.items() if corpus in (None, card["corpus"]["name"])]
    names = sorted([*names, *(listing.damaged if corpus is None else ())])
    if not names:
        kind = "" if corpus is None else f" trained on {corpus}"
        raise NeuralGraphError(f"Expected checkpoints to evaluate, found none{kind}; train one with ngcore train.")
    return names


def _measure(
    name: str, zoo: str | None, *, split: str, limit: int | None, device: str, shipped: bool
) -> dict[str, Any]:
    """Measured figures and those of the card."""
    from ngcore.tasks import difference_of_corpora, evaluate, load_checkpoint
    from ngcore.zoo import Zoo, find_zoo

    checkpoint = load_checkpoint(name, device)
    folder = (shipped_zoo if shipped else find_zoo)(zoo or checkpoint.card["corpus"]["name"])
    measured = evaluate(checkpoint, zoo_folder=folder, split=split, limit=limit)
    about_zoo = {key: measured.pop(key) for key in ("zoo", "zoo_sha256", "split")}
    card = checkpoint.card["metrics"].get(split, {})
    result = {"name": checkpoint.name, "task": checkpoint.card["task"], **about_zoo, "zoo_folder": str(folder)}
    other = difference_of_corpora(checkpoint.card, Zoo.open(folder))
    note = " ".join(text for text in (other, _note(measured, card)) if text)
    return {**result, "measured": measured, "card": card, "note": note, "is_same_corpus": other is None}


def _note(measured: dict[str, Any], card: dict[str, Any]) -> str:
    """What to know when comparing the two."""
    if not card:
        return "The card has no figures for this split."
    if measured["n"] < card["n"]:
        return f"Measured on a sample: {measured['n']:,} of the {card['n']:,} networks behind the card's figures."
    return "" if measured["n"] == card["n"] else f"The card's figures cover only {card['n']:,} networks."


def _show(console: Console, results: list[dict[str, Any]]) -> None:
    rows = []
    for result in results:
        on_card = list_figures(result["card"])
        for metric, (value, n) in list_figures(result["measured"]).items():
            rows.append((result["name"], metric, value, n, *on_card.get(metric, (None, None))))
    columns = ("Checkpoint", "Metric", ">Measured", ">n", ">Card", ">n")
    console.print(table_of(columns, rows))
    for note in dict.fromkeys(f"{result['zoo']}: {result['note']}" for result in results if result["note"]):
        console.print(line(note))
