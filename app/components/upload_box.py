"""Bringing a network along: choose a file, answer what it leaves open, see what was made of it."""

import hashlib
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.components.upload_form import ask_until_read
from app.components.upload_preview import show_preview
from app.errors import show_error
from app.state import UPLOAD
from ngcore.errors import AmbiguousNetworkError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.upload import OpenedFile, Upload

ENDINGS = ("safetensors", "npz", "pt", "pth", "ckpt", "bin")
NAMED_ENDINGS = ("onnx", "h5", "hdf5", "keras", "pkl", "pickle", "npy", "pb", "tflite", "gguf")  # named, with a recipe
_KEPT_KEY, _ROUND_KEY, _OPENED_KEY = "upload.kept", "upload.round", "upload.opened"


def upload_box() -> None:
    """Offer the networks of this session and a field for files; what is chosen becomes the selected network."""
    kept = state.kept()
    selection = state.selected()
    if kept:
        st.session_state[_KEPT_KEY] = selection.id if selection and selection.id in kept else None
        st.selectbox(
            "Networks of this session",
            list(kept),
            key=_KEPT_KEY,
            format_func=_name,
            on_change=_kept_chosen,
            placeholder="Choose one, or add a file below",
        )
    turn = st.session_state.setdefault(_ROUND_KEY, 0)
    file = st.file_uploader(
        "Weights of an MLP, a SIREN or a sequential CNN",
        type=[*ENDINGS, *NAMED_ENDINGS],
        key=f"upload.file{turn}",
        help="A state dict. Files are read as data alone, checked first, and never stored.",
    )
    if file is not None:
        _read(file.getvalue(), file.name)


def _name(sha256: str) -> str:
    own = state.kept()[sha256]
    return f"{own.title} · {own.network.architecture.name} · {sha256[:8]}"


def _kept_chosen() -> None:
    if st.session_state[_KEPT_KEY]:
        state.select(zoo=UPLOAD, id=st.session_state[_KEPT_KEY])


def _read(data: bytes, filename: str) -> None:
    """Read a file, ask what it leaves open beside a preview, and select its network."""
    from ngcore.upload import build_network

    key = f"upload.{hashlib.sha256(data).hexdigest()[:16]}"
    try:
        file = _opened(key, data, filename)
        upload = build_network(file)
    except AmbiguousNetworkError:
        _ask(key, file)
    except NeuralGraphError as error:
        show_error(error)
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
    st.session_state[_ROUND_KEY] += 1  # a fresh field, so that the same file can be read again with other answers
    st.rerun()


def _ask(key: str, file: "OpenedFile") -> None:
    """A form of what the file leaves open, beside what is made of the answers."""
    with st.container(border=True, key="upload-form"):
        st.markdown("**The file leaves this open.** The suggestions are guesses; change them until it looks right.")
        fields, preview = st.columns([3, 4], gap="medium")
        with fields:
            outcome = ask_until_read(file, key)
        with preview:
            show_preview(outcome)
        if st.button("Use this network", type="primary", key=f"{key}.read", disabled=outcome.upload is None):
            assert outcome.upload is not None
            _take(outcome.upload)
