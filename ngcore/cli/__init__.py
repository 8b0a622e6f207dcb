"""The console command `ngcore`: what the package does, from a terminal or a script.

    data fetch · zoo build, info, list, verify, sample · train · evaluate · models
    predict · edit · embed · map · graph · benchmark · app

Results go to stdout (as JSON with `--json`), progress and errors to stderr. Exit codes: 0 done, 1 found something wrong
in what was checked, 2 bad input, 130 interrupted.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; `ngcore app` becomes the server at once, before anything else is loaded."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["app"] and not {"-h", "--help"} & set(arguments):
        from ngcore.cli.app import become_server

        become_server(arguments[1:])
    from ngcore.cli.program import program

    program(arguments, prog_name="ngcore")
