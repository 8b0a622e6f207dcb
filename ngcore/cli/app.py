"""`ngcore app`: serves the app; imports nothing that would slow the server's start."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from ngcore.paths import STUDIO

# The folder of the app is on the path of the server's process alone.
SERVE = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('app.server', run_name='__main__')"
SERVER = ("-P", "-c", SERVE, str(STUDIO))  # -P: whatever folder the command is started in, its files are not imported


def become_server(arguments: Sequence[str]) -> NoReturn:
    """Replace this process by the server with these arguments of `app.server`."""
    os.execv(sys.executable, [sys.executable, *SERVER, *arguments])  # noqa: S606 - no shell is wanted


def server_arguments(
    *, host: str | None, port: int | None, public: bool, allowed_hosts: Sequence[str], browser: bool
) -> list[str]:
    """The options of `ngcore app` as arguments of the server; None means the server's own choice."""
    named = [("--host", host), ("--port", port), *(("--allowed-host", name) for name in allowed_hosts)]
    flags = [("--public", public), ("--open", browser)]
    given = [part for option, value in named if value is not None for part in (option, str(value))]
    return given + [option for option, is_set in flags if is_set]
