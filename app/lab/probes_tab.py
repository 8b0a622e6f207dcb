"""The tab of probes: what running a network on a few inputs adds, over all tasks, by the cards of all models."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas
import streamlit as st

from app import cached
from app.answers import EDIT, QUESTIONS
from app.charts.checks import draw_probes, figure_height
from app.components.appearance import theme
from ngcore.report.probes import gain_in_words, probe_rows
from ngcore.report.results import describe_figure

ABOUT = (
    "A model with *probes* also runs the network on a few inputs that it has learned, and sees the outputs. Each such "
    "model stands beside the best of its family that sees weights alone. All figures are of test networks, from the "
    "models' cards; this network has no part in them."
)


def probes_tab() -> None:
    """What is compared, what came out, a figure for one task and a table of all."""
    st.markdown(ABOUT)
    rows = probe_rows(cached.checkpoints())
    tasks = [task for task in QUESTIONS if any(row["task"] == task for row in rows)]
    if not tasks:
        st.info("No trained model is here yet: `ngcore train` makes one.", icon=":material/info:")
        return
    st.markdown(sentence(rows))
    task = st.segmented_control(
        "Question", tasks, default=tasks[0], format_func=QUESTIONS.__getitem__, required=True, key="lab.probes.task"
    )
    own = [row for row in rows if row["task"] == task]
    lines = {(row["zoo"], row["edit"], row["family"]) for row in own}
    st.plotly_chart(
        draw_probes(own, theme=theme()),
        height=figure_height(2 * len(lines)),
        key=f"lab.probes.{task}",
        config={"displayModeBar": False},
        alt="Test figure of each model by its number of probes; the table below has the numbers",
    )
    if task == EDIT:
        st.caption("Less is better.")
    table = pandas.DataFrame(
        [
            {
                "question": row["edit"] or QUESTIONS[row["task"]],
                "networks": row["zoo"],
                "family": row["family"],
                "probes": row["probes"],
                "model": row["name"],
                "on test networks": describe_figure(row),
                "against weights alone": gain_in_words(row),
            }
            for row in own
        ]
    )
    st.dataframe(table, hide_index=True, key="lab.probes.table")
    st.download_button(
        "Table (.csv)",
        lambda: table.to_csv(index=False),
        "probes.csv",
        "text/csv",
        key="lab.probes.csv",
        icon=":material/download:",
        on_click="ignore",
    )


def sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """How often probes help, in Markdown."""
    compared = [row for row in rows if row["gain"] is not None]
    if not compared:
        return "No family of models here has a member with probes and one without."
    better = sum(row["gain"] > 0 for row in compared)
    return f"Probes help in {better} of {len(compared)} comparisons within a family."
