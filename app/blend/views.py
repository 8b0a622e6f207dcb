"""Choosing the second network of a blend, and showing both ways to it."""

import random
from collections.abc import Callable, Collection
from functools import partial

import numpy as np
import streamlit as st

from app import cached, state
from app.blend.walk import Blend, blend
from app.charts.image_grid import draw_image_grid
from app.charts.walks import draw_walks
from app.components.appearance import theme
from app.components.mirrored import mirrored
from app.errors import plain
from app.partner import MAX_SEED, PARTNER, Partner, key_of, network_of
from app.state import Selection
from ngcore.networks import Network

ANOTHER, OWN, COPY = "another network", "one of this session", "a shuffled copy of it"
KIND_KEY, SHOWN_KEY, OWN_KEY = "blend.kind", "blend.shown", "blend.own"
SHOWN = 82


def second_network(selection: Selection) -> tuple[Network, str, str]:
    """Let the user choose it: the network, a key for caches, and what to call it."""
    partners, own = _partners(selection), _of_session(selection)
    kinds = [*([ANOTHER] if partners else []), *([OWN] if own else []), COPY]
    partner = PARTNER.get()
    if partner is not None and _kind_of(partner, partners, own) not in kinds:
        partner = None
    is_from_elsewhere = partner is not None and partner != st.session_state.get(SHOWN_KEY)
    kind = st.session_state.get(KIND_KEY)
    if kind not in kinds or is_from_elsewhere:
        kind = (partner and _kind_of(partner, partners, own)) or kinds[0]
    _keep_kind(kind)
    with st.container(horizontal=True, vertical_alignment="bottom", key="blend-second"):
        st.segmented_control(
            "Blend with",
            kinds,
            required=True,
            **mirrored("blend.kinds", kind, _keep_kind),
            help="The shuffled copy computes the same function with its hidden neurons in other places.",
        )
        known = partner if partner is not None and _kind_of(partner, partners, own) == kind else None
        choose: dict[str, Callable[[Partner | None], Partner]] = {
            COPY: _choose_copy,
            OWN: partial(_choose_own, own),
            ANOTHER: partial(_choose_another, partners),
        }
        chosen = choose[kind](known)
    if chosen != partner:
        PARTNER.set(chosen)
    st.session_state[SHOWN_KEY] = chosen
    second = chosen.selection
    label = cached.label_name(second) if second else None
    name = (cached.title(second) if second else "its shuffled copy") + (f", label {label}" if label else "")
    return network_of(chosen, selection), key_of(chosen, selection), name


def _keep_kind(kind: str) -> None:
    """Choose in this way from now on."""
    st.session_state[KIND_KEY] = kind


def _kind_of(partner: Partner, partners: Collection[str], own: Collection[Selection]) -> str | None:
    """The way in which a second network would have been chosen; None where it cannot be blended with the first."""
    if partner.selection is None:
        return COPY
    if partner.selection in own:
        return OWN
    return ANOTHER if partner.selection.id in partners else None


def _choose_copy(known: Partner | None) -> Partner:
    copy = known or Partner()
    following = Partner(None, copy.seed % MAX_SEED + 1)
    st.button("Shuffle again", icon=":material/shuffle:", key="blend.shuffle", on_click=_pick, args=(following,))
    return copy


def _choose_own(own: dict[Selection, str], known: Partner | None) -> Partner:
    chosen = known.selection if known and known.selection else next(iter(own))
    field = mirrored(OWN_KEY, chosen, _choose_of_session)
    st.selectbox("Network of this session", list(own), **field, format_func=own.__getitem__, width=260)
    return Partner(chosen)


def _choose_another(partners: list[str], known: Partner | None) -> Partner:
    st.button(
        "Another example", icon=":material/casino:", key="blend.another", on_click=_choose_at_random, args=(partners,)
    )
    return known or _of_zoo(str(partners[len(partners) // 2]))


def _of_zoo(network_id: str) -> Partner:
    return Partner(Selection(network_id.partition("/")[0], network_id))


def _choose_of_session(chosen: Selection) -> None:
    _pick(Partner(chosen))


def _choose_at_random(partners: list[str]) -> None:
    _pick(_of_zoo(random.choice(partners)))


def _pick(partner: Partner) -> None:
    """Have this second network from now on; for callbacks."""
    PARTNER.set(partner)
    st.session_state[SHOWN_KEY] = partner


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
