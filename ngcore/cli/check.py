"""`ngcore check`: symmetry, probes and extremes, the three checks of the paper."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ngcore.cli.choosing import cards_by_name, choose_cards, named_cards, shipped_zoo
from ngcore.cli.exits import FAILED
from ngcore.cli.hints import takes_hints
from ngcore.cli.inputs import InputNetwork, read_inputs
from ngcore.cli.options import Device, Json, Seed, example
from ngcore.cli.output import print_result, say, say_error, table_of
from ngcore.cli.progress import progress_bar

if TYPE_CHECKING:
    from ngcore.tasks.checks import Row
    from ngcore.upload import Hints

EXAMPLES = ("mnist-inrs", "cifar10-gs-cnns")
"""Zoos whose first network is checked where none is named."""


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command(epilog=example("check", "check mnist-inrs/060000", "check weights.safetensors --copies 32"))(
        takes_hints(check)
    )


def check(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|ZOO/ID]...", help="Networks to check.", show_default="one INR and one CNN that ship"
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "--models", help="A checkpoint; may be repeated.", show_default="all that fit"),
    ] = None,
    copies: Annotated[int, typer.Option(min=1, max=1_000, help="Random copies for each symmetry.")] = 8,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
    hints: "Hints | None" = None,
) -> None:
    """Check that models answer alike about networks that compute the same; exit code 1 if one breaks its claim.

    Symmetry: hidden neurons in another order, with other signs, scales and phases. Extremes: wider and deeper copies.
    Probes: what they add on every task, by the cards of all models.
    """
    from ngcore.report.probes import probe_rows
    from ngcore.tasks import survey_checkpoints

    inputs, failures = read_inputs(sources or _examples(), hints)
    if not inputs:
        raise typer.Exit(FAILED)
    networks = [_checked(given, model, copies, seed, device) for given in inputs]
    result = {"networks": networks, "probes": probe_rows(survey_checkpoints().cards.values())}
    print_result(result, as_json=as_json, show=lambda console: _show(console, result))
    broken = [(entry, row) for entry in networks for row in entry["symmetry"] + entry["extremes"] if row["is_broken"]]
    for entry, row in broken:
        say_error(f"{entry['network']}: {row['model'] or 'its function'} is not the same for {row['what']}.")
    if broken or failures:
        raise typer.Exit(FAILED)


def _examples() -> list[str]:
    from ngcore.zoo import Zoo

    return [str(Zoo.open(shipped_zoo(name)).metadata["id"].iloc[0]) for name in EXAMPLES]


def _checked(given: InputNetwork, names: list[str] | None, copies: int, seed: int, device: str) -> dict[str, Any]:
    """Both checks of one network, in plain values."""
    from ngcore.tasks import load_checkpoint
    from ngcore.tasks.checks_extremes import WORDS as EXTREME_WORDS
    from ngcore.tasks.checks_extremes import check_extremes
    from ngcore.tasks.checks_symmetry import WORDS as SYMMETRY_WORDS
    from ngcore.tasks.checks_symmetry import check_symmetry

    tasks = ("classify", "predict", "edit")
    cards = named_cards(names, *tasks) if names else choose_cards(given, cards_by_name(*tasks))
    models = [load_checkpoint(name, device) for name in cards]
    label = given.row.get("label", -1)
    with progress_bar(f"Checking {given.source}") as bar:
        done = 0

        def progress(name: str) -> None:
            nonlocal done
            bar(min(done, 2 * len(models)), 2 * len(models) + 1, note=name)
            done += 1

        symmetry = check_symmetry(given.network, models, copies=copies, seed=seed, progress=progress)
        known = int(label) if label >= 0 else None
        extremes = check_extremes(given.network, models, label=known, seed=seed, progress=progress)
    return {
        "network": given.source,
        "architecture": given.network.architecture.name,
        "true_label": known,
        "true_accuracy": given.row.get("accuracy"),
        "symmetry": [_plain(row, SYMMETRY_WORDS[row.symmetry]) for row in symmetry],
        "extremes": [_plain(row, f"{EXTREME_WORDS[row.extreme]}, {row.size}") for row in extremes],
    }


def _plain(row: "Row", what: str) -> dict[str, Any]:
    return {**dataclasses.asdict(row), "what": what, "is_same": row.is_same, "is_broken": row.is_broken}


def _show(console: Console, result: dict[str, Any]) -> None:
    for entry in result["networks"]:
        title = f"{entry['network']}, {entry['architecture']}"
        if entry["symmetry"]:
            rows = [
                (row["what"], row["model"] or "the network itself", _change(row), _classes(row), *_verdict(row))
                for row in entry["symmetry"]
            ]
            heads = ("Copies", "Answers of", ">Largest change", ">Other class", "Verdict", "Why")
            console.print(table_of(heads, rows, title=f"Symmetry: {title}"))
        else:
            say(f"{entry['network']}: no hidden neurons to move.")
        if entry["extremes"]:
            _show_extremes(console, entry, title)
    _show_probes(console, result["probes"])


def _show_extremes(console: Console, entry: dict[str, Any], title: str) -> None:
    """One line for each model and way, one column for each size."""
    for is_deep, name in ((False, "width, ×"), (True, "layers inserted")):
        own = [row for row in entry["extremes"] if (row["extreme"] == "deeper") == is_deep]
        if not own:
            continue
        sizes = sorted({row["size"] for row in own})
        lines: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        for row in own:
            lines.setdefault((row["model"], row["extreme"]), {})[row["size"]] = row
        cells = [
            (model or "the network itself", extreme, *(_value(line.get(size)) for size in sizes))
            for (model, extreme), line in sorted(lines.items())
        ]
        heads = ("Answers of", "Split" if not is_deep else "Copies", *(f">{size}" for size in sizes))
        console.print(table_of(heads, cells, title=f"Extremes: {title}, by {name}"))


def _show_probes(console: Console, rows: list[dict[str, Any]]) -> None:
    from ngcore.report.probes import gain_in_words
    from ngcore.report.results import describe_figure

    heads = ("Task", "Zoo", "Family", ">Probes", "Model", "On test networks", ">Against weights alone")
    cells = [
        (
            f"{row['task']}: {row['edit']}" if row["edit"] else row["task"],
            *(row[name] for name in ("zoo", "family", "probes", "name")),
            describe_figure(row),
            gain_in_words(row),
        )
        for row in rows
    ]
    if cells:
        console.print(table_of(heads, cells, title="Probes on and off"))


def _change(row: dict[str, Any]) -> str:
    return "–" if row["spread"] is None else f"{row['spread']['error']:.1e} of {row['spread']['scale']:.2g}"


def _classes(row: dict[str, Any]) -> str:
    spread = row["spread"]
    return "–" if spread is None or spread["changed"] is None else f"{spread['changed']} of {spread['copies']}"


def _verdict(row: dict[str, Any]) -> tuple[str, str]:
    if row["is_same"] is None:
        return "no answer", row["error"]
    if row["is_broken"]:
        return "BROKEN", f"{row['claim']['reason']} But the answers differ."
    return ("the same" if row["is_same"] else "differs"), row["claim"]["reason"]


def _value(row: dict[str, Any] | None) -> str:
    """What a model answers about a copy; of the network's own function how much it changed."""
    if row is None or row["spread"] is None:
        return "–"
    return f"{row['spread']['error']:.0e}" if row["value"] is None else f"{row['value']:.1%}"
