"""Options that several commands have, and the text below their help."""

import math
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print only the result to stdout, as JSON.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps, xpu or cpu.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]
ZooOption = Annotated[str | None, typer.Option("--zoo", help="Another zoo, by name or folder.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first N networks.")]
Processes = Annotated[int, typer.Option("--workers", min=1, help="Processes of this machine that compute.")]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Let a cluster compute: address of a Dask scheduler, as tcp://10.0.0.1:8786."),
]
Out = Annotated[Path | None, typer.Option(help="Folder to write to.")]


def finite(value: float | None) -> float | None:
    """The callback of every float option: infinity and NaN are refused.

    Raises:
        typer.BadParameter: If the number is not finite.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"expected a finite number, got {value}")
    return value


def example(*commands: str) -> str:
    """The examples below the help of a command."""
    return "\n\n".join(["[bold]Example[/bold]", *(f"  ngcore {command}" for command in commands)])
