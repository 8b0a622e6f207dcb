"""Bringing a network along: choose a file, answer what it leaves open, see what was made of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import page_table, state
from app.components.upload_form import ask_for_range, ask_until_read, asks_for_range
from app.components.upload_preview import show_preview
from app.errors import show_error
from app.state import QUERY_PARAMETER, UPLOAD
from ngcore.errors import AmbiguousNetworkError, DataError, NeuralGraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.components.upload_form import Outcome
    from ngcore.upload import OpenedFile, Upload

ENDINGS = ("safetensors", "npz", "pt", "pth", "ckpt", "bin", "h5", "hdf5", "keras", "onnx", "pt2")
NAMED_ENDINGS = ("pkl", "pickle", "npy", "pb", "tflite", "gguf")  # named, with a recipe
NOT_SAID = "Its weights are shown without the structure, as asked."
_KEPT_KEY, _ROUND_KEY, _OPENED_KEY, _PATH_KEY = "upload.kept", "upload.round", "upload.opened", "upload.path"
_STAYS_KEY = "upload.stays"


def upload_box(*, takes_weights: bool = False) -> None:
    """Offer the networks of this session and a field for files; what is chosen becomes the selected network.

    Args:
        takes_weights: Whether this page shows files whose structure is not known; else the network page is opened.
    """
    st.session_state[_STAYS_KEY] = takes_weights
    kept = _names()
    selection = state.selected()
    if kept:
        st.session_state[_KEPT_KEY] = selection.id if selection and selection.id in kept else None
        st.selectbox(
            "Networks of this session",
            list(kept),
            key=_KEPT_KEY,
            format_func=kept.__getitem__,
            on_change=_kept_chosen,
            placeholder="Choose one, or add a file below",
        )
    turn = st.session_state.setdefault(_ROUND_KEY, 0)
    file = st.file_uploader(
        "Weights of a network",
        type=[*ENDINGS, *NAMED_ENDINGS],
        key=f"upload.file{turn}",
        help="Chains of layers and networks of well-known libraries become networks; of all others the weights show. "
        "Files are read as data alone, checked first, and never stored.",
    )
    if not state.is_public():
        _path_field()
    if file is not None:
        _read(file.getvalue(), file.name, f"upload.{file.file_id}")


def _names() -> dict[str, str]:
    """What to call the networks and the files of weights of this session, by their sha256."""
    networks = {
        sha256: f"{own.title} · {own.network.architecture.name} · {sha256[:8]}" for sha256, own in state.kept().items()
    }
    files = {sha256: f"{own.title} · weights alone · {sha256[:8]}" for sha256, own in state.kept_weights().items()}
    return {**networks, **files}


def _kept_chosen() -> None:
    if st.session_state[_KEPT_KEY]:
        state.select(zoo=UPLOAD, id=st.session_state[_KEPT_KEY])


def _path_field() -> None:
    """On one's own machine a file can be named instead, and a large one is not copied into memory."""
    text = st.text_input(
        "Or the path of a file on this machine",
        key=_PATH_KEY,
        placeholder="/path/to/model.safetensors, up to 2 GB",
    )
    if not text or st.session_state.get(f"{_PATH_KEY}.done") == text:
        return
    path = Path(text.strip()).expanduser()
    try:
        if not path.is_file():
            raise DataError(f"Expected the path of a file, got {text}: there is no such file.")
        _read_path(path)
    except NeuralGraphError as error:
        show_error(error)
    except OSError as error:
        show_error(f"{text} cannot be read: {error.strerror or error}.")


def _read_path(path: Path) -> None:
    """Read a file by its path: as an upload if a network may be in it, else mapped into memory."""
    from ngcore.upload.limits import LOCAL

    status = path.stat()
    if status.st_size <= LOCAL.file_bytes:
        _read(path.read_bytes(), path.name, f"upload.{path}.{status.st_mtime_ns}")
        return
    _show_weights(path, path.name, f"Networks of files larger than {LOCAL.file_bytes >> 20} MB are not drawn whole.")


def _read(data: bytes, filename: str, key: str) -> None:
    """Read a file, ask what it leaves open beside a preview, and select its network, or its weights where none is."""
    from ngcore.upload import build_network

    try:
        file = _opened(key, data, filename)
        upload = build_network(file)
    except AmbiguousNetworkError:
        _ask(data, filename, key, lambda: ask_until_read(file, key))
    except NeuralGraphError as error:
        try:
            _show_weights(data, filename, str(error))
        except NeuralGraphError as refusal:
            refusal.recipe = refusal.recipe or error.recipe
            show_error(refusal)
    else:
        if asks_for_range(upload, file):
            _ask(data, filename, key, lambda: ask_for_range(upload, file, key))
        else:
            _take(upload)


def _opened(key: str, data: bytes, filename: str) -> "OpenedFile":
    """The contents of a file, read once for all answers that a session gives about it."""
    from ngcore.upload import open_file

    kept = st.session_state.get(_OPENED_KEY)
    if kept is None or kept[0] != key:
        with st.spinner("Reading the file …"):
            kept = (key, open_file(data, filename=filename, public=state.is_public()))
        st.session_state[_OPENED_KEY] = kept
    return kept[1]


def _take(upload: "Upload") -> None:
    state.keep_upload(upload)
    state.select(zoo=UPLOAD, id=upload.sha256)
    _start_afresh()
    st.rerun()


def _show_weights(source: bytes | Path, filename: str, reason: str) -> None:
    """Keep a file of which no network is made, and look at its weights.

    Raises:
        UploadError: If it is no file of weights.
    """
    from ngcore.upload.weights import open_weights

    with st.spinner("Reading the file …"):
        file = open_weights(source, filename=filename, public=state.is_public())
        selection = state.keep_weights(file, reason=reason)
    state.select(zoo=UPLOAD, id=selection.id)
    _start_afresh()
    if st.session_state[_STAYS_KEY]:
        st.rerun()
    st.switch_page(page_table.page("network"), query_params={QUERY_PARAMETER: selection.key})


def _start_afresh() -> None:
    """An empty field, so that the same file can be read again with other answers."""
    st.session_state[_ROUND_KEY] += 1
    st.session_state[f"{_PATH_KEY}.done"] = st.session_state.get(_PATH_KEY)
    st.session_state.pop(_OPENED_KEY, None)


def _ask(data: bytes, filename: str, key: str, form: "Callable[[], Outcome]") -> None:
    """A form of what the file leaves open, beside what is made of the answers."""
    with st.container(border=True, key="upload-form"):
        st.markdown("**The file leaves this open.** The suggestions are guesses; change them until it looks right.")
        fields, preview = st.columns([3, 4], gap="medium")
        with fields:
            outcome = form()
        with preview:
            show_preview(outcome)
        with st.container(horizontal=True):
            use = st.button("Use this network", type="primary", key=f"{key}.read", disabled=outcome.upload is None)
            alone = st.button("Show the weights alone", key=f"{key}.weights")
        if use and outcome.upload is not None:
            _take(outcome.upload)
        if alone:
            _show_weights(data, filename, NOT_SAID)
