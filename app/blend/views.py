"""Choosing the second network of a blend, and showing both ways to it."""

import random

import numpy as np
import streamlit as st

from app import cached, state
from app.blend.walk import Blend, blend, shuffled_copy
from app.charts.image_grid import draw_image_grid
from app.charts.walks import draw_walks
from app.components.appearance import theme
from app.errors import plain
from app.state import Selection
from ngcore.networks import Network

ANOTHER, OWN, COPY = "another network", "one of this session", "a shuffled copy of it"
KIND_KEY, SECOND_KEY, SEED_KEY = "blend.kind", "blend.second", "blend.seed"
SHOWN = 82


def second_network(selection: Selection) -> tuple[Network, str, str]:
    """Let the user choose it: the network, a key for caches, and what to call it."""
    partners, own = _partners(selection), _of_session(selection)
    kinds = [*([ANOTHER] if partners else []), *([OWN] if own else []), COPY]
    with st.container(horizontal=True, vertical_alignment="bottom", key="blend-second"):
        if st.session_state.get(KIND_KEY) not in kinds:
            st.session_state[KIND_KEY] = kinds[0]
        kind = st.segmented_control(
            "Blend with",
            kinds,
            required=True,
            key=KIND_KEY,
            persist_state="session",
            help="The shuffled copy computes the same function with its hidden neurons in other places.",
        )
        if kind == COPY:
            return _shuffled_copy(selection)
        if kind == OWN:
            second = st.selectbox(
                "Network of this session", list(own), key="blend.own", format_func=own.__getitem__, width=260
            )
        else:
            second = _another(partners)
    label = cached.label_name(second)
    name = cached.title(second) + (f", label {label}" if label else "")
    return cached.network(second), cached.content_key(second), name


def _shuffled_copy(selection: Selection) -> tuple[Network, str, str]:
    seed = st.session_state.setdefault(SEED_KEY, 1)
    st.button("Shuffle again", icon=":material/shuffle:", key="blend.shuffle", on_click=_next_seed)
    network = shuffled_copy(cached.network(selection), seed)
    return network, f"{cached.content_key(selection)}#{seed}", "its shuffled copy"


def _another(partners: list[str]) -> Selection:
    chosen = st.session_state.get(SECOND_KEY)
    if chosen not in partners:
        chosen = st.session_state[SECOND_KEY] = str(partners[len(partners) // 2])
    st.button(
        "Another example", icon=":material/casino:", key="blend.another", on_click=_choose_at_random, args=(partners,)
    )
    return Selection(chosen.partition("/")[0], chosen)


def _partners(selection: Selection) -> list[str]:
    """Ids of the other networks of the zoo that have the same architecture; of the first such zoo for one's own."""
    architecture = cached.network(selection).architecture
    for name in cached.zoos() if selection.is_upload else [selection.zoo]:
        zoo = cached.zoo(name)
        same = [key for key, other in zoo.architectures.items() if other == architecture]
        chosen = zoo.metadata["architecture"].isin(same) & (zoo.metadata["id"] != selection.id)
        if chosen.any():
            return zoo.metadata["id"][chosen].tolist()
    return []


def _of_session(selection: Selection) -> dict[Selection, str]:
    """The other networks of this session that have the same architecture, the newest first, and what to call them."""
    architecture = cached.network(selection).architecture
    return {
        own.selection: f"{own.title} · {own.sha256[:8]}"
        for own in reversed(state.kept().values())
        if own.selection != selection and own.network.architecture == architecture
    }


def _next_seed() -> None:
    st.session_state[SEED_KEY] += 1


def _choose_at_random(partners: list[str]) -> None:
    st.session_state[SECOND_KEY] = random.choice(partners)


def show_blend(first: Network, second: Network, key: str, name: str) -> None:
    """Both ways as pictures, their distances from a blend of pixels, and the distances in weight space."""
    walked = blend(key, first, second, cached.device())
    st.markdown(f"From the selected network to **{plain(name)}**")
    _row("Pixels: the two pictures blended", walked.pixels, walked)
    _row("Weights, not aligned", walked.plain.pictures, walked)
    _row("Weights, neurons aligned", walked.aligned.pictures, walked)
    left, right = st.columns([0.6, 0.4], gap="large")
    with left:
        st.echarts_chart(
            draw_walks(
                walked.shares,
                {"not aligned": walked.plain.errors, "aligned": walked.aligned.errors},
                theme=theme(),
            ),
            height=280,
            key="blend.errors",
            alt="Distance from the blended pixels along both ways; the figures beside it have the middle",
        )
    with right:
        middle = len(walked.shares) // 2
        for title, walk in (("not aligned", walked.plain), ("aligned", walked.aligned)):
            st.metric(f"Mid-point error, {title}", f"{walk.errors[middle]:.4f}", border=True)
        st.caption(
            f"Distance between the two networks in weight space: {walked.plain.distance:.2f}, after aligning "
            f"{walked.aligned.distance:.2f}."
        )


def _row(title: str, pictures: np.ndarray, walked: Blend) -> None:
    st.markdown(title)
    texts = [f"{share:.0%}" for share in walked.shares]
    grid = draw_image_grid(pictures, texts, columns=len(pictures), size=SHOWN, theme=theme())
    st.image(grid, width="content", alt=f"{title}: {len(pictures)} pictures from the first to the second")
