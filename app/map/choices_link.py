"""What is filtered, hidden by the key and searched for on the map, in the address; every value is checked."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

import streamlit as st

from app.address import Parameter
from app.charts.colouring import Colouring
from app.map import filters
from ngcore.text import clean_text

MAX_COLUMNS = 20
MAX_VALUES = 100
MAX_TITLE = 100
MAX_CODE = 255

Codes = tuple[int, ...]
Limits = tuple[float, float]
Columns = dict[str, Codes | Limits]
"""By the title of a column whole numbers, which mean categories, or a pair of fractions, which are limits."""

_ENTRY = re.compile(r"([^:!]{1,300}):(?:c(\d{1,3}(?:,\d{1,3})*)|r([-+.\de]{1,24}),([-+.\de]{1,24}))", re.ASCII)


def columns_text(columns: Columns) -> str:
    """Columns with their categories or limits as a text for an address.

    Example:
        >>> columns_text({"label": (3, 7), "test accuracy": (0.5, 0.9)})
        'label:c3,7!test%20accuracy:r0.5,0.9'
    """
    return "!".join(f"{quote(title, safe='')}:{_values_text(values)}" for title, values in columns.items())


def _values_text(values: Codes | Limits) -> str:
    if all(isinstance(value, int) for value in values):
        return "c" + ",".join(map(str, values))
    return "r" + ",".join(f"{value:.6g}" for value in values)


def parse_columns(text: str) -> Columns | None:
    """The columns that a text of an address means; None if it means none."""
    entries = text.split("!")
    if len(entries) > MAX_COLUMNS:
        return None
    columns: Columns = {}
    for entry in entries:
        found = _ENTRY.fullmatch(entry)
        if found is None:
            return None
        title, codes, low, high = found.groups()
        values = _codes(codes) if codes else _limits(low, high)
        if values is None:
            return None
        columns[clean_text(unquote(title), length=MAX_TITLE)] = values
    return columns


def _codes(text: str) -> Codes | None:
    codes = tuple(sorted(set(map(int, text.split(",")))))
    return codes if len(codes) <= MAX_VALUES and codes[-1] <= MAX_CODE else None


def _limits(low: str, high: str) -> Limits | None:
    try:
        limits = float(low), float(high)
    except ValueError:
        return None
    return limits if all(map(math.isfinite, limits)) and limits[0] <= limits[1] else None


def parse_search(text: str) -> str | None:
    """What a text of an address searches for; None for nothing."""
    return clean_text(text, length=filters.MAX_SEARCH).strip() or None


FILTERS: Parameter[Columns] = Parameter("map_filter", parse_columns, columns_text)
KEY: Parameter[Columns] = Parameter("map_key", parse_columns, columns_text)
SEARCH: Parameter[str] = Parameter("map_find", parse_search, str)


def take_from_address(choices: Mapping[str, Colouring]) -> None:
    """Filter, hide and search for what the address newly says, as far as this map has such columns and categories.

    Called once a run, before the widgets of the filters.
    """
    if wanted := FILTERS.news():
        chosen = {title: values_of(choices[title], own) for title, own in wanted.items() if title in choices}
        chosen = {title: values for title, values in chosen.items() if values}
        st.session_state[filters.COLUMNS_KEY] = list(chosen)
        for title, values in chosen.items():
            st.session_state[filters.value_key(title)] = values
    if hidden := KEY.news():
        own = {title: _legend_of(choices[title], values) for title, values in hidden.items() if title in choices}
        st.session_state.setdefault(filters.LEGEND_KEY, {}).update(own)
    if sought := SEARCH.news():
        st.session_state[filters.SEARCH_KEY] = sought


def show_in_address(choices: Mapping[str, Colouring]) -> None:
    """Let the address say what is filtered, hidden and searched for. Called once a run, after the filters' widgets."""
    chosen = {title: filters.chosen_values(title) for title in filters.chosen_columns(choices)}
    FILTERS.set({title: codes_of(choices[title], values) for title, values in chosen.items() if values} or None)
    KEY.set(_hidden(choices) or None)
    SEARCH.set(filters.searched() or None)


def values_of(colouring: Colouring, own: Codes | Limits) -> list[str] | Limits | None:
    """Categories of a column, or limits within its numbers, by what an address says; None where that is neither."""
    is_codes = all(isinstance(value, int) for value in own)
    if colouring.kind == "category":
        named = (
            [colouring.categories[int(code)] for code in own if code < len(colouring.categories)] if is_codes else []
        )
        return named or None
    ends = filters.ends_of(colouring)
    return None if is_codes or ends is None else filters.limits_within(own, ends)


def codes_of(colouring: Colouring, values: Sequence[Any]) -> Codes | Limits:
    """Inverse of `values_of`."""
    if colouring.kind == "category":
        return tuple(sorted(colouring.categories.index(value) for value in values if value in colouring.categories))
    return float(values[0]), float(values[1])


def _legend_of(colouring: Colouring, own: Codes | Limits) -> filters.Hidden:
    """What the key hides: categories by their codes, or what lies beyond two codes of the colours."""
    if colouring.kind == "category":
        return [int(code) for code in own if code < len(colouring.categories)], None
    low, high = (max(0, min(MAX_CODE, round(value))) for value in (own[0], own[-1]))
    return [], (low, high)


def _hidden(choices: Mapping[str, Colouring]) -> Columns:
    """What the keys of these columns hide; limits are a pair of fractions, whatever the codes."""
    found: Columns = {}
    for title, (hidden, limits) in st.session_state.get(filters.LEGEND_KEY, {}).items():
        if title in choices and (hidden or limits):
            found[title] = (float(limits[0]), float(limits[1])) if limits else tuple(hidden)
    return found
