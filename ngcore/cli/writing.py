"""Files that a command writes: checked before the work begins, never replaced without being asked for."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ngcore.errors import NeuralGraphError

Replace = Annotated[bool, typer.Option("--replace", help="Overwrite what exists; without it, a terminal is asked.")]


def check_output(path: Path, *, suffixes: Sequence[str], replace: bool) -> None:
    """Check that a file can be written, and make its folder.

    Args:
        path: The file.
        suffixes: Endings that its name may have.
        replace: Whether an existing file is overwritten; if not, the user is asked, where there is a terminal.

    Raises:
        NeuralGraphError: If its name ends otherwise, it is a folder, it exists, or its folder can't be written to.
        OSError: If its folder can't be made.
    """
    if path.suffix not in suffixes:
        raise NeuralGraphError(f"Expected --out to end in {', '.join(suffixes)}, got {path}.")
    if path.is_dir():
        raise NeuralGraphError(f"Expected a file to write, got the folder {path}.")
    if path.exists() and not replace and not _is_agreed(path):
        raise NeuralGraphError(f"{path} exists; add --replace to overwrite it, or write elsewhere.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise NeuralGraphError(f"Expected a folder that can be written to, got {path.parent}.")


def _is_agreed(path: Path) -> bool:
    """Ask whether a file may be overwritten; without a terminal there is nobody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(f"Overwrite {path.name!r}?", err=True)
