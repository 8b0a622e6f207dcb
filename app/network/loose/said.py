"""Connections of the tensors of a file: guesses, and what the viewer said about them in this session."""

import streamlit as st

from app.state import KeptWeights
from ngcore.upload.weights import Connection, Corrections, correct, guess_connections

_SAID_KEY = "loose.said"


def corrections(kept: KeptWeights) -> Corrections:
    """What was said about the connections of a file."""
    return st.session_state.setdefault(_SAID_KEY, {}).get(kept.file.sha256, Corrections())


def guesses(kept: KeptWeights) -> tuple[Connection, ...]:
    """The guessed connections of a file, computed once a session."""
    key = f"loose.guesses.{kept.file.sha256}"
    if key not in st.session_state:
        st.session_state[key] = guess_connections(kept.file)
    return st.session_state[key]


def connections(kept: KeptWeights) -> tuple[Connection, ...]:
    """The connections of a file as guessed and corrected."""
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
