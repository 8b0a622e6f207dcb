"""Finds zoos by name: in a folder of the user's, among those built, among those that ship."""

import os
from pathlib import Path

from ngcore.errors import UnknownNameError
from ngcore.paths import ASSETS, work_folder
from ngcore.zoo.storage import CARD_FILE


def zoo_roots() -> list[Path]:
    """Folders that are searched, in this order: `$NGCORE_ZOOS`, `zoos` in the work folder, `zoos` in the assets."""
    named = os.environ.get("NGCORE_ZOOS")
    return [*([Path(named)] if named else []), work_folder() / "zoos", ASSETS / "zoos"]


def list_zoos() -> dict[str, Path]:
    """The finished zoos by name, each with the folder that `find_zoo` would choose."""
    cards = [card for root in reversed(zoo_roots()) for card in sorted(root.glob(f"*/{CARD_FILE}"))]
    return {card.parent.name: card.parent for card in cards}


def find_zoo(name: str | Path) -> Path:
    """The folder of a zoo, given by name or as a folder.

    Raises:
        UnknownNameError: If there is no such zoo; the message lists those that there are.
    """
    if (Path(name) / CARD_FILE).is_file():
        return Path(name)
    zoos = list_zoos()
    if str(name) not in zoos:
        raise UnknownNameError("zoo", str(name), zoos)
    return zoos[str(name)]


def default_zoo_folder(name: str) -> Path:
    """Where a zoo of this name is built unless another folder is asked for."""
    return zoo_roots()[0] / name
