"""What all commands share: results for people or machines on stdout, words and errors on stderr."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

WIDTH_OF_FILES = 160  # columns of what is piped or kept in a file


def print_result(result: Any, *, as_json: bool, show: Callable[[Console], object]) -> None:
    """Print a result on stdout, as JSON alone or as `show` draws it."""
    if as_json:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console()
    show(console if console.is_terminal or "COLUMNS" in os.environ else Console(width=WIDTH_OF_FILES))


def say(text: str) -> None:
    """Print a line for people on stderr."""
    Console(stderr=True, soft_wrap=True).print(Text(text))


def say_error(text: str) -> None:
    """Print an error as one line on stderr."""
    line = " ".join(text.split())
    Console(stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "bold red"), line))


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table; columns named with a leading ">" hold numbers and are set flush right."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    """A value as text: thousands apart, four decimals, nothing where there is nothing."""
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def plain(value: Any) -> Any:
    """A value in JSON types; NaN, which JSON does not know, becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
