"""Choosing the network that all pages look at: from a zoo by search, filters or chance, or from a file."""

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st

from app import cached, page_table, state
from app.components.damaged_zoos import show_damaged_zoos
from app.components.mirrored import mirrored
from app.components.search import Filters, find, in_words, position_of, step
from app.components.upload_box import upload_box
from app.errors import plain
from app.state import UPLOAD, Selection
from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture
from ngcore.zoo import SPLITS, Zoo

MAX_OPTIONS = 300  # what a browser still lists at once; others are found by search, or by typing their ids
ZOO_KEY, NETWORK_KEY, SEARCH_KEY = "picker.zoo", "picker.network", "picker.search"
SPLIT_KEY, LABELS_KEY, ACCURACY_KEY, GOOD_KEY = "picker.split", "picker.labels", "picker.accuracy", "picker.good"

NO_FILE = Selection(UPLOAD, "")  # the place for a file is open, and none is chosen yet

Accepts = Callable[["Architecture"], bool]


def network_picker(
    accepts: Accepts | None = None, *, needs: str = "another kind of network", takes_weights: bool = False
) -> Selection | None:
    """Let the user choose a network, and return the one that is selected.

    The first network of the first zoo is selected where none is yet.

    Args:
        accepts: Which architectures the page can use; None for all. Zoos of others are not offered.
        needs: What the page can use, in words, for the note when the selected network is of another kind.
        takes_weights: Whether the page also shows files whose structure is not known, `state.selected_weights`.

    Returns:
        None if there is nothing to choose from, or the selected network is missing or of another kind.
    """
    show_damaged_zoos()
    names = [
        name
        for name, zoo in cached.zoos().items()
        if accepts is None or all(accepts(architecture) for architecture in zoo.architectures.values())
    ]
    selection = state.selected() or _select_first(names)
    problem = _problem(selection, accepts, needs)
    source = selection.zoo if selection and selection.zoo in names else UPLOAD
    if problem and selection and not selection.is_upload and names and selection.zoo not in names:
        source = names[0]
    with st.container(horizontal=True, vertical_alignment="bottom", key="network-picker"):
        field = mirrored(ZOO_KEY, source, _choose_source)
        st.selectbox("From", [*names, UPLOAD], **field, format_func=_source_name, width=190)
        if source != UPLOAD:
            _pick_from_zoo(source, None if problem else selection)
    if source == UPLOAD:
        upload_box(takes_weights=takes_weights)
    weights = state.selected_weights()
    if problem and selection != NO_FILE and not (weights and takes_weights):
        st.info(problem, icon=":material/info:")
        if weights:
            st.page_link(page_table.page("network"), label="Look at its weights")
        elif selection is not None and cached.exists(selection):
            st.page_link(page_table.page("network"), label="Look at its graph")
    return None if problem else state.selected()


def _select_first(names: list[str]) -> Selection | None:
    if not names:
        return None
    zoo = cached.zoo(names[0])
    test = find(zoo.metadata, Filters(split="test"))
    return state.select(zoo=zoo.name, id=zoo.metadata["id"].iloc[int(test[0]) if len(test) else 0])


def _problem(selection: Selection | None, accepts: Accepts | None, needs: str) -> str | None:
    """Why the page cannot use the selection, as Markdown; None if it can."""
    if selection is None:
        return "Upload a network: there is no zoo here yet (`ngcore zoo build` makes one)."
    if selection == NO_FILE:
        return "Upload a file, or choose a zoo."
    if weights := state.selected_weights():
        return f"This page needs a network. Of {plain(weights.title)} only the weights are known, not how they connect."
    if not cached.exists(selection):
        if selection.is_upload:
            return "This network belongs to another session. Upload its file again."
        return f"There is no network {plain(selection.key)} here. Choose another one."
    try:
        architecture = cached.network(selection).architecture
    except NeuralGraphError as error:
        return plain(error)
    if accepts is not None and not accepts(architecture):
        return f"The selected network ({plain(architecture.name)}) does not fit here: this page needs {needs}."
    return None


def _source_name(name: str) -> str:
    return "Your own file" if name == UPLOAD else name


