"""Where things lie: what ships, in the source tree or in an installed wheel, and where new results are written."""

import os
from pathlib import Path

_TOP = Path(__file__).resolve().parents[1]  # the repository, or the site-packages of an installed wheel
_INSTALLED = _TOP / "ngcore_studio"

# Holds the app, its pages and the assets; a wheel keeps them together, apart from other people's packages.
STUDIO = _INSTALLED if _INSTALLED.is_dir() else _TOP
ASSETS = STUDIO / "assets"


def work_folder() -> Path:
    """Folder for everything that is built or trained here: `$NGCORE_WORK`, else `work` in the current folder.

    The folder need not exist; whoever writes into it makes it.
    """
    return Path(os.environ.get("NGCORE_WORK") or "work")


def cache_folder() -> Path:
    """Folder for what can be fetched or computed again: `$NGCORE_CACHE`, else `~/.cache/ngcore`.

    A user without a home, as in some containers, has it in the work folder.
    """
    named = os.environ.get("NGCORE_CACHE")
    try:
        return Path(named) if named else Path.home() / ".cache" / "ngcore"
    except RuntimeError:
        return work_folder() / "cache"
