"""Results for people or machines on stdout, words and errors on stderr; strangers' text is cleaned on its way."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, JustifyMethod, RenderHook
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from ngcore.errors import NeuralGraphError
from ngcore.text import clean_lines, clean_text, escape_unprintable

WIDTH_OF_FILES = 160  # columns of what is piped or kept in a file
MAX_LINE_LENGTH = 2_000


class _Cleaned:
    """A renderable whose text is cleaned once it is laid out; colours are added later and stay."""

    def __init__(self, content: ConsoleRenderable) -> None:
        self._content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._content, options):
            yield segment if segment.control else Segment(clean_lines(segment.text), segment.style)


class _CleaningHook(RenderHook):
    """Cleans everything that a console prints."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap what is about to be printed."""
        return [_Cleaned(content) for content in renderables]


class _PlainConsole(Console):
    """A console that leaves a closed pipe to the program, as everything else that goes wrong."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(*, to_stderr: bool = False, **options: Any) -> Console:
    """A console that prints text as it is, without markup, emoji codes, control or invisible characters."""
    console = _PlainConsole(stderr=to_stderr, markup=False, emoji=False, highlight=False, **options)
    console.push_render_hook(_CleaningHook())
    return console


def print_result(result: Any, *, as_json: bool, show: Callable[[Console], object]) -> None:
    """Print a result on stdout, as JSON alone or as `show` draws it; numbers that are not finite are null in JSON."""
    if as_json:
        text = json.dumps(plain(result), indent=2, ensure_ascii=False, allow_nan=False)
        typer.echo(escape_unprintable(text))
        return
    console = make_console()
    show(console if console.is_terminal or "COLUMNS" in os.environ else make_console(width=WIDTH_OF_FILES))


def line(text: str) -> Text:
    """Text on one line, whatever its line breaks."""
    return Text(clean_text(" ".join(text.split()), length=MAX_LINE_LENGTH))


def say(text: str) -> None:
    """Print a line for people on stderr."""
    make_console(to_stderr=True, soft_wrap=True).print(line(text))


def say_error(text: str) -> None:
    """Print an error as one line on stderr."""
    make_console(to_stderr=True, soft_wrap=True).print(Text.assemble(("Error: ", "bold red"), line(text)))


def say_failure(error: NeuralGraphError | OSError, *, about: str = "") -> None:
    """Print what went wrong, what it is about unless the message names it, and code that would help."""
    if isinstance(error, NeuralGraphError):
        reason, recipe = str(error), error.recipe
    else:
        reason, recipe = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", ""
    say_error(reason if not about or clean_text(about) in reason else f"{about}: {reason}")
    if recipe:
        typer.echo(f"\n{clean_lines(recipe)}", err=True, nl=False)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> Table:
    """A table; columns named with a leading ">" hold numbers and are aligned right."""
    shown = None if title is None else line(title)
    table = Table(title=shown, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(line(column.removeprefix(">")), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(value if isinstance(value, Text) else line(_cell(value)) for value in row))
    return table


def _cell(value: object) -> str:
    """A value as text: thousands separated, four decimals, a dash for a missing value."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def plain(value: Any) -> Any:
    """A value in JSON types; NaN and infinity, which JSON does not know, become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
