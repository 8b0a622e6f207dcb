"""Where things lie: what ships with the repository, and where new results are written."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ASSETS = REPOSITORY / "assets"


def work_folder() -> Path:
    """Folder for everything that is built or trained here: `$NGCORE_WORK`, else `work` in the current folder.

    The folder need not exist; whoever writes into it makes it.
    """
    return Path(os.environ.get("NGCORE_WORK") or "work")


def cache_folder() -> Path:
    """Folder for what can be fetched or computed again: `$NGCORE_CACHE`, else `~/.cache/ngcore`."""
    named = os.environ.get("NGCORE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "ngcore"
