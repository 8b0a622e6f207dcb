"""Connections of the tensors of a file: guesses, and what the viewer said about them in this session."""

import streamlit as st

from app.state import KeptWeights
from ngcore.errors import NeuralGraphError
from ngcore.upload.schemes import Recognition, connections_of, recognise_file
from ngcore.upload.weights import Connection, Corrections, correct

_SAID_KEY = "loose.said"


def corrections(kept: KeptWeights) -> Corrections:
    """What was said about the connections of a file."""
    return st.session_state.setdefault(_SAID_KEY, {}).get(kept.file.sha256, Corrections())


def recognised(kept: KeptWeights) -> Recognition:
    """What network a file holds, by the names of its tensors; looked for once a session."""
    key = f"loose.recognised.{kept.file.sha256}"
    if key not in st.session_state:
        try:
            st.session_state[key] = recognise_file(kept.file)
        except NeuralGraphError as error:
            st.session_state[key] = Recognition(None, (str(error),))
    return st.session_state[key]


def guesses(kept: KeptWeights) -> tuple[Connection, ...]:
    """The connections of a file as in its library, or guessed; computed once a session."""
    key = f"loose.guesses.{kept.file.sha256}"
    if key not in st.session_state:
        st.session_state[key] = connections_of(kept.file, recognised(kept))
    return st.session_state[key]


def connections(kept: KeptWeights) -> tuple[Connection, ...]:
    """The connections of a file as known or guessed, and corrected."""
    return correct(kept.file, guesses(kept), corrections(kept))


def say_sources(kept: KeptWeights, target: str, sources: list[str]) -> None:
    """Say after which tensors one stands; what is a guess and stays remains one."""
    said = corrections(kept)
    before = {connection.source for connection in connections(kept) if connection.target == target}
    for source in before - set(sources):
        said = said.remove(source, target)
    for source in set(sources) - before:
        said = said.add(source, target)
    st.session_state[_SAID_KEY][kept.file.sha256] = said


def forget_corrections(kept: KeptWeights) -> None:
    """Go back to the guesses."""
    st.session_state.setdefault(_SAID_KEY, {}).pop(kept.file.sha256, None)
