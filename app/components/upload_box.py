"""Bringing a network along: choose a file, answer what it leaves open, see what was made of it."""

import hashlib
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import state
from app.errors import plain, show_error
from app.state import UPLOAD
from ngcore.errors import AmbiguousNetworkError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.upload import Question, Upload

ENDINGS = ("safetensors", "npz", "pt", "pth")
PUBLIC_ENDINGS = ("safetensors", "npz")
MAX_DIGITS = 10  # of a number that is typed; Python refuses to read numbers of thousands
_KEPT_KEY, _ROUND_KEY = "upload.kept", "upload.round"


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
    endings = PUBLIC_ENDINGS if state.is_public() else ENDINGS
    file = st.file_uploader(
        "Weights of an MLP, a SIREN or a sequential CNN",
        type=list(endings),
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
    """Read a file, ask what it leaves open, and select its network."""
    from ngcore.upload import Hints, read_network

    key = f"upload.{hashlib.sha256(data).hexdigest()[:16]}"
    try:
        hints = Hints(**st.session_state.get(f"{key}.answers", {}))
        with st.spinner("Reading the file …"):
            upload = read_network(data, filename=filename, hints=hints, public=state.is_public())
    except AmbiguousNetworkError as error:
        _ask(key, error.questions)
    except NeuralGraphError as error:
        show_error(error)
    else:
        st.session_state.pop(f"{key}.answers", None)
        _take(upload)


def _take(upload: "Upload") -> None:
    state.keep_upload(upload)
    state.select(zoo=UPLOAD, id=upload.sha256)
    st.session_state[_ROUND_KEY] += 1  # a fresh field, so that the same file can be read again with other answers
    st.rerun()


def _ask(key: str, questions: "tuple[Question, ...]") -> None:
    """A form of what the file leaves open."""
    with st.container(border=True):
        st.markdown(
            "**The file does not say everything.** Please add what you know. Upload it again to answer differently."
        )
        answers: dict[str, Any] = {}
        for question in questions:
            if question.only_if in (None, answers.get("activation")):
                answers[question.field] = _answer(key, question)
        if st.button("Read the network", type="primary", key=f"{key}.read"):
            st.session_state[f"{key}.answers"] = {**st.session_state.get(f"{key}.answers", {}), **answers}
            st.rerun()


def _answer(key: str, question: "Question") -> Any:
    """One field; numbers and tuples of whole numbers are checked by `Hints`."""
    name, label = f"{key}.{question.field}", plain(question.text)
    if question.choices:
        choices = list(question.choices)
        index = choices.index(str(question.suggestion)) if question.suggestion in choices else 0
        choice = st.selectbox(label, choices, index, key=name)
        return tuple(choice.split(",")) if question.field in ("part", "order") else choice
    if isinstance(question.suggestion, tuple):
        text = st.text_input(label, ", ".join(map(str, question.suggestion)), key=name)
        parts = [part.strip() for part in text.split(",")]
        return tuple(int(part) for part in parts if part.isdecimal() and len(part) < MAX_DIGITS) or None
    if isinstance(question.suggestion, int):
        return st.number_input(label, value=question.suggestion, key=name)
    return st.number_input(label, value=float(question.suggestion or 0.0), key=name)
