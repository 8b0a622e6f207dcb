"""The controls of a chain of edits: add, steer, move and remove steps, undo, redo and reset."""

from functools import partial

import streamlit as st

from app import answers
from app.answers import Card
from app.components.mirrored import mirrored
from app.errors import plain
from app.studio import session
from app.studio.chain import MAX_STEPS, MAX_STRENGTH, Chain, Step, added, changed, moved, removed
from app.studio.states import FITTING, FORMULA, ImpossibleEditError, State, maker_of
from ngcore.inr import find_image_edit

ADD_KEY = "edit.add"
BY_FORMULA = "by a formula, exactly"
BY_FITTING = "by editing the picture and fitting the network to it"
IN_WORDS = {FORMULA: BY_FORMULA, FITTING: BY_FITTING}


def edit_controls(possible: dict[str, list[str]], cards: dict[str, Card]) -> Chain:
    """Let the user build the chain, and return it.

    Args:
        possible: The edits that can be done, with who can do each.
        cards: Of the models among these, by name.
    """
    chain = session.begin(possible)
    _show_history(chain)
    for number, step in enumerate(chain, start=1):
        with st.container(border=True, key=f"edit-step-{number}", gap="xsmall"):
            _show_step(chain, number, step, possible, cards)
    if not chain:
        st.info("Nothing is edited yet: add an edit.", icon=":material/add_circle:")
    _show_choice(chain, possible)
    return chain


def show_problems(found: list[State]) -> None:
    """Say which steps were left out, and why."""
    for state in found:
        if state.problem:
            st.warning(f"{plain(state.name)}: {plain(state.problem)}", icon=":material/warning:")


def _show_choice(chain: Chain, possible: dict[str, list[str]]) -> None:
    """The list of edits; the one that is chosen is added at once."""
    if len(chain) >= MAX_STEPS:
        st.caption(f"A chain has at most {MAX_STEPS} edits.")
        return
    st.selectbox(
        "Add an edit",
        list(possible),
        index=None,
        key=ADD_KEY,
        on_change=_add,
        placeholder="Add an edit …",
        format_func=_in_words,
        label_visibility="collapsed",
        icon=":material/add:",
    )


def _in_words(edit: str) -> str:
    known = find_image_edit(edit)
    return f"{known.title}: {known.full}"


def _add() -> None:
    edit = st.session_state[ADD_KEY]
    st.session_state[ADD_KEY] = None
    if edit:
        session.change(lambda chain: added(chain, edit))


def _show_history(chain: Chain) -> None:
    past = session.history()
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="edit-history"):
        st.markdown("**Edits**", width="stretch")
        st.button(
            "Undo",
            icon=":material/undo:",
            key="edit.undo",
            disabled=not past.past,
            on_click=session.undo,
            help="Take back the last change of the edits.",
            type="tertiary",
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            key="edit.redo",
            disabled=not past.future,
            on_click=session.redo,
            type="tertiary",
        )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key="edit.reset",
            disabled=not chain,
            type="tertiary",
            on_click=session.reset,
            help="Remove all edits. Undo brings them back.",
        )


def _show_step(chain: Chain, number: int, step: Step, possible: dict[str, list[str]], cards: dict[str, Card]) -> None:
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(f"**{number}. {plain(step.title)}**", width="stretch")
        for icon, by, words, is_end in (
            ("arrow_upward", -1, "Earlier", number == 1),
            ("arrow_downward", 1, "Later", number == len(chain)),
        ):
            st.button(
                f"{words}: {step.title}",
                icon=f":material/{icon}:",
                key=f"edit.move.{step.id}.{by}",
                help=words,
                disabled=is_end,
                on_click=session.change,
                args=(partial(moved, step_id=step.id, by=by),),
                type="tertiary",
            )
        st.button(
            f"Remove: {step.title}",
            icon=":material/close:",
            key=f"edit.remove.{step.id}",
            help="Remove",
            type="tertiary",
            on_click=session.change,
            args=(partial(removed, step_id=step.id),),
        )
    try:
        maker = maker_of(step, possible)
    except ImpossibleEditError:
        st.caption(":material/warning: left out")
        return
    _show_strength(step)
    _show_maker(step, maker, possible[step.edit], cards)


def _show_strength(step: Step) -> None:
    def take(strength: float | None) -> None:
        if strength is not None:
            session.change(partial(changed, step_id=step.id, strength=float(strength)))

    st.number_input(
        f"Strength of {step.title}",
        0.0,
        MAX_STRENGTH,
        step=0.05,
        format="%.2f",
        **mirrored(f"edit.strength.{step.id}", min(step.strength, MAX_STRENGTH), take),
        width=150,
        label_visibility="collapsed",
        help=f"Strength: 0 changes nothing, 1 is the full edit ({find_image_edit(step.edit).full}).",
    )


def _show_maker(step: Step, maker: str, makers: list[str], cards: dict[str, Card]) -> None:
    if len(makers) > 1:

        def take(model: str) -> None:
            session.change(partial(changed, step_id=step.id, model=model))

        st.selectbox(
            "Done by",
            makers,
            **mirrored(f"edit.model.{step.id}", maker, take),
            label_visibility="collapsed",
            format_func=lambda name: IN_WORDS.get(name, name),
        )
    full = f"1 = {find_image_edit(step.edit).full}"
    if maker in IN_WORDS:
        st.caption(full if len(makers) > 1 else f"{full}; {IN_WORDS[maker]}")
    else:
        card = cards[maker]
        measured, corpus = answers.describe_score(card), card["corpus"]["name"]
        st.caption(f"{full}; by {plain(maker)}: {plain(measured)} on test networks of {plain(corpus)}")
