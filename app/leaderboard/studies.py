"""Studies one at a time: the question, what was found as figures and as a table, and the command that does it again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.charts import studies as charts
from app.components.appearance import theme
from app.errors import fragment, plain
from ngcore.report.study_files import EDITING, study_command, study_table

Study = Mapping[str, Any]

NAMES = {
    "probes-and-data": "Probes and data",
    "normalisation": "Normalisation",
    "number-of-probes": "Number of probes",
    "parts": "Parts",
    EDITING: "Editing",
}
FIGURES: dict[str, dict[str, Callable[..., dict[str, Any]]]] = {
    "probes-and-data": {
        "Test accuracy against the number of training networks, one line per number of probes": (
            charts.draw_probes_and_data
        )
    },
    "number-of-probes": {
        "Test accuracy against the number of probes, one line per model and kind of probes": (
            charts.draw_number_of_probes
        ),
        "Test accuracy against milliseconds per network in training, one line per model and kind of probes": (
            charts.draw_worth_of_probes
        ),
    },
    "normalisation": {"Test accuracy of each way to normalise, as bars": charts.draw_settings},
    "parts": {"Test accuracy after each change, as bars": charts.draw_settings},
    EDITING: {"Squared error of each method, as bars below their edits": charts.draw_editing},
}
"""What the figures of each study show, in words for who does not see them, and how to draw them."""


@fragment
def study_section(studies: Sequence[Study]) -> None:
    """Let the user choose one of the studies, and show it."""
    by_name = {study["name"]: study for study in studies}
    name = st.segmented_control(
        "Study",
        list(by_name),
        default=next(iter(by_name)),
        format_func=NAMES.__getitem__,
        required=True,
        key="study",
        bind="query-params",
        label_visibility="collapsed",
    )
    study = by_name[name]
    st.markdown(f"#### {plain(study['question'])}")
    st.caption(_describe(study))
    _show_figures(study)
    with st.expander("As a table", on_change="rerun", key=f"study.table.{name}") as opened:
        if opened.open:
            heads, rows = study_table(study)
            st.table([dict(zip(heads, map(plain, cells), strict=True)) for cells in rows], border="horizontal")
    st.code(study_command(study), language="sh")


def _describe(study: Study) -> str:
    rows = study["rows"]
    if study["name"] == EDITING:
        counts = [row["n"] for row in rows]
        fewer = f" (refitting on {min(counts):,})" if min(counts) < max(counts) else ""
        return f"On {max(counts):,} test networks of {plain(study['zoo'])}{fewer}; less is better."
    return f"{len(rows)} short trainings on {plain(study['zoo'])}, each on {rows[0]['test']['n']:,} test networks."


def _show_figures(study: Study) -> None:
    figures = FIGURES[study["name"]]
    for number, (place, (alt, draw)) in enumerate(zip(st.columns(len(figures)), figures.items(), strict=True)):
        option = draw(study["rows"], theme=theme())
        place.echarts_chart(
            option,
            height=charts.figure_height(option),
            key=f"study.{study['name']}.{number}",
            alt=f"{alt}; the table below has the numbers",
        )
