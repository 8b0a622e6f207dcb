"""The checks of the selected network, once the viewer asks for them, and their results as tables."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas
import streamlit as st

from app import answers, cached
from app.answers import Card
from app.state import Selection
from ngcore.networks import Network
from ngcore.tasks.checks import Row
from ngcore.tasks.checks_extremes import ExtremeRow, check_extremes
from ngcore.tasks.checks_symmetry import SymmetryRow, check_symmetry

RESULTS_KEY = "lab.results"
MAX_RESULTS = 16
OWN_NAME = "the network itself"

Progress = Callable[[float, str], object]


@dataclasses.dataclass(frozen=True)
class Checked:
    """What both checks of one network found.

    Attributes:
        symmetry: Rows of copies that compute the same.
        extremes: Rows of wider and deeper copies.
    """

    symmetry: list[SymmetryRow]
    extremes: list[ExtremeRow]


def readers(selection: Selection) -> dict[str, Card]:
    """Cards of the models that read the selected network by their names, editors last."""
    tasks = (answers.CLASSIFY, answers.PREDICT, answers.EDIT)
    return {card["name"]: card for task in tasks for card in answers.cards_for(task, selection)}


def known(selection: Selection, names: Sequence[str], copies: int) -> Checked | None:
    """What was found before in this session; None where nothing was."""
    return st.session_state.get(RESULTS_KEY, {}).get(_key(selection, names, copies))


def run(selection: Selection, cards: Mapping[str, Card], copies: int, progress: Progress) -> Checked:
    """Run both checks, and keep what was found for this session."""
    network, label = cached.network(selection), cached.row(selection).get("label")
    results = st.session_state.setdefault(RESULTS_KEY, {})
    found = _run(network, cards, copies, None if label is None else int(label), progress)
    results[_key(selection, list(cards), copies)] = found
    while len(results) > MAX_RESULTS:
        del results[next(iter(results))]
    return found


def _run(network: Network, cards: Mapping[str, Card], copies: int, label: int | None, progress: Progress) -> Checked:
    models, steps, done = [], 3 * len(cards) + 2, 0

    def step(name: str) -> None:
        nonlocal done
        progress(min(done / steps, 1.0), name)
        done += 1

    for name, card in cards.items():
        step(f"Loading {name}")
        models.append(answers.checkpoint(name, card["weights_sha256"]))
    symmetry = check_symmetry(network, models, copies=copies, progress=lambda name: step(f"Symmetry: {name}"))
    extremes = check_extremes(network, models, label=label, progress=lambda name: step(f"Extremes: {name}"))
    return Checked(symmetry, extremes)


def _key(selection: Selection, names: Sequence[str], copies: int) -> tuple[str, tuple[str, ...], int, str]:
    return cached.content_key(selection), tuple(names), copies, str(cached.device())


def verdict(row: Row) -> str:
    """What came out, in a word or two."""
    if row.is_same is None:
        return "no answer"
    if row.is_broken:
        return "broken"
    return "the same" if row.is_same else "differs"


def reason(row: Row) -> str:
    """Why, in a sentence."""
    if row.error:
        return row.error
    return f"{row.claim.reason} But the answers differ." if row.is_broken else row.claim.reason


def as_power(value: float) -> str:
    """A small number in words: 2e-6."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+00", "")


def table_row(row: Row) -> dict[str, Any]:
    """The columns that both tables share."""
    spread = row.spread
    return {
        "answers of": row.model or OWN_NAME,
        "verdict": verdict(row),
        "largest change": None if spread is None else spread.error,
        "as a share": None if spread is None else spread.relative,
        "other class": None if spread is None or spread.changed is None else f"{spread.changed} of {spread.copies}",
        "why": reason(row),
    }


COLUMNS = {
    "largest change": st.column_config.NumberColumn(
        format="%.1e", help="Of a probability, of a predicted accuracy, or of the brightness of an edited picture."
    ),
    "other class": st.column_config.TextColumn(help="Copies for which the model sees another class."),
    "why": st.column_config.TextColumn(width="large"),
}


def shown_columns(table: pandas.DataFrame) -> list[str]:
    """Columns of a table that the page shows, without those that are empty; files have all."""
    names = ("verdict", "largest change", "other class", "why")
    return [name for name in names if table[name].notna().any()]
