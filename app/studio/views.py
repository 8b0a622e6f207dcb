"""Two states of a chain of edits as pictures, beside the target and their distance from it."""

import numpy as np
import streamlit as st

from app.charts.signed_image import draw_signed_image
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.components.render_panel import enlarged
from app.components.siren_view import LiveStrength, siren_view
from app.errors import plain
from app.state import Selection
from app.studio import session
from app.studio.chain import MAX_STRENGTH, changed
from app.studio.session import AFTER_KEY, BEFORE_KEY, END
from app.studio.states import (
    FITTING,
    FORMULA,
    State,
    aimed_at,
    at_strengths,
    distances,
    original_image,
    render,
    size_for,
)

SHOWN = 146
CHANGE_LIMIT = 0.5
STRAIGHT = (0.0, 1.0)  # strengths that tell all others of an edit that moves weights along a line
KEYFRAMES = tuple(quarter / 4 for quarter in range(9))
Pair = tuple[State, State]


def choose_pair(found: list[State]) -> Pair:
    """Let the user choose which two states are compared: the start and the end, unless others are chosen."""
    places = [*range(len(found) - 1), END]
    names = {place: found[place].name for place in places}
    if len(found) > 1:
        names[END] = f"End: {names[END]}"
    with st.container(horizontal=True, vertical_alignment="bottom", key="edit-compare"):
        chosen = []
        for key, label, default in ((BEFORE_KEY, "Before", places[0]), (AFTER_KEY, "After", END)):
            chosen_before = st.session_state.get(key)
            st.session_state[key] = chosen_before if chosen_before in places else default  # a name may be new
            chosen.append(
                st.selectbox(label, places, key=key, format_func=names.__getitem__, width=185, persist_state="session")
            )
    return found[chosen[0]], found[chosen[1]]


def show_pictures(selection: Selection, found: list[State], pair: Pair) -> None:
    """Target and differences side by side, and the distance from the target."""
    original = original_image(selection)
    size = size_for(original, pair[0].network.architecture)
    start, first, last = (render(state.network, size)[0] for state in (found[0], *pair))
    is_original = original is not None and original.shape == start.shape
    aim = original if original is not None and is_original else start.clip(0, 1)
    target = aimed_at(aim[None], pair[1].steps)[0]
    pictures = {
        "Target": (target.clip(0, 1), "The same edits of the pixels"),
        "After − before": (_signed(last - first), "What the edit changed"),
        "After − target": (_signed(last - target), "What is missing to the target"),
    }
    with st.container(horizontal=True, gap="small", key="edit-pictures"):
        for title, (pixels, alt) in pictures.items():
            st.image(enlarged(pixels, SHOWN * 2), caption=title, alt=alt, width=SHOWN)
    st.html(key_line(scale_key("difference", CHANGE_LIMIT, theme())))
    _show_errors(start, last, target)
    source = "the image that the network was fitted to" if is_original else "the picture that the network shows"
    edits = ", then ".join(plain(step.title.lower()) for step in pair[1].steps) or "no edit"
    st.caption(f"Target: {source}, its pixels edited ({edits}), at {size[0]} × {size[1]} pixels.")


def _show_errors(start: np.ndarray, last: np.ndarray, target: np.ndarray) -> None:
    untouched, reached = (float(distances(image[None], target[None])[0]) for image in (start, last))
    with st.container(horizontal=True, gap="small"):
        st.metric("MSE to the target, unedited", f"{untouched:.4f}", border=True, width=200)
        st.metric(
            "MSE to the target, edited",
            f"{reached:.4f}",
            border=True,
            width=200,
            delta_color="inverse",
            delta=f"{(reached - untouched) / untouched:+.0%}" if untouched and reached != untouched else None,
        )
        bright, brighter = (float(image.clip(0, 1).mean()) for image in (start, last))
        st.metric(
            "Mean brightness",
            f"{brighter:.3f}",
            f"{brighter - bright:+.3f}",
            border=True,
            width=160,
            delta_color="off",
        )


def _signed(values: np.ndarray) -> np.ndarray:
    return draw_signed_image(values, CHANGE_LIMIT, theme=theme())


def show_view(selection: Selection, found: list[State], pair: Pair) -> None:
    """Both states as one picture to swipe and zoom, with the strength of the last step beside it."""
    before, after = pair
    original = original_image(selection)
    pixels = size_for(original, before.network.architecture)[0]
    live = _live_strength(selection.zoo, found, after)
    siren_view(
        before.network,
        after.network,
        key="edit.view",
        pixels=pixels,
        limit=CHANGE_LIMIT,
        live=live,
        layout="swipe",
    )


def _live_strength(zoo: str, found: list[State], after: State) -> LiveStrength | None:
    """The strength of the last step before a state, for the picture; None where there is no step."""
    place = next((i for i, state in enumerate(found) if state is after), 0)
    if not place or after.problem is not None:
        return None
    step, last = after.steps[-1], found[place - 1]
    known = {0.0: last.network, step.strength: after.network}
    if after.makers[-1] != FITTING:
        is_straight = after.makers[-1] != FORMULA
        known = at_strengths(zoo, last, step, STRAIGHT if is_straight else KEYFRAMES)

    def take(strength: float) -> None:
        session.change(lambda chain: changed(chain, step.id, strength=strength))

    return LiveStrength(f"Strength of {step.title}", step.strength, known, take, most=MAX_STRENGTH)
