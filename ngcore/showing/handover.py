"""Handing a network to the app's own process: a file of an unguessable name in a private folder."""

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ngcore.errors import UploadError
from ngcore.networks import Network
from ngcore.upload.export import export_network, import_network

FOLDER_VARIABLE = "NGCORE_HANDOVER"
"""Environment variable of the server's process: the folder in which networks are handed over."""

NAME = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Handover:
    """A network that was handed over, and what there is to say of it.

    Attributes:
        network: A stack of one.
        title: What to call it.
        notes: What was done with it, in plain words.
        coverage: What of a module it holds, see `Coverage.to_dict`; None where that is all.
    """

    network: Network
    title: str
    notes: tuple[str, ...] = ()
    coverage: dict[str, Any] | None = None


def hand_over(handover: Handover, folder: Path) -> str:
    """Write a network for the app.

    Args:
        handover: What is handed over.
        folder: Where; only this user may read it.

    Returns:
        Its name, 64 random hex digits.

    Raises:
        NotFiniteError: If a weight is not finite in float32.
    """
    name = secrets.token_hex(32)
    about = {"title": handover.title, "notes": handover.notes, "coverage": handover.coverage}
    export_network(handover.network, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(about), encoding="utf-8")
    return name


def take_over(name: str, folder: Path) -> Handover | None:
    """Read a network that was handed over; None if there is none of this name.

    Raises:
        UploadError: If its files are damaged.
    """
    about = folder / f"{name}.json"
    if not NAME.fullmatch(name) or not about.is_file():
        return None
    try:
        fields = json.loads(about.read_text(encoding="utf-8"))
        network = import_network(folder / f"{name}.safetensors")
        return Handover(network, fields["title"], tuple(fields["notes"]), fields["coverage"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UploadError("The network that was handed over cannot be read; show it again.") from error
