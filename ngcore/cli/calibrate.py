"""`ngcore calibrate`: how far to trust a checkpoint's answers or edits, on the validation split of its zoo."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ngcore.cli.exits import FAILED
from ngcore.cli.options import Device, Json, ZooOption, example
from ngcore.cli.output import print_result, say, say_error, table_of
from ngcore.cli.progress import progress_bar
from ngcore.errors import NeuralGraphError

if TYPE_CHECKING:
    from ngcore.tasks import Checkpoint
    from ngcore.zoo import Zoo

Row = tuple[object, ...]
FIELDS = ("conformal", "out_of_zoo", "strengths")


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(
        epilog=example(
            "calibrate cifar10-gs-statnn",
            "calibrate mnist-ng-sweep --replace --strangers --against fashion-mnist-inrs",
            "calibrate mnist-dilate-ng-sweep-descent --replace",
        )
    )(calibrate)


def calibrate(
    names: Annotated[list[str], typer.Argument(help="Checkpoints, by name or folder.", show_default=False)],
    zoo: ZooOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write the calibration into the cards; weights stay as they are.")
    ] = False,
    strangers: Annotated[
        bool, typer.Option("--strangers", help="Measure how often the flag fires for networks unlike the zoo's.")
    ] = False,
    against: Annotated[
        list[str] | None, typer.Option(help="A zoo whose test networks are strangers; may be repeated.")
    ] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Calibrate intervals, sets of classes and the out-of-zoo flag, or measure edits at strengths from 0 to 2.

    With --replace, what was found is written into the cards.
    """
    results, failures = [], 0
    with progress_bar("Calibrating") as bar:
        for number, name in enumerate(names):
            bar(number, len(names), note=name)
            try:
                results.append(_calibrate(name, zoo, replace, strangers, against or [], device))
            except NeuralGraphError as error:
                if len(names) == 1:
                    raise
                say_error(f"{name}: {error}")
                failures += 1
    print_result(results, as_json=as_json, show=lambda console: _show(console, results))
    for result in results:
        if _split(result) != "validation":
            say(f"{result['name']}: the zoo holds test networks alone; thirds of them, by run, stand for the splits.")
    if not replace and results:
        say("Nothing was written; add --replace to write this into the cards.")
    if failures:
        raise typer.Exit(FAILED)


def _calibrate(
    name: str, zoo: str | None, replace: bool, strangers: bool, against: list[str], device: str
) -> dict[str, Any]:
    """What calibration found, and the firing rates where they were asked for."""
    from ngcore.tasks import calibrate_checkpoint, load_checkpoint
    from ngcore.tasks.calibration import add_firing
    from ngcore.zoo import Zoo, find_zoo

    folder = find_zoo(zoo) if zoo else None
    card = calibrate_checkpoint(name, zoo_folder=folder, device=device, replace=replace)
    fields: dict[str, Any] = {key: card[key] for key in FIELDS if key in card}
    result: dict[str, Any] = {"name": card["name"], "task": card["task"], **fields, "is_written": replace}
    if (strangers or against) and card["task"] != "edit":
        own = Zoo.open(folder or find_zoo(card["corpus"]["name"]))
        result["firing"] = _firing(load_checkpoint(name, device), own, strangers, against, device)
        if replace:
            add_firing(name, result["firing"])
    return result


def _firing(
    checkpoint: "Checkpoint", zoo: "Zoo", strangers: bool, against: list[str], device: str
) -> list[dict[str, Any]]:
    """Firing rates of a checkpoint whose card is calibrated."""
    from ngcore.networks import Network
    from ngcore.tasks import measure_firing, strangers_of
    from ngcore.tasks.strangers import OWN, own_networks
    from ngcore.zoo import Zoo, find_zoo

    if "out_of_zoo" not in checkpoint.card:
        raise NeuralGraphError(
            f"Expected {checkpoint.name} to be calibrated before its flag is measured; add --replace."
        )
    kinds: dict[str, list[Network]] = strangers_of(zoo, device=device) if strangers else {OWN: own_networks(zoo)}
    for other in against:
        opened = Zoo.open(find_zoo(other))
        kinds[f"test networks of {opened.name}"] = own_networks(opened)
    return [row.to_dict() for row in measure_firing(checkpoint, kinds, zoo)]


def _split(result: dict[str, Any]) -> str:
    """Which networks something was measured on."""
    return str(next(result[key]["split"] for key in ("conformal", "strengths") if key in result))


def _show(console: Console, results: list[dict[str, Any]]) -> None:
    calibrated = [result for result in results if "conformal" in result]
    if calibrated:
        coverage = [_coverage(result, row) for result in calibrated for row in result["conformal"].get("coverage", [])]
        columns = (
            "Checkpoint",
            "Networks",
            ">Level",
            ">Coverage",
            "Expected",
            ">Size",
            ">n",
            ">Runs",
            ">Calibrated on",
        )
        console.print(table_of(columns, coverage, title="Coverage on test"))
    for result in results:
        if "strengths" in result:
            console.print(_strengths(result))
        if firing := result.get("firing"):
            rows = [_fired(row) for row in firing]
            title = f"Share flagged by {result['name']}"
            console.print(table_of(("Networks", ">n", ">Flagged", ">p-value", ">Rules"), rows, title=title))
        elif test := result.get("out_of_zoo", {}).get("test"):
            say(f"{result['name']}: the out-of-zoo flag fires for {test['fires']:.1%} of {test['n']:,} test networks.")


def _strengths(result: dict[str, Any]) -> Table:
    """Errors of a trained edit by strength, and of the full edit applied more than once."""
    found = result["strengths"]
    rows = [(f"strength {row['strength']:g}", row["mse"], row["mse_unedited"]) for row in found["once"]]
    rows += [(f"full edit {row['times']} times", row["mse"], row["mse_unedited"]) for row in found["repeated"]]
    title = f"{result['name']}, {found['n']:,} networks"
    return table_of(("Edit", ">MSE to the edited pixels", ">Unedited"), rows, title=title)


def _coverage(result: dict[str, Any], row: dict[str, Any]) -> Row:
    size = f"± {row['size'] / 2:.1%}" if result["task"] == "predict" else f"{row['size']:.2f} classes"
    expected = f"{row['low']:.1%} – {row['high']:.1%}"
    counts = (row["networks"], row["runs"], row["calibrated_on"])
    return (result["name"], row["group"], f"{row['level']:.0%}", f"{row['coverage']:.1%}", expected, size, *counts)


def _fired(row: dict[str, Any]) -> Row:
    shares = (row["flagged"], row["by_p_value"], row["by_rules"])
    return (row["networks"], row["n"], *(f"{share:.1%}" if row["n"] else "–" for share in shares))
