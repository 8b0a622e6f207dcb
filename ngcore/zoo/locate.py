"""Finds zoos by name, in a folder of the user's, among those built and those that ship, and says which are damaged."""

import dataclasses
import functools
import os
from pathlib import Path

from ngcore.errors import UnknownNameError, ZooError
from ngcore.paths import ASSETS, work_folder
from ngcore.zoo.card import CARD_FILE, PARTS_FOLDER
from ngcore.zoo.storage import Zoo


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZooListing:
    """The contents of the folders that are searched for zoos.

    Of two zoos with the same name the one in the earlier folder counts, even if damaged: the other would silently take
    its place. An unfinished one hides nothing.

    Attributes:
        zoos: Folders of the zoos that can be read, by name.
        damaged: Why a zoo can't be read and what to do, by name.
        unfinished: How to finish a build that was stopped, by name; a zoo of this name may be in `zoos` besides.
    """

    zoos: dict[str, Path]
    damaged: dict[str, str]
    unfinished: dict[str, str]


def zoo_roots() -> list[Path]:
    """Folders that are searched, in this order: `$NGCORE_ZOOS`, `zoos` in the work folder, `zoos` in the assets."""
    named = os.environ.get("NGCORE_ZOOS")
    return [*([Path(named)] if named else []), work_folder() / "zoos", ASSETS / "zoos"]


def survey_zoos() -> ZooListing:
    """Look at every zoo there is, without reading networks; a damaged one is an entry of the list, never an error."""
    finished, unfinished = _folders(CARD_FILE), _folders(f"{PARTS_FOLDER}/")
    problems = {name: reason for name, folder in finished.items() if (reason := _problem(folder))}
    return ZooListing(
        zoos={name: folder for name, folder in finished.items() if name not in problems},
        damaged=problems,
        unfinished={
            name: f"The build in {folder} was not finished; run ngcore zoo build {name} again, with the same options."
            for name, folder in unfinished.items()
            if not (folder / CARD_FILE).is_file()
        },
    )


def list_zoos() -> dict[str, Path]:
    """The zoos that can be read, by name, each with the folder that `find_zoo` would choose."""
    return survey_zoos().zoos


def find_zoo(name: str | Path) -> Path:
    """The folder of a zoo, given by name or as a folder.

    Raises:
        UnknownNameError: If there is no such zoo; the message lists the known ones.
        ZooError: If it is damaged or was not finished; the message says what to do.
    """
    if os.path.isfile(Path(name) / CARD_FILE):  # also False for names that are too long to be one of a folder
        return Path(name)
    if (folder := _finished(str(name))) is not None and not _problem(folder):
        return folder
    listing = survey_zoos()
    for reasons in (listing.damaged, listing.unfinished):
        if str(name) in reasons:
            raise ZooError(reasons[str(name)])
    if os.path.isdir(Path(name) / PARTS_FOLDER):
        raise ZooError(f"The build in {name} was not finished; run the same ngcore zoo build --out {name} again.")
    raise UnknownNameError("zoo", str(name), listing.zoos)


def default_zoo_folder(name: str) -> Path:
    """Where a zoo of this name is built unless another folder is asked for."""
    return zoo_roots()[0] / name


def _finished(name: str) -> Path | None:
    """The folder of the finished zoo of this name, damaged or not; None if there is none."""
    if name in ("", "..") or Path(name).name != name:
        return None
    return next((root / name for root in zoo_roots() if os.path.lexists(root / name / CARD_FILE)), None)


def _folders(mark: str) -> dict[str, Path]:
    """Folders that hold something of this name, by folder name; of two with the same name, the first found."""
    found = [path for root in reversed(zoo_roots()) for path in sorted(root.glob(f"*/{mark}"))]
    return {path.parent.name: path.parent for path in found}


def _problem(folder: Path) -> str | None:
    """Why a zoo can't be read; None if it can."""
    return _problem_of(folder, _state(folder))


@functools.lru_cache(1024)
def _problem_of(folder: Path, state: tuple[object, ...]) -> str | None:
    """As `_problem`, checked again whenever a file of the zoo changes."""
    try:
        Zoo.open(folder).check()
    except ZooError as error:
        return str(error)
    return None


def _state(folder: Path) -> tuple[object, ...]:
    """Names, sizes and times of a zoo's files."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError as error:
        return (str(error),)
    return tuple(sorted((name, status.st_size, status.st_mtime_ns, status.st_mode) for name, status in found))
