"""Nothing that is there is replaced without the user's word: an option, or an answer to a question."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ngcore.errors import StorageError

Replace = Annotated[bool, typer.Option("--replace", help="Replace what is there, without asking.")]


def expect_free(path: Path, *, replace: bool) -> None:
    """Ask before something is replaced where there is someone to ask.

    Raises:
        StorageError: If something is there and may not be replaced.
    """
    if replace or not path.exists():
        return
    if sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"{path} is there. Replace it?", err=True):
        return
    raise StorageError(f"Expected nothing at {path}, got a result from before; add --replace, or another --out.")
