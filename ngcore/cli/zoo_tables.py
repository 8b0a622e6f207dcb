"""The description of a zoo as tables for a terminal."""

from typing import Any

from rich.console import Console
from rich.text import Text

from ngcore.cli.output import line, table_of

MAX_ROWS = 12


def show_zoo(console: Console, described: dict[str, Any]) -> None:
    """Print what `ngcore.zoo.describe_zoo` returns."""
    runs = f" of {described['num_runs']:,} runs" if described["num_runs"] else ""
    flagged = f", {described['num_flagged']:,} flagged" if described["num_flagged"] else ""
    counts = f": {described['num_networks']:,} networks{runs}{flagged}"
    console.print(Text.assemble((line(described["name"]).plain, "bold"), counts))
    console.print(line(f"{described['folder']}  {described['hash'][:12]}"), soft_wrap=True)
    labels = list(dict.fromkeys(label for counts in described["labels"].values() for label in counts))
    rows = [
        (split, count, *(described["labels"][split].get(label, 0) for label in labels))
        for split, count in described["splits"].items()
    ]
    console.print(table_of(("Split", ">Networks", *(f">{label}" for label in labels)), rows))
    _show_architectures(console, described)
    _show_quantiles(console, described)
    _show_accuracies(console, described)
    _show_coverage(console, described["coverage"]["hyper_parameters"])
    if described["parameters"]:
        _show_weights(console, described)


def _show_architectures(console: Console, described: dict[str, Any]) -> None:
    families = described["coverage"]["families"]
    kinds = [(entry["name"], entry["num_parameters"], entry["num_networks"]) for entry in described["architectures"]]
    if families:
        rows = [
            (
                row["family"],
                row["num_runs"],
                row["num_networks"],
                row["num_architectures"],
                " … ".join(f"{number:,}" for number in row["num_parameters"]),
            )
            for row in families
        ]
        columns = ("Family", ">Runs", ">Networks", ">Architectures", ">Parameters")
        console.print(table_of(columns, rows))
    if len(kinds) > MAX_ROWS:
        console.print(line(f"{len(kinds)} architectures; --json lists them."))
    else:
        console.print(table_of(("Architecture", ">Parameters", ">Networks"), kinds))


def _show_coverage(console: Console, entries: list[dict[str, Any]]) -> None:
    from ngcore.zoo import coverage_in_words

    rows = [(entry["column"], coverage_in_words(entry)) for entry in entries]
    if rows:
        console.print(table_of(("Hyper-parameter", "Runs"), rows))


def _show_quantiles(console: Console, described: dict[str, Any]) -> None:
    measures = {"PSNR (dB)": described["psnr"]}
    measures |= {f"Accuracy, {name}": entry["quantiles"] for name, entry in described["accuracies"].items()}
    present = {name: quantiles for name, quantiles in measures.items() if quantiles}
    if present:
        quantiles = next(iter(present.values()))
        columns = ("Quantile", *(f">{float(q):.0%}" for q in quantiles))
        console.print(table_of(columns, [(name, *values.values()) for name, values in present.items()]))


def _show_accuracies(console: Console, described: dict[str, Any]) -> None:
    rows = [
        (name, entry["num_networks"], f"{entry['at_chance']:.1%}", entry["tau_ceiling"])
        for name, entry in described["accuracies"].items()
    ]
    if rows:
        columns = ("Checkpoints", ">Networks", ">At chance", ">Highest possible τ, test")
        console.print(table_of(columns, rows))


def _show_weights(console: Console, described: dict[str, Any]) -> None:
    names = {entry["id"]: entry["name"] for entry in described["architectures"]}
    rows = [
        (names[entry["architecture"]], entry["parameter"], entry["mean"], entry["std"], entry["published_std"])
        for entry in described["parameters"]
    ]
    columns = ("Architecture", "Parameter", ">Mean", ">Std", ">Published std")
    console.print(table_of(columns, rows))
