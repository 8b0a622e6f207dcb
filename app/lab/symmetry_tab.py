"""The tab of symmetry: copies of the network that compute the same, and what models answer about them."""

from collections.abc import Sequence

import pandas
import streamlit as st

from app import cached
from app.charts.checks import draw_symmetry, figure_height
from app.components.appearance import theme
from app.errors import plain
from app.lab.checking import COLUMNS, Checked, as_power, shown_columns, table_row
from app.state import Selection
from ngcore.tasks.checks_symmetry import WORDS, SymmetryRow, symmetries_of

ABOUT = (
    "Many networks compute the same function: hidden neurons can change places, sines and tanhs can change signs, "
    "ReLUs can be scaled, sines can be turned. Random copies are made in each of these ways, and every model is asked "
    "about all of them. A model that reads the function should answer alike."
)


def symmetry_tab(selection: Selection, found: Checked | None) -> None:
    """What is checked, what came out, a figure and a table."""
    st.markdown(ABOUT)
    names = symmetries_of(cached.network(selection).architecture)
    if not names:
        st.info("This network has no hidden neurons that could be moved.", icon=":material/info:")
        return
    st.caption("This network's symmetries: " + "; ".join(f"*{name}*, {WORDS[name]}" for name in names) + ".")
    if found is None:
        return
    for sentence in sentences(found.symmetry):
        st.markdown(sentence)
    shown = len({row.model for row in found.symmetry})
    st.plotly_chart(
        draw_symmetry(found.symmetry, theme=theme()),
        height=figure_height(shown),
        key="lab.symmetry",
        config={"displayModeBar": False},
        alt="Largest change of every model's answer over the copies; the table below has the numbers",
    )
    rows = pandas.DataFrame([{"copies": row.symmetry, **table_row(row)} for row in found.symmetry])
    order = ("copies", "answers of", *shown_columns(rows))
    st.dataframe(rows, hide_index=True, column_config=COLUMNS, column_order=order, key="lab.symmetry.table")
    st.download_button(
        "Table (.csv)",
        lambda: rows.to_csv(index=False),
        f"{selection.file_name}-symmetry.csv",
        "text/csv",
        key="lab.symmetry.csv",
        icon=":material/download:",
        on_click="ignore",
    )


def sentences(rows: Sequence[SymmetryRow]) -> list[str]:
    """What came out, in Markdown."""
    own = [row for row in rows if not row.model and row.spread]
    drift = max((row.spread.relative for row in own if row.spread), default=0.0)
    said = [f"The copies compute the same: outputs differ by at most {as_power(drift)} of the largest."]
    if any(row.is_broken for row in own):
        said = ["**The copies do not compute the same**, by more than rounding explains; what follows means little."]
    asked = [row for row in rows if row.model]
    exact = [row for row in asked if row.claim.is_exact and row.is_same is not None]
    broken = [row for row in exact if row.is_broken]
    if broken:
        names = ", ".join(f"{plain(row.model)} ({row.symmetry})" for row in broken)
        said.append(f":material/warning: **Broken**: answers differ that must be the same: {names}.")
    elif exact:
        said.append(f"Every answer that must be the same is, up to rounding ({len(exact)} of {len(exact)}).")
    for symmetry in dict.fromkeys(row.symmetry for row in asked):
        loose = [row for row in asked if row.symmetry == symmetry and row.is_same is False and not row.claim.is_exact]
        if loose:
            said.append(f"*{symmetry.capitalize()}* are seen by {_list([plain(row.model) for row in loose])}.")
    return said


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
