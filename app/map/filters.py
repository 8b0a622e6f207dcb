"""Which networks stand out on a map: those that the search, the filters and the key of the colours leave."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas
import streamlit as st

from app import state
from app.charts.colouring import Colouring
from app.charts.map_points import limits_of, stand_out
from app.components.mirrored import newly_said
from app.components.search import Filters, find
from app.errors import plain
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.text import clean_text
from ngcore.zoo import Zoo

SEARCH_KEY = "map.search"
LEGEND_KEY = "map.legend"
COLUMNS_KEY = "map.filters"
MAX_SEARCH = 100
TABLE_HEIGHT = 240

Hidden = tuple[list[int], tuple[int, int] | None]
"""Categories that a key hides, by their numbers, and the limits of colours; see `limits_of`."""


def take_search(zoo: Zoo, sent: Any) -> None:
    """Take over what was typed into the search field; a single network that it finds is selected."""
    text = sent.get("text") if isinstance(sent, Mapping) else None
    if not isinstance(text, str):
        return
    st.session_state[SEARCH_KEY] = clean_text(text, length=MAX_SEARCH).strip()
    positions = found(zoo)
    if positions is not None and len(positions) == 1:
        state.select(zoo=zoo.name, id=str(zoo.metadata["id"].iloc[positions[0]]))


def searched() -> str:
    """What is searched for; empty for nothing."""
    return str(st.session_state.get(SEARCH_KEY, ""))


def clear_search() -> None:
    """Search for nothing any more."""
    st.session_state.pop(SEARCH_KEY, None)


def found(zoo: Zoo) -> np.ndarray | None:
    """Positions in the whole zoo of the networks that are searched for; None while nothing is."""
    text = searched()
    return find(zoo.metadata, Filters(text=text), zoo.card.get("class_names", ())) if text else None


def take_legend(sent: Any, colouring: Colouring) -> None:
    """Take over what the key of the colours hides."""
    if isinstance(sent, Mapping):
        st.session_state.setdefault(LEGEND_KEY, {})[colouring.title] = limits_of(sent, colouring)


def legend(colouring: Colouring) -> Hidden:
    """What the key of a colouring hides."""
    hidden, limits = st.session_state.get(LEGEND_KEY, {}).get(colouring.title, ([], None))
    return [code for code in hidden if code < len(colouring.categories)], limits


def filter_widgets(choices: Mapping[str, Colouring]) -> None:
    """A button that opens filters by any column that the map can be coloured by."""
    chosen = chosen_columns(choices)
    label = f"Filters ({len(chosen)})" if chosen else "Filters"
    with st.popover(label, icon=":material/filter_list:", key="map.filter_list", width="content"):
        names = st.multiselect(
            "Filter by",
            list(choices),
            key=COLUMNS_KEY,
            persist_state="session",
            placeholder="Choose columns",
            width=320,
        )
        for name in names:
            _widget(choices[name])


def chosen_columns(choices: Mapping[str, Colouring]) -> list[str]:
    """The columns that are filtered by, of those that a map has."""
    return [name for name in st.session_state.get(COLUMNS_KEY) or () if name in choices]


def value_key(title: str) -> str:
    """The key of the widget of a column."""
    return f"map.filter.{title}"


def chosen_values(title: str) -> Any:
    """Categories or limits that a column is filtered by; empty or None for all."""
    return st.session_state.get(value_key(title))


def ends_of(colouring: Colouring) -> tuple[float, float] | None:
    """The smallest and the largest number of a column, whole where all are; None where these are the same."""
    numbers = _numbers(colouring)
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return None
    return (round(low), round(high)) if bool((numbers % 1 == 0).all()) else (low, high)


def limits_within(limits: Any, ends: tuple[float, float]) -> tuple[float, float]:
    """Limits as far as they lie between two ends, of the same type; the ends themselves for what are no limits."""
    is_pair = isinstance(limits, tuple | list) and len(limits) == 2
    if not is_pair or not all(isinstance(limit, int | float) for limit in limits):
        return ends
    low, high = (type(ends[0])(min(max(limit, ends[0]), ends[1])) for limit in limits)
    return low, high


def _widget(colouring: Colouring) -> None:
    key = value_key(colouring.title)
    if colouring.kind == "category":
        st.session_state[key] = [value for value in st.session_state.get(key) or () if value in colouring.categories]
        st.multiselect(colouring.title, colouring.categories, key=key, persist_state="session", placeholder="All")
        return
    ends = ends_of(colouring)
    if ends is None:
        return
    st.session_state[key] = limits_within(st.session_state.get(key), ends)
    if isinstance(ends[0], int):
        st.slider(colouring.title, *ends, step=1, key=key, persist_state="session")
        return
    st.slider(
        colouring.title,
        *ends,
        step=(ends[1] - ends[0]) / 100,
        format="percent" if colouring.percent else "%.3g",
        key=key,
        persist_state="session",
    )


def _numbers(colouring: Colouring) -> np.ndarray:
    finite = colouring.numbers[np.isfinite(colouring.numbers)]
    return finite if len(finite) else np.zeros(1)


def passing(choices: Mapping[str, Colouring], count: int) -> np.ndarray:
    """Which of the networks on a map pass the filters, (networks,)."""
    passes = np.ones(count, dtype=bool)
    for name in chosen_columns(choices):
        if wanted := chosen_values(name):
            passes &= _passes(choices[name], wanted)
    return passes


def _passes(colouring: Colouring, wanted: Any) -> np.ndarray:
    if colouring.kind == "category":
        kept = set(wanted)
        return np.array([value in kept for value in colouring.values])
    low, high = wanted
    margin = 1e-9 * max(abs(low), abs(high))  # the browser rounds
    return (colouring.numbers >= low - margin) & (colouring.numbers <= high + margin)


def standing_out(zoo: Zoo, seen: ZooPoints, choices: Mapping[str, Colouring], colouring: Colouring) -> np.ndarray:
    """Which networks on a map the search, the filters and the key leave, (networks,)."""
    kept = passing(choices, len(seen)) & stand_out(colouring, *legend(colouring))
    positions = found(zoo)
    return kept if positions is None else kept & np.isin(seen.positions, positions)


def show_found(zoo: Zoo, seen: ZooPoints) -> None:
    """All networks of the zoo that are searched for, also those that are not on the map; a click selects one."""
    positions = found(zoo)
    if positions is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        on_map = int(np.isin(positions, seen.positions).sum())
        st.markdown(
            f"**{len(positions):,} of {len(zoo):,} networks match “{plain(searched())}”**, "
            f"{on_map:,} of them on the map."
        )
        st.button("End the search", icon=":material/close:", key="map.end_search", on_click=clear_search)
    if not len(positions):
        return
    table = zoo.metadata[_telling(zoo.metadata)].iloc[positions].reset_index(drop=True)
    key = f"map.found.{searched()}"

    def pick() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and 0 <= rows[0] < len(table):
            state.select(zoo=zoo.name, id=str(table["id"].iloc[rows[0]]))

    st.dataframe(
        table,
        hide_index=True,
        height=min(TABLE_HEIGHT, 38 + 35 * len(table)),
        key=key,
        on_select=newly_said(key, pick),
        selection_mode="single-row",
    )


def _telling(metadata: pandas.DataFrame) -> list[str]:
    """The columns in which the networks of a zoo differ, ids first."""
    hidden = {"id", "architecture", "row"}
    return ["id", *(name for name in metadata if name not in hidden and metadata[name].nunique() > 1)]
