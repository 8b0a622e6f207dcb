"""Nothing that is there is replaced without the user's word: an option, or an answer to a question."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ngcore.errors import NeuralGraphError, StorageError
from ngcore.text import clean_text

Replace = Annotated[bool, typer.Option("--replace", help="Replace what is there, without asking.")]


def expect_free(path: Path, *, replace: bool) -> None:
    """Ask before something is replaced where there is someone to ask.

    Raises:
        StorageError: If something is there and may not be replaced.
    """
    if replace or not path.exists():
        return
    if (
        sys.stdin.isatty()
        and sys.stderr.isatty()
        and typer.confirm(f"{clean_text(str(path))} is there. Replace it?", err=True)
    ):
        return
    raise StorageError(f"Expected nothing at {path}, got a result from before; add --replace, or another --out.")


def check_output(path: Path, *, suffixes: Sequence[str], replace: bool) -> None:
    """Check that a file can be written before the work begins, and make its folder.

    Raises:
        NeuralGraphError: If its name ends otherwise, it is a folder, it exists, or its folder can't be written to.
        OSError: If its folder can't be made.
    """
    if path.suffix not in suffixes:
        raise NeuralGraphError(f"Expected --out to end in {', '.join(suffixes)}, got {path}.")
    if path.is_dir():
        raise NeuralGraphError(f"Expected a file to write, got the folder {path}.")
    expect_free(path, replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise NeuralGraphError(f"Expected a folder that can be written to, got {path.parent}.")