def _pick_from_zoo(name: str, selection: Selection | None) -> None:
    """Search, list, filters and buttons of a zoo."""
    zoo = cached.zoo(name)
    st.text_input("Search", key=SEARCH_KEY, placeholder="id or label", width=115, persist_state="session")
    found = found_networks(zoo)
    position = zoo.position(selection.id) if selection else None
    options = list(dict.fromkeys([*([position] if position is not None else []), *found[:MAX_OPTIONS].tolist()]))
    options.sort()
    splits = zoo.metadata["split"].iloc[options]
    texts = (f"{text} · {split}" for text, split in zip(in_words(zoo, options), splits, strict=True))
    describe = dict(zip(options, texts, strict=True))
    st.selectbox(
        f"Network ({len(found):,} found)",
        options,
        **mirrored(NETWORK_KEY, position, partial(_choose_network, name), of=name),
        format_func=lambda option: describe.get(option, str(option)),
        width=235,
        placeholder="Choose a network",
        accept_new_options=True,
        help=f"Of many, {MAX_OPTIONS} are listed; type any other id in full." if len(found) > MAX_OPTIONS else None,
    )
    with st.container(horizontal=True, gap="xsmall", width="content"):
        for icon, by, which in (("chevron_left", -1, "previous"), ("chevron_right", 1, "next")):
            st.button(
                "",
                icon=f":material/{icon}:",
                key=f"picker.{which}",
                help=f"The {which} network",
                on_click=_step,
                args=(name, found, position, by),
                disabled=not len(found),
            )
        st.button(
            "",
            icon=":material/casino:",
            key="picker.random",
            help="A random network",
            disabled=not len(found),
            on_click=_choose_at_random,
            args=(name, found),
        )
        with st.popover("", icon=":material/filter_list:", help="Filters", key="picker.filters"):
            _filter_widgets(zoo)


def found_networks(zoo: Zoo) -> np.ndarray:
    """Positions of the networks of a zoo that search and filters find."""
    chosen = st.session_state
    metadata = zoo.metadata
    low_high = chosen.get(ACCURACY_KEY) if _has_accuracy(zoo) else None
    filters = Filters(
        text=chosen.get(SEARCH_KEY) or "",
        split=chosen.get(SPLIT_KEY),
        labels=tuple(chosen.get(LABELS_KEY) or ()) if _has_labels(zoo) else (),
        accuracy=(low_high[0] / 100, low_high[1] / 100) if low_high and low_high != (0, 100) else None,
        only_good=bool(chosen.get(GOOD_KEY)),
    )
    return find(metadata, filters, zoo.card.get("class_names", ()))


def _has_labels(zoo: Zoo) -> bool:
    return bool(zoo.card.get("class_names"))


def _has_accuracy(zoo: Zoo) -> bool:
    return bool(zoo.metadata["accuracy"].notna().any())


def _filter_widgets(zoo: Zoo) -> None:
    names = zoo.card.get("class_names", ())
    st.segmented_control("Split", SPLITS, key=SPLIT_KEY, persist_state="session")
    if _has_labels(zoo):
        st.pills(
            "Label",
            range(len(names)),
            format_func=lambda label: names[label],
            selection_mode="multi",
            key=LABELS_KEY,
            persist_state="session",
        )
    if _has_accuracy(zoo):
        st.slider("Test accuracy", 0, 100, (0, 100), format="%d %%", key=ACCURACY_KEY, persist_state="session")
    if zoo.metadata["flagged"].any():
        st.toggle("Well fitted only", key=GOOD_KEY, persist_state="session")


def _choose_source(name: str) -> None:
    if name == UPLOAD:
        kept = list(state.kept().values())
        state.select(zoo=UPLOAD, id=kept[-1].sha256 if kept else "")
    else:
        _select_first([name])


def _choose_network(name: str, chosen: int | str | None) -> None:
    """Select what was chosen from the list, or the network whose id was typed."""
    if not isinstance(chosen, str):
        _select_position(name, chosen)
        return
    zoo = cached.zoo(name)
    position = position_of(zoo.metadata, chosen, zoo.card.get("class_names", ()))
    if position is None:
        st.toast(f"There is no network {plain(chosen)} in {plain(name)}.", icon=":material/search_off:")
    _select_position(name, position)


def _step(name: str, found: np.ndarray, position: int | None, by: int) -> None:
    _select_position(name, step(found, position, by))


def _choose_at_random(name: str, found: np.ndarray) -> None:
    _select_position(name, int(random.choice(found)))


def _select_position(name: str, position: int | None) -> None:
    if position is not None:
        state.select(zoo=name, id=cached.zoo(name).metadata["id"].iloc[position])
