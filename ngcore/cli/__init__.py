"""The console command `ngcore`: what the package does, from a terminal or a script.

    data fetch · zoo build, info, list, verify, sample · train · evaluate · results · seeds · study · models
    predict · edit · embed · map · graph · weights · check · benchmark · app

Results go to stdout (as JSON with `--json`), progress and errors to stderr. Exit codes: 0 success, 1 failure,
in whole or in part, 2 wrong usage, 130 interrupted, 141 output pipe closed.
"""

import sys
import traceback
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from ngcore.cli.exits import BROKEN_PIPE, INTERRUPTED, silence_stdout
from ngcore.text import clean_lines, clean_text

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `ngcore app` becomes the server at once, before anything else is loaded."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["app"] and not {"-h", "--help"} & set(arguments):
        from ngcore.cli.app import become_server

        become_server(arguments[1:])
    sys.excepthook, warnings.showwarning = _show_exception, _show_warning
    try:
        _run(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        silence_stdout()
        sys.exit(BROKEN_PIPE)


def _run(arguments: list[str]) -> None:
    from typer.main import get_command

    from ngcore.cli.program import program

    try:
        get_command(program)(arguments, prog_name="ngcore")
    finally:
        sys.stdout.flush()  # a closed pipe is noticed here, not while Python shuts down


def _show_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python does, but cleaned: the message may quote strangers' text."""
    sys.stderr.write(clean_lines("".join(traceback.format_exception(kind, error, trace))))


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning of a library as one line."""
    sys.stderr.write(f"Warning: {clean_text(str(message), length=1_000)}\n")
