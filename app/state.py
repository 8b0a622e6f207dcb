"""What the pages share in a session: the selected network, networks brought along, and the device."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

import ngcore.upload
from app.address import Parameter
from app.server import FOLDER_VARIABLE, PUBLIC_VARIABLE

if TYPE_CHECKING:
    from ngcore.networks import Network
    from ngcore.upload import TensorInfo, Upload
    from ngcore.upload.weights import WeightFile

QUERY_PARAMETER = "net"
UPLOAD = "upload"
DEVICE_KEY = "state.device"
_SELECTION_KEY = "state.selection"
_KEPT_KEY = "state.kept"
_WEIGHTS_KEY = "state.weights"
REGION_KEY = "map.region"
MAX_KEPT = 20
MAX_KEPT_BYTES = 256 * 1024 * 1024
MAX_KEPT_FILES = 3  # files of weights, of which each upload is in memory as a whole
MAX_FILE_BYTES = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True)
class Selection:
    """Which network is looked at: one of a zoo, or one of this session.

    Example:
        >>> Selection.parse("mnist-inrs/000123")
        Selection(zoo='mnist-inrs', id='mnist-inrs/000123')
        >>> Selection.parse("upload:9f86d081").is_upload
        True

    Attributes:
        zoo: Name of the zoo; `UPLOAD` for a network of this session.
        id: The network's id in the zoo's metadata, which begins with the zoo's name; the sha256 of its file for one
            of this session.
    """

    zoo: str
    id: str

    @property
    def is_upload(self) -> bool:
        """Whether the network lives in this session alone."""
        return self.zoo == UPLOAD

    @property
    def key(self) -> str:
        """Text of the selection in addresses and cache keys; inverse of `parse`."""
        return f"{UPLOAD}:{self.id}" if self.is_upload else self.id

    @property
    def short_id(self) -> str:
        """The id without the name of the zoo."""
        return self.id[:12] if self.is_upload else self.id.removeprefix(f"{self.zoo}/")

    @property
    def file_name(self) -> str:
        """A name for files of the selected network, made of letters, digits and dashes alone."""
        text = f"network-{self.id[:12]}" if self.is_upload else self.id
        return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text)

    @classmethod
    def parse(cls, text: str) -> "Selection | None":
        """The selection that a text means; None if it means none. Whether the network exists is not asked."""
        if text.startswith(f"{UPLOAD}:"):
            return cls(UPLOAD, text.removeprefix(f"{UPLOAD}:"))
        zoo, slash, rest = text.partition("/")
        return cls(zoo, text) if slash and zoo and rest else None


NET = Parameter(QUERY_PARAMETER, Selection.parse, lambda selection: selection.key)


@dataclass(frozen=True)
class Region:
    """Networks that were circled on a map.

    Attributes:
        zoo: Name of their zoo.
        chart: Key of the chart on which they were circled.
        ids: Their ids.
        polygon: The corners of what was drawn round them, in the coordinates of the chart.
    """

    zoo: str
    chart: str
    ids: tuple[str, ...]
    polygon: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Kept:
    """A network of this session: uploaded, or made on a page.

    Attributes:
        network: A stack of one.
        title: What to call it; a stranger's text where it is the name of a file.
        sha256: Digest of its file, or of the file that it would be exported to; a random name if handed over.
        format: Name of the file format.
        size: Bytes of the file.
        tensors: The table of tensors in the file.
        notes: What was inferred or done, in plain words.
        coverage: What of a module or a file it holds, see `Coverage.to_dict`; None where that is all.
    """

    network: "Network"
    title: str
    sha256: str
    format: str = "made here"
    size: int = 0
    tensors: "tuple[TensorInfo, ...]" = ()
    notes: tuple[str, ...] = ()
    coverage: dict[str, Any] | None = None

    @property
    def selection(self) -> Selection:
        """How to select it."""
        return Selection(UPLOAD, self.sha256)


@dataclass(frozen=True)
class KeptWeights:
    """A file of this session whose weights show without a structure.

    Attributes:
        file: The file, opened.
        reason: Why no network was made of it, in words that may quote the file.
    """

    file: "WeightFile"
    reason: str

    @property
    def title(self) -> str:
        """What to call it; a stranger's text."""
        return self.file.filename or "uploaded weights"


def selected() -> Selection | None:
    """The network that all pages look at; None while none is chosen."""
    return st.session_state.get(_SELECTION_KEY)


