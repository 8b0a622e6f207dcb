"""The controls of an edit: which model, how strongly, once more, back."""

import streamlit as st

from app.answers import Card, describe_score
from app.edit_steps import FULL_STRENGTH, MAX_STEPS, Step, describe, set_steps, steps, with_last
from app.errors import plain
from app.state import Selection

MAX_STRENGTH = 2.0


def edit_controls(selection: Selection, cards: dict[str, Card]) -> list[Step]:
    """Let the user steer the edit, and return its steps."""
    taken = [step for step in steps(selection, next(iter(cards))) if step.model in cards]
    taken = taken or [Step(next(iter(cards)))]
    number = len(taken)
    key = f"{selection.key}.{number}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="edit-controls"):
        if len(cards) > 1:
            model = st.selectbox(
                "Model", list(cards), index=list(cards).index(taken[-1].model), key=f"edit.model.{key}", width=230
            )
            taken = with_last(taken, model=model)
        strength = st.slider(
            f"Strength of step {number}" if number > 1 else "Strength", 0.0, MAX_STRENGTH, taken[-1].strength, 0.05,
            key=f"edit.strength.{key}", width=300,
            help="Factor on the change of weights that the model answers with: 0 changes nothing, 1 is what it was "
            "trained for.",
        )  # fmt: skip
        taken = with_last(taken, strength=strength)
        set_steps(selection, taken)
        st.button(
            "Apply again", icon=":material/repeat:", key="edit.again", disabled=number >= MAX_STEPS,
            on_click=set_steps, args=(selection, [*taken, Step(taken[-1].model)]),
            help="Edit the edited network once more.",
        )  # fmt: skip
        st.button(
            "Undo", icon=":material/undo:", key="edit.undo", disabled=number < 2,
            on_click=set_steps, args=(selection, taken[:-1]),
        )  # fmt: skip
        st.button(
            "Reset", icon=":material/restart_alt:", key="edit.reset", on_click=_reset, args=(selection, taken, cards)
        )
    card = cards[taken[-1].model]
    trail = " → ".join(["original", *(plain(line) for line in describe(taken))])
    st.caption(f"{trail}  \n{plain(card['name'])} on test networks: {plain(describe_score(card))}.")
    return taken


def set_last_strength(selection: Selection, taken: list[Step], strength: float) -> None:
    """Give the last step another strength, and its slider as well."""
    set_steps(selection, with_last(taken, strength=strength))
    st.session_state[f"edit.strength.{selection.key}.{len(taken)}"] = strength


def _reset(selection: Selection, taken: list[Step], cards: dict[str, Card]) -> None:
    """One step at full strength, as at first; the slider of that step begins anew as well."""
    set_steps(selection, [Step(next(iter(cards)))])
    for number in range(1, len(taken) + 1):
        st.session_state.pop(f"edit.strength.{selection.key}.{number}", None)
        st.session_state.pop(f"edit.model.{selection.key}.{number}", None)
    st.session_state[f"edit.strength.{selection.key}.1"] = FULL_STRENGTH
