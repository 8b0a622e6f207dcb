"""All models that answer one question: a table of their figures, and the figures against what they cost."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.answers import CLASSIFY, EDIT, PREDICT
from app.charts.leaderboard import draw_figures
from app.components.appearance import theme
from app.errors import plain
from ngcore.report.headlines import QUESTIONS as KNOWN_ELSEWHERE
from ngcore.report.headlines import headline_table
from ngcore.report.results import SPREADS, Row
from ngcore.tasks.problems import PROBLEMS

FIGURE_TITLES = {CLASSIFY: "accuracy", EDIT: "squared error", PREDICT: "Kendall's τ"}
COSTS = {
    "training_seconds": "seconds of training",
    "parameters": "trained parameters",
    "networks_per_second": "networks/s in training",
}
SPREAD = "over seeds"
FINAL = "τ, final"
FORMATS = {CLASSIFY: "percent", EDIT: "%.4f", PREDICT: "%.3f"}


def show_headlines(rows: Sequence[Row]) -> None:
    """Show the best models beside the best published figures, where there is a model that answers such a question."""
    heads, lines = headline_table(rows)
    if not lines:
        return
    st.table([dict(zip(heads, map(plain, cells), strict=True)) for cells in lines], border="horizontal")
    st.caption("Published figures are on networks trained elsewhere, by similar recipes.")


def leaderboard_table(rows: Sequence[Row]) -> None:
    """Show the rows of one task, of one zoo at a time."""
    task = rows[0]["task"]
    zoos = list(dict.fromkeys(row["zoo"] for row in rows))
    if len(zoos) > 1:
        zoo = st.segmented_control(
            "Networks of",
            zoos,
            default=_first(zoos),
            required=True,
            key=f"leaderboard_zoo_{task}",
            bind="query-params",
            persist_state="session",
        )
        rows = [row for row in rows if row["zoo"] == zoo]
    title = FIGURE_TITLES[task]
    has_seeds = any(row["std"] is not None for row in rows)
    st.dataframe(
        [_shown(row, title, has_seeds=has_seeds) for row in rows],
        hide_index=True,
        key=f"leaderboard.table.{task}",
        column_config={
            title: st.column_config.NumberColumn(format=FORMATS[task], help="On test networks."),
            SPREAD: st.column_config.TextColumn(help="Mean and standard deviation over trainings with several seeds."),
            FINAL: st.column_config.NumberColumn(format="%.3f", help="Of the last checkpoint of each run alone."),
            "unedited": st.column_config.NumberColumn(format="%.4f", help="Squared error without any edit."),
            "n": st.column_config.NumberColumn(format="localized", help="Number of test networks."),
            "trained parameters": st.column_config.NumberColumn(format="localized"),
            "trained on": st.column_config.NumberColumn(format="localized", help="Networks in the training split."),
            "minutes": st.column_config.NumberColumn(format="%.1f", help="Of training."),
            "networks/s": st.column_config.NumberColumn(format="localized", help="In training."),
        },
    )
    cost = st.segmented_control(
        "Against",
        list(COSTS),
        default="training_seconds",
        format_func=COSTS.__getitem__,
        required=True,
        key="leaderboard.cost",
        persist_state="session",
    )
    figure = draw_figures(
        [row["name"] for row in rows],
        [row["reads"] for row in rows],
        [row[cost] for row in rows],
        [row["test"][PROBLEMS[task].monitor] for row in rows],
        cost_title=COSTS[cost],
        figure_title=title,
        theme=theme(),
    )
    st.echarts_chart(
        figure,
        height=340,
        key="leaderboard.figures",
        alt=f"The {title} of each model on test networks against its {COSTS[cost]}; the table has the numbers",
    )


def _first(zoos: Sequence[str]) -> str:
    """The zoo that questions are most often asked about elsewhere, if it is among them."""
    return next((question.zoo for question in KNOWN_ELSEWHERE if question.zoo in zoos), zoos[0])


def _shown(row: Row, title: str, *, has_seeds: bool) -> dict[str, Any]:
    test = row["test"]
    spread = "" if row["std"] is None else SPREADS[row["task"]](row["mean"], row["std"])
    unedited = {"unedited": test["mse_unedited"]} if "mse_unedited" in test else {}
    return {
        **({"edit": row["edit"]} if row["edit"] else {}),
        "model": row["name"],
        "preset": row["preset"],
        "reads": row["reads"],
        title: test[PROBLEMS[row["task"]].monitor],
        **({SPREAD: spread} if has_seeds else {}),
        **({FINAL: test["final"]["kendall_tau"]} if "final" in test else {}),
        **unedited,
        "n": test["n"],
        "seeds": row["seeds"],
        "trained parameters": row["parameters"],
        "trained on": row["training_networks"],
        "minutes": row["training_seconds"] / 60,
        "networks/s": round(row["networks_per_second"]),
    }