def select(*, zoo: str, id: str) -> Selection:  # noqa: A002 - the word that zoos use
    """Select a network on all pages, and put it into the address; may be called from callbacks.

    Args:
        zoo: Name of the zoo, or `UPLOAD`.
        id: Its id in the zoo's metadata, with or without the zoo's name in front; or the sha256 of a kept network.
    """
    is_bare = zoo != UPLOAD and not id.startswith(f"{zoo}/")
    selection = Selection(zoo, f"{zoo}/{id}" if is_bare else id)
    st.session_state[_SELECTION_KEY] = selection
    NET.set(selection)
    return selection


def select_key(key: str) -> None:
    """Select by the text of a selection, such as "mnist-inrs/000123"; texts that mean none are ignored."""
    selection = Selection.parse(key)
    if selection is not None:
        select(zoo=selection.zoo, id=selection.id)


def unselect() -> None:
    """Select no network."""
    st.session_state.pop(_SELECTION_KEY, None)
    NET.set(None)


def sync_with_address() -> None:
    """Take a new `?net=` of the address as the selection; else put the selection back into the address.

    Called once a run, before the page: the address changes by links and the back button, and loses its parameters
    when the page is switched.
    """
    if (asked := NET.news()) is not None:
        st.session_state[_SELECTION_KEY] = asked
    NET.set(selected())


def kept() -> dict[str, Kept]:
    """The networks of this session by their sha256, the newest last."""
    return st.session_state.setdefault(_KEPT_KEY, {})


def keep(network: Kept) -> Selection:
    """Keep a network for this session, in place of the oldest where there are too many or too large ones."""
    networks = kept()
    networks.pop(network.sha256, None)
    networks[network.sha256] = network
    while len(networks) > 1 and (len(networks) > MAX_KEPT or _num_bytes(networks.values()) > MAX_KEPT_BYTES):
        del networks[next(iter(networks))]
    return network.selection


def _num_bytes(networks: Iterable[Kept]) -> int:
    """Bytes of the parameters of networks."""
    return sum(tensor.nbytes for kept_one in networks for tensor in kept_one.network.parameters.values())


def keep_upload(upload: "Upload") -> Selection:
    """Keep an uploaded network."""
    title = upload.filename or "uploaded network"
    origin = upload.network.origin
    coverage = origin.coverage.to_dict() if origin else None
    about = (upload.format, upload.size, upload.tensors, upload.notes, coverage)
    return keep(Kept(upload.network, title, upload.sha256, *about))


def take_handed_over() -> None:
    """Keep the selected network if `ngcore.show` handed it over to this server and this session has not seen it.

    Raises:
        UploadError: If its files are damaged.
    """
    selection, folder = selected(), os.environ.get(FOLDER_VARIABLE)
    if folder is None or selection is None or not selection.is_upload or selection.id in kept() | kept_weights():
        return
    from ngcore.showing import take_over  # which imports torch

    found = take_over(selection.id, Path(folder))
    if found is not None:
        keep(Kept(found.network, found.title, selection.id, "handed over", notes=found.notes, coverage=found.coverage))


def kept_weights() -> dict[str, KeptWeights]:
    """The files of this session that show their weights alone, by their sha256, the newest last."""
    return st.session_state.setdefault(_WEIGHTS_KEY, {})


def keep_weights(file: "WeightFile", *, reason: str) -> Selection:
    """Keep an opened file for this session, in place of the oldest where there are too many or too large ones."""
    files = kept_weights()
    files.pop(file.sha256, None)
    files[file.sha256] = KeptWeights(file, reason)
    while len(files) > 1 and (
        len(files) > MAX_KEPT_FILES or sum(one.file.size for one in files.values()) > MAX_FILE_BYTES
    ):
        del files[next(iter(files))]
    return Selection(UPLOAD, file.sha256)


def selected_weights() -> KeptWeights | None:
    """The selected file, if it is one that shows its weights alone."""
    selection = selected()
    return kept_weights().get(selection.id) if selection is not None and selection.is_upload else None


def keep_network(network: "Network", title: str, *, notes: tuple[str, ...] = ()) -> Selection:
    """Keep a network that was made on a page, such as an edited one; all pages can select it then."""
    data = ngcore.upload.export_network(network)
    return keep(Kept(network, title, hashlib.sha256(data).hexdigest(), size=len(data), notes=notes))


def device_name() -> str:
    """Name of the chosen device, for `ngcore.device.choose_device`."""
    return st.session_state.get(DEVICE_KEY, "auto")


def is_public() -> bool:
    """Whether strangers use this app; pages offer less then."""
    return os.environ.get(PUBLIC_VARIABLE) == "1"
