"""The files of a session on their way in: what became of each, and which wait for answers, whatever page is open."""

import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from app import state
from app.components.upload_form import asks_for_range
from app.uploads import build_once, open_once
from ngcore.errors import AmbiguousNetworkError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.upload import Hints, OpenedFile, Upload

Outcome = Literal["network", "weights", "waiting", "refused"]
MAX_WAITING_BYTES = 256 * 1024 * 1024
_WAITING_KEY, _RESULTS_KEY = "upload.waiting", "upload.results"


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A file that leaves something open.

    Attributes:
        file: What was read of it.
        data: Its bytes, for a look at the weights alone.
    """

    file: "OpenedFile"
    data: bytes


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a file.

    Attributes:
        filename: What its sender calls it.
        sha256: Digest of the file; empty where it was refused.
        outcome: A network, weights alone, something that has to be answered first, or nothing.
        said: What it is, or why it is none, in words; may be empty.
        recipe: Code that would convert it; mostly empty.
    """

    filename: str
    sha256: str
    outcome: Outcome
    said: str
    recipe: str = ""


def waiting() -> dict[str, Waiting]:
    """The files that wait for answers, by their sha256, the oldest first."""
    return st.session_state.setdefault(_WAITING_KEY, {})


def results() -> list[Result]:
    """What became of the files that came last."""
    return st.session_state.setdefault(_RESULTS_KEY, [])


def forget_results() -> None:
    """Say no more about files that were read or refused; those that wait go on waiting."""
    st.session_state[_RESULTS_KEY] = [result for result in results() if result.outcome == "waiting"]


def set_results(found: list[Result]) -> None:
    """Have others, with those of earlier files that still wait."""
    fresh = {result.sha256 for result in found}
    still = [result for result in results() if result.outcome == "waiting" and result.sha256 not in fresh]
    st.session_state[_RESULTS_KEY] = [*still, *found]


def take_in(data: bytes, filename: str) -> Result:
    """Read a file and keep its network, or its weights where none is; or let it wait for what it leaves open."""
    file = None
    try:
        file = open_once(data, filename=filename, public=state.is_public())
        upload = build_once(file)
    except AmbiguousNetworkError:
        assert file is not None
        return _wait(file, data)
    except NeuralGraphError as error:
        return _as_weights_or_refused(data, filename, error)
    return _wait(file, data) if asks_for_range(upload, file) else keep(upload)


def keep(upload: "Upload") -> Result:
    """Keep a network for this session; its file waits no more."""
    state.keep_upload(upload)
    waiting().pop(upload.sha256, None)
    return Result(upload.filename, upload.sha256, "network", upload.network.architecture.name)


def keep_weights(source: bytes | Path, filename: str, reason: str, sha256: str = "") -> Result:
    """Keep a file of which no network is made, to look at its weights; one that is kept already is not read again.

    Raises:
        UploadError: If it is no file of weights.
    """
    from ngcore.upload.weights import open_weights

    own = state.kept_weights().get(sha256)
    file = own.file if own else open_weights(source, filename=filename, public=state.is_public())
    selection = state.keep_weights(file, reason=reason)
    waiting().pop(selection.id, None)
    return Result(filename, selection.id, "weights", reason)


def answer_all(hints: "Hints") -> None:
    """Read every file that waits with the same answers; those that they do not fit go on waiting, and say why."""
    found: list[Result] = []
    for sha256, one in list(waiting().items()):
        try:
            found.append(keep(build_once(one.file, hints)))
        except NeuralGraphError as error:
            found.append(Result(one.file.filename, sha256, "waiting", f": {error}"))
    set_results(found)


def _wait(file: "OpenedFile", data: bytes) -> Result:
    files = waiting()
    files.pop(file.sha256, None)
    files[file.sha256] = Waiting(file, data)
    while len(files) > 1 and 2 * sum(len(one.data) for one in files.values()) > MAX_WAITING_BYTES:
        del files[next(iter(files))]
    return Result(file.filename, file.sha256, "waiting", "")


def _as_weights_or_refused(data: bytes, filename: str, error: NeuralGraphError) -> Result:
    try:
        return keep_weights(data, filename, str(error), hashlib.sha256(data).hexdigest())
    except NeuralGraphError as refusal:
        return refused(filename, refusal, refusal.recipe or error.recipe)


def refused(filename: str, error: NeuralGraphError, recipe: str = "") -> Result:
    """A file that was refused, with the code that converts it, which names it."""
    from ngcore.upload.recipes import for_file

    return Result(filename, "", "refused", str(error), for_file(recipe or error.recipe, filename))
