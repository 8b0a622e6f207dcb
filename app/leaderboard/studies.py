"""Studies one at a time: the question, what was found as figures and as a table, and the command that does it again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from app.charts import studies as charts
from app.components.appearance import theme
from app.errors import fragment, plain
from ngcore.report.study_files import EDITING, OF_ZOOS, study_command, study_file, study_table

Study = Mapping[str, Any]

NAMES = {
    "probes-and-data": "Probes and data",
    "normalisation": "Normalisation",
    "number-of-probes": "Number of probes",
    "parts": "Parts",
    EDITING: "Editing",
    "accuracy-parts": "Parts",
    "accuracy-probes": "Probes",
    "accuracy-data": "Data",
    "accuracy-leave-out": "Unlike training",
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
_OF_TAU = "Kendall's τ of final test checkpoints"
FIGURES |= {
    "accuracy-parts": {f"{_OF_TAU} after each change, as bars": partial(charts.draw_settings, measure=charts.TAU)},
    "accuracy-leave-out": {
        f"{_OF_TAU} of each kind of network, learned from or not, as bars": partial(
            charts.draw_settings, measure=charts.TAU
        )
    },
    "accuracy-data": {
        f"{_OF_TAU} against the number of training networks, one line per number of probes": partial(
            charts.draw_probes_and_data, measure=charts.TAU
        )
    },
    "accuracy-probes": {
        f"{_OF_TAU} against the number of probes, one line per model and kind of probes": partial(
            charts.draw_number_of_probes, measure=charts.TAU
        ),
        f"{_OF_TAU} against milliseconds per network in training, one line per model and kind of probes": partial(
            charts.draw_worth_of_probes, measure=charts.TAU
        ),
    },
}
"""What the figures of each study show, in words for who does not see them, and how to draw them."""


@fragment
def study_section(studies: Sequence[Study]) -> None:
    """Let the user choose one of the studies, and show it."""
    by_name = {study_file(study).removesuffix(".json"): study for study in studies}
    name = st.segmented_control(
        "Study",
        list(by_name),
        default=next(iter(by_name)),
        format_func=lambda name: _title(by_name[name]),
        required=True,
        key="study",
        bind="query-params",
        label_visibility="collapsed",
    )
    study = by_name[name]
    st.markdown(f"### {plain(study['question'])}")
    st.caption(_describe(study))
    _show_figures(study)
    with st.expander("As a table", on_change="rerun", key=f"study.table.{name}") as opened:
        if opened.open:
            heads, rows = study_table(study)
            st.table([dict(zip(heads, map(plain, cells), strict=True)) for cells in rows], border="horizontal")
    st.code(study_command(study), language="sh")


def _title(study: Study) -> str:
    """Its name; with the zoo and the model, where there may be several of that name."""
    about = [str(study[key]) for key in ("zoo", "preset") if key in study and study["name"].startswith(OF_ZOOS)]
    return ", ".join([NAMES[study["name"]], *about])


def _describe(study: Study) -> str:
    rows = study["rows"]
    if study["name"] == EDITING:
        counts = [row["n"] for row in rows]
        fewer = f" (refitting on {min(counts):,})" if min(counts) < max(counts) else ""
        return f"On {max(counts):,} test networks of {plain(study['zoo'])}{fewer}; less is better."
    counts = sorted({row["test"]["n"] for row in rows})
    networks = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return f"{len(rows)} short trainings on {plain(study['zoo'])}, each on {networks} test networks."


def _show_figures(study: Study) -> None:
    figures = FIGURES[study["name"]]
    for number, (place, (alt, draw)) in enumerate(zip(st.columns(len(figures)), figures.items(), strict=True)):
        option = draw(study["rows"], theme=theme())
        place.echarts_chart(
            option,
            height=charts.figure_height(option),
            key=f"study.{study_file(study)}.{number}",
            alt=f"{alt}; the table below has the numbers",
        )
