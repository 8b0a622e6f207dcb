"""The networks to be ranked: files that are read as safely as single uploads, or the checkpoints of a run of a zoo."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from app import cached, state
from app.components.upload_form import ask_until_read
from app.components.upload_preview import show_preview
from app.errors import plain
from app.state import Selection
from app.uploads import build_once, open_once
from ngcore.errors import AmbiguousNetworkError, NeuralGraphError, TooLargeError
from ngcore.networks import Network

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from ngcore.upload import Hints, OpenedFile, Upload
    from ngcore.zoo import Zoo

MAX_FILES = 50
MAX_BYTES = 512 * 1024 * 1024  # of all files together
_READ_KEY = "rank.read"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A network to be ranked.

    Attributes:
        title: What to call it; a stranger's text where it is the name of a file.
        key: Identifies it, see `cached.content_key`.
        network: A stack of one.
        zoo: Name of its zoo; empty for a file.
        true: Its measured accuracy as its zoo has it; None for a file.
        upload: What was read; None for a network of a zoo.
    """

    title: str
    key: str
    network: Network
    zoo: str = ""
    true: float | None = None
    upload: "Upload | None" = None

    def select(self) -> Selection:
        """Make it the selected network of all pages."""
        if self.upload is not None:
            state.keep_upload(self.upload)
            return state.select(zoo=state.UPLOAD, id=self.upload.sha256)
        return state.select(zoo=self.zoo, id=self.title)


@dataclasses.dataclass
class _Read:
    """What became of a file; one whose contents leave something open waits for answers."""

    upload: "Upload | None" = None
    waiting: "OpenedFile | None" = None
    error: str = ""


def read_files(files: "Sequence[UploadedFile]") -> tuple[list[Entry], list[str]]:
    """The networks in files, and why others hold none; what files leave open is asked once, for all of them."""
    kept: dict[str, _Read] = st.session_state.setdefault(_READ_KEY, {})
    for gone in kept.keys() - {file.file_id for file in files}:
        del kept[gone]
    room = MAX_BYTES
    for file in files[:MAX_FILES]:
        room -= file.size
        if file.file_id not in kept:
            with st.spinner(f"Reading {plain(file.name)} …"):
                kept[file.file_id] = _read(file, room)
    reads = {file: kept[file.file_id] for file in files[:MAX_FILES]}
    hints = _ask([read.waiting for read in reads.values() if read.waiting is not None])
    entries, errors = [], [f"Only the first {MAX_FILES} files are read."] if len(files) > MAX_FILES else []
    for file, read in reads.items():
        try:
            upload = _built(read, hints)
        except NeuralGraphError as error:
            errors.append(f"{file.name}: {error}")
            continue
        if upload is not None:
            entries.append(Entry(file.name, f"{state.UPLOAD}:{upload.sha256}", upload.network, upload=upload))
        elif read.error:
            errors.append(f"{file.name}: {read.error}")
    return list({entry.key: entry for entry in entries}.values()), errors


def _read(file: "UploadedFile", room: int) -> _Read:
    opened = None
    try:
        if room < 0:
            raise TooLargeError(f"Expected files of at most {MAX_BYTES >> 20} MB in all; remove some of the others.")
        opened = open_once(file.getvalue(), filename=file.name, public=state.is_public())
        return _Read(build_once(opened))
    except AmbiguousNetworkError:
        return _Read(waiting=opened)
    except NeuralGraphError as error:
        return _Read(error=str(error))


def _ask(waiting: "list[OpenedFile]") -> "Hints | None":
    """A form of what the first of these files leaves open; None while it is not filled in, or there are none."""
    if not waiting:
        return None
    with st.container(border=True, key="rank-form"):
        st.markdown("**Files leave this open.** The answers hold for all of them; the preview is of the first.")
        fields, preview = st.columns([3, 4], gap="medium")
        with fields:
            outcome = ask_until_read(waiting[0], f"rank.{len(waiting)}")
        with preview:
            show_preview(outcome)
    return outcome.hints


def _built(read: _Read, hints: "Hints | None") -> "Upload | None":
    """The network of a file; None where there is none, or something is still open."""
    if read.waiting is None or hints is None:
        return read.upload
    return build_once(read.waiting, hints)


def zoos_of_runs() -> "dict[str, Zoo]":
    """The zoos of classifiers whose networks are checkpoints of runs."""
    zoos = cached.zoos()
    return {
        name: zoo
        for name, zoo in zoos.items()
        if zoo.metadata["accuracy"].notna().any() and (zoo.metadata["run"] >= 0).any()
    }


def read_run(zoo: "Zoo", run: int) -> list[Entry]:
    """The checkpoints of a run."""
    rows = zoo.metadata[zoo.metadata["run"] == run]
    entries = []
    for name, accuracy in zip(rows["id"], rows["accuracy"], strict=True):
        selection = Selection(zoo.name, str(name))
        own = cached.network(selection)
        entries.append(Entry(str(name), cached.content_key(selection), own, zoo.name, float(accuracy)))
    return entries
