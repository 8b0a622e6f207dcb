"""Progress on stderr: a bar with the time left in a terminal, an occasional line in a log."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from ngcore.cli.output import line, make_console
from ngcore.text import clean_text

LINE_EVERY_SECONDS = 30.0


class ProgressBar:
    """The progress of one piece of work; call it with what is done.

    Args:
        title: What is being done.
        console: Where to show it.
        progress: The bar; None where the console is no terminal, and lines are written instead.
    """

    def __init__(self, title: str, console: Console, progress: Progress | None) -> None:
        self._title, self._console, self._progress = clean_text(title), console, progress
        self._task: TaskID | None = None
        self._first: tuple[int, float] | None = None
        self._written = time.monotonic()

    def __call__(self, done: int, total: int, *, note: str = "", seconds_left: float | None = None) -> None:
        """Show that `done` of `total` are done; the time left is estimated unless it is given."""
        if seconds_left is None:
            seconds_left = self._estimate(done, total)
        note = clean_text(note)
        left = "" if seconds_left is None else f"{describe_seconds(seconds_left)} left"
        if self._progress is not None:
            if self._task is None:
                self._task = self._progress.add_task(self._title, total=total, left="", note="")
            self._progress.update(self._task, completed=done, total=total, left=left, note=note)
        elif time.monotonic() - self._written >= LINE_EVERY_SECONDS:
            self._written = time.monotonic()
            parts = (f"{self._title}: {done:,} of {total:,}", left, note)
            self._console.print(Text(" · ".join(part for part in parts if part)))

    def _estimate(self, done: int, total: int) -> float | None:
        """Seconds left, from what was done since the first call."""
        now = time.monotonic()
        if self._first is None:
            self._first = (done, now)
        first_done, started = self._first
        return (now - started) / (done - first_done) * (total - done) if done > first_done else None


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressBar]:
    """Show a bar while the block runs; it disappears afterwards."""
    console = make_console(to_stderr=True, soft_wrap=True)
    if not console.is_terminal:
        yield ProgressBar(title, console, None)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}", style="cyan"),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield ProgressBar(title, console, progress)


def waiting(title: str) -> AbstractContextManager[object]:
    """Show that something of unknown duration is under way."""
    return make_console(to_stderr=True).status(line(title))


def describe_seconds(seconds: float) -> str:
    """A duration in words: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
