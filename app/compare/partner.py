"""The network that the selected one is compared with: of its run, near it on the map, of a zoo, or of this session."""

import random
from collections.abc import Callable

import streamlit as st

from app import cached, map_data, state
from app.components.mirrored import mirrored
from app.components.search import Filters, find, in_words
from app.partner import MAX_SEED, PARTNER, Partner
from app.state import Selection
from ngcore.zoo import Zoo

RUN, NEAR, ZOO, OWN, COPY = "Its training run", "Near it on the map", "A zoo", "This session", "Shuffled copy"
KIND_KEY, SHOWN_KEY = "pair.kind", "pair.shown"
ZOO_KEY, NETWORK_KEY = "pair.zoo", "pair.network"
MAX_OPTIONS = 300


def choose_partner(selection: Selection) -> Partner:
    """Let the user choose what to compare with; something sensible is chosen at first."""
    partner = PARTNER.get()
    if partner is not None and not _is_there(partner, selection):
        partner = None
    kinds = _kinds(selection)
    is_from_elsewhere = partner is not None and partner != st.session_state.get(SHOWN_KEY)
    kind = st.session_state.get(KIND_KEY)
    if kind not in kinds or is_from_elsewhere:
        kind = _kind_of(partner, selection, kinds)
    _keep_kind(kind)
    st.segmented_control("Compare with", list(kinds), required=True, **mirrored("pair.kinds", kind, _keep_kind))
    with st.container(horizontal=True, vertical_alignment="bottom", key="pair-second"):
        chosen = kinds[kind](selection, partner)
    if chosen != partner:
        PARTNER.set(chosen)
    st.session_state[SHOWN_KEY] = chosen
    return chosen


def _keep_kind(kind: str) -> None:
    """Choose in this way from now on."""
    st.session_state[KIND_KEY] = kind


Chooser = Callable[[Selection, Partner | None], Partner]


def _kinds(selection: Selection) -> dict[str, Chooser]:
    """The ways of choosing that there are for a network."""
    found: dict[str, Chooser] = {}
    if len(run_of(selection)) > 1:
        found[RUN] = _choose_of_run
    if cached.zoos():
        found[ZOO] = _choose_of_zoo
    if not selection.is_upload and map_data.models_for(selection.zoo):
        found[NEAR] = _choose_near
    if any(own.selection != selection for own in state.kept().values()):
        found[OWN] = _choose_of_session
    return {**found, COPY: _choose_copy}


def _kind_of(partner: Partner | None, selection: Selection, kinds: dict[str, Chooser]) -> str:
    """The way in which a partner would have been chosen."""
    if partner is None:
        return next(iter(kinds))
    if partner.selection is None:
        return COPY
    if partner.selection.is_upload:
        return OWN
    return RUN if RUN in kinds and partner.selection in run_of(selection) else ZOO


def _is_there(partner: Partner, selection: Selection) -> bool:
    return partner.selection is None or (partner.selection != selection and cached.exists(partner.selection))


def run_of(selection: Selection) -> list[Selection]:
    """The checkpoints of the training run that a network of a zoo is from, in the order of their steps."""
    run = cached.row(selection).get("run")
    if run is None:
        return []
    metadata = cached.zoo(selection.zoo).metadata
    own = metadata[metadata["run"] == run].sort_values("step", kind="stable")
    return [Selection(selection.zoo, str(name)) for name in own["id"]]


def _among(options: list[Selection], partner: Partner | None, default: Selection) -> Selection:
    return partner.selection if partner and partner.selection in options else default


def _list(label: str, options: list[Selection], chosen: Selection, texts: Callable[[Selection], str]) -> Partner:
    """A list of networks to choose from."""
    st.selectbox(label, options, **mirrored(NETWORK_KEY, chosen, _choose), format_func=texts, width=260)
    return Partner(chosen)


def _choose(chosen: Selection | None) -> None:
    if chosen is not None:
        _pick(Partner(chosen))


def _pick(partner: Partner) -> None:
    """Have this partner from now on, and leave the way of choosing as it is; for callbacks."""
    PARTNER.set(partner)
    st.session_state[SHOWN_KEY] = partner


def _choose_of_run(selection: Selection, partner: Partner | None) -> Partner:
    run = run_of(selection)
    others = [one for one in run if one != selection]
    default = others[0] if selection == run[-1] else others[-1]
    return _list("Checkpoint", others, _among(others, partner, default), step_in_words)


