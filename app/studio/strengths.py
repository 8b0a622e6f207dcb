"""What a strength of a trained edit is worth, in words from the model's card, and a better way where there is one."""

import streamlit as st

from app import cached
from app.errors import plain
from app.studio import session
from app.studio.chain import MAX_STEPS, Chain, repeated
from app.studio.states import FITTING, FORMULA, State
from ngcore.tasks import EditStrengths

TWICE = 2


def show_strength(after: State) -> None:
    """Say what is measured of the strength of the last step; offer to apply the edit twice where that does more.

    Nothing is said of edits that are exact or fitted, which hold at any strength.
    """
    if not after.steps or after.problem is not None:
        return
    maker, step = after.makers[-1], after.steps[-1]
    if maker in (FORMULA, FITTING):
        return
    card = next((card for card in cached.checkpoints() if card["name"] == maker), None)
    known = EditStrengths.of_card(card) if card is not None else None
    if known is None:
        st.caption(f"What strengths other than 1 are worth was not measured for {plain(maker)}.")
        return
    text = in_words(known, step.strength)
    if known.remains(step.strength) > 1:
        st.warning(text, icon=":material/warning:")
    else:
        st.caption(text)
    twice = known.remains_repeated(TWICE)
    if step.strength > 1 and twice is not None and twice < known.remains(step.strength):
        st.button(
            "Apply it twice instead",
            icon=":material/repeat:",
            key="edit.twice",
            on_click=_apply_twice,
            args=(step.id,),
            disabled=len(session.history().now) >= MAX_STEPS,
            help=f"The full edit, and once more: {twice:.0%} of the error of doing nothing remains.",
        )


def in_words(known: EditStrengths, strength: float) -> str:
    """What was measured of a strength, as Markdown."""
    where = (
        f"on {known.n:,} networks of the {plain(known.split)} split"
        if known.split == "validation"
        else (f"on {known.n:,} test networks")
    )
    limit = known.useful_up_to
    ends = limit < max(known.once)
    beyond = f" Beyond {limit:.2g} this editor does worse than no edit." if ends else ""
    if strength == 0:
        return f"Strength 0 changes nothing.{beyond}"
    remains = known.remains(strength)
    verdict = (
        f"{remains:.0%} of the error of doing nothing remains"
        if remains < 1
        else f"the error is {remains:.2g} times that of doing nothing"
    )
    twice = known.remains_repeated(TWICE)
    more = ""
    if strength > 1 and twice is not None and twice < remains:
        more = f" Applied twice in full, {twice:.0%} remains of that edit's."
    return f"At strength {strength:g}, {verdict} ({where}).{beyond}{more}"


def _apply_twice(step_id: int) -> None:
    def twice(chain: Chain) -> Chain:
        return repeated(chain, step_id)

    session.change(twice)
