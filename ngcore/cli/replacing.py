"""Existing output is replaced only with the user's consent: an option, or the answer to a question."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ngcore.errors import NeuralGraphError, StorageError
from ngcore.text import clean_text

Replace = Annotated[bool, typer.Option("--replace", help="Replace existing output without asking.")]


def expect_free(path: Path, *, replace: bool, option: str = "--out") -> None:
    """Ask before replacing something, where there is someone to ask.

    Args:
        path: What will be written.
        replace: Whether it may replace what exists.
        option: The option that names another path.

    Raises:
        StorageError: If something is there and must not be replaced.
    """
    if replace or not path.exists():
        return
    if (
        sys.stdin.isatty()
        and sys.stderr.isatty()
        and typer.confirm(f"{clean_text(str(path))} exists. Replace it?", err=True)
    ):
        return
    raise StorageError(
        f"Expected nothing at {path}, found an earlier result; add --replace or choose another {option}."
    )


def check_output(path: Path, *, suffixes: Sequence[str], replace: bool, option: str = "--out") -> None:
    """Check that a file can be written before the work begins, and make its folder.

    Args:
        path: The file.
        suffixes: The endings that its name may have.
        replace: Whether it may replace what exists.
        option: The option that names the file.

    Raises:
        NeuralGraphError: If its name ends otherwise, it is a folder, it exists, or its folder can't be written to.
        OSError: If its folder can't be made.
    """
    if path.suffix not in suffixes:
        raise NeuralGraphError(f"Expected {option} to end in {', '.join(suffixes)}, got {path}.")
    if path.is_dir():
        raise NeuralGraphError(f"Expected a file to write, got the folder {path}.")
    expect_free(path, replace=replace, option=option)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise NeuralGraphError(f"Expected a folder that can be written to, got {path.parent}.")