def step_in_words(selection: Selection) -> str:
    """A checkpoint of a run, such as "step 1,200 · 45.2 %"."""
    row = cached.row(selection)
    accuracy = f" · {row['accuracy']:.1%}" if "accuracy" in row else ""
    return f"step {row['step']:,}{accuracy}" if "step" in row else selection.short_id


def _choose_near(selection: Selection, partner: Partner | None) -> Partner:
    zoo = cached.zoo(selection.zoo)
    card = next(iter(map_data.models_for(zoo.name).values()))
    seen = map_data.points(zoo, card)
    focus = map_data.focus(zoo, seen, card)
    if focus is None:
        st.info("The model of the map cannot read this network.", icon=":material/info:")
        return Partner()
    rows, distances = map_data.neighbours(seen, focus)
    names = zoo.metadata["id"].iloc[seen.positions[rows]]
    near = {Selection(zoo.name, str(name)): apart for name, apart in zip(names, distances, strict=True)}
    chosen = _among(list(near), partner, next(iter(near)))
    texts = _in_words(zoo, list(near))
    return _list("Neighbour", list(near), chosen, lambda one: f"{texts[one]} · cosine distance {near[one]:.3f}")


def _choose_of_zoo(selection: Selection, partner: Partner | None) -> Partner:
    zoos = cached.zoos()
    own = partner.selection if partner and partner.selection and not partner.selection.is_upload else None
    home = own.zoo if own else selection.zoo if selection.zoo in zoos else next(iter(zoos))
    st.selectbox("Zoo", list(zoos), **mirrored(ZOO_KEY, home, _choose_zoo), width=190)
    zoo = zoos[home]
    text = st.text_input("Search", key="pair.search", placeholder="id or label", width=115)
    found = find(zoo.metadata, Filters(text=text or ""), zoo.card.get("class_names", ()))
    ids = zoo.metadata["id"].iloc[found]
    shown = [Selection(zoo.name, str(one)) for one in ids.iloc[:MAX_OPTIONS] if one != selection.id]
    if own is not None and own.zoo == zoo.name and own not in shown:
        shown.insert(0, own)
    if not shown:
        st.caption("None found.")
        return partner or Partner()
    chosen = _among(shown, partner, _next(zoo, selection, shown))
    found_partner = _list(f"Network ({len(ids):,} found)", shown, chosen, _in_words(zoo, shown).__getitem__)
    st.button(
        "",
        icon=":material/casino:",
        key="pair.random",
        help="A random network",
        on_click=_choose_at_random,
        args=(zoo.name, [str(one) for one in ids if one != selection.id]),
    )
    return found_partner


def _choose_zoo(name: str) -> None:
    zoo = cached.zoo(name)
    _pick(Partner(Selection(zoo.name, str(zoo.metadata["id"].iloc[0]))))


def _next(zoo: Zoo, selection: Selection, shown: list[Selection]) -> Selection:
    """The network after the selected one where it can be compared weight by weight; the first one else."""
    if selection.zoo != zoo.name:
        return shown[0]
    metadata, place = zoo.metadata, zoo.position(selection.id)
    own = metadata["architecture"].iloc[place]
    following = metadata["id"][(metadata["architecture"] == own) & (metadata["id"] != selection.id)]
    after = following[following.index > place]
    chosen = [Selection(zoo.name, str(name)) for name in (*after[:1], *following[:1])]
    return next((one for one in chosen if one in shown), shown[0])


def _choose_of_session(selection: Selection, partner: Partner | None) -> Partner:
    own = {kept.selection: kept for kept in reversed(state.kept().values()) if kept.selection != selection}
    chosen = _among(list(own), partner, next(iter(own)))
    return _list("Network", list(own), chosen, lambda one: f"{own[one].title} · {own[one].sha256[:8]}")


def _choose_copy(selection: Selection, partner: Partner | None) -> Partner:
    copy = partner if partner and partner.selection is None else Partner()
    st.button("Shuffle again", icon=":material/shuffle:", key="pair.shuffle", on_click=_shuffle_again, args=(copy,))
    return copy


def _shuffle_again(copy: Partner) -> None:
    _pick(Partner(None, copy.seed % MAX_SEED + 1))


def _choose_at_random(zoo: str, ids: list[str]) -> None:
    if ids:
        _pick(Partner(Selection(zoo, random.choice(ids))))


def _in_words(zoo: Zoo, networks: list[Selection]) -> dict[Selection, str]:
    """What to call networks of a zoo in a list."""
    return dict(zip(networks, in_words(zoo, [zoo.position(one.id) for one in networks]), strict=True))
