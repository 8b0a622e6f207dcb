"""What a prediction of accuracy is worth: models and baselines in a table, and how many labelled images do as well."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.charts.accuracy_worth import draw_worth
from app.components.appearance import theme
from app.errors import fragment, plain
from ngcore.report.accuracy_baselines import curve_of, figure_of
from ngcore.report.accuracy_table import Comparison, Entry, write_images
from ngcore.report.study_files import study_command

FIGURES = {"kendall_tau": "Kendall's τ", "mean_absolute_error": "Mean absolute error", "r_squared": "R²"}
CHECKPOINTS = {True: "Final checkpoints", False: "All checkpoints"}
MODELS_SHOWN = 3
BASELINES_SHOWN = ("hyper-parameters, boosted", "weight statistics, boosted", "its accuracy 1 checkpoint before")
"""What is drawn at first: the best models, and these."""


@fragment
def worth_section(comparisons: Sequence[Comparison]) -> None:
    """Let the user choose a zoo, the checkpoints and a figure, and show what predictions are worth."""
    by_zoo = {str(one.study["zoo"]): one for one in comparisons}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        zoo = next(iter(by_zoo))
        if len(by_zoo) > 1:
            zoo = st.segmented_control(
                "Networks of", list(by_zoo), default=zoo, required=True, key="worth_zoo", bind="query-params"
            )
        final = st.segmented_control(
            "Checkpoints",
            list(CHECKPOINTS),
            default=True,
            format_func=CHECKPOINTS.__getitem__,
            required=True,
            key="worth_final",
            bind="query-params",
        )
        figure = st.segmented_control(
            "Figure",
            list(FIGURES),
            default="kendall_tau",
            format_func=FIGURES.__getitem__,
            required=True,
            key="worth_figure",
            bind="query-params",
        )
    comparison = by_zoo[zoo]
    st.caption(_describe(comparison, final=final))
    _show_figure(comparison, figure, final=final)
    _show_table(comparison, final=final)
    st.code(study_command(comparison.study), language="sh")


def _describe(comparison: Comparison, *, final: bool) -> str:
    measured = comparison.study["rows"][0]["test"]
    own = measured["final"] if final else measured
    ceiling = comparison.ceiling(final=final)
    most = "" if ceiling is None else f" Ties among their accuracies leave τ at most {ceiling:.3f}."
    return f"{own['n']:,} checkpoints of {own['num_runs']:,} test runs of {plain(comparison.study['zoo'])}.{most}"


def _show_figure(comparison: Comparison, figure: str, *, final: bool) -> None:
    entries = {
        entry.name: entry
        for entry in comparison.entries
        if entry.kind != "labelled images" and figure_of(entry.figures, figure, final=final) is not None
    }
    models = [entry.name for entry in entries.values() if entry.kind == "model"]
    shown = st.multiselect(
        "Compared with measuring",
        list(entries),
        default=[*models[:MODELS_SHOWN], *(name for name in BASELINES_SHOWN if name in entries)],
        key=f"worth.shown.{comparison.study['zoo']}.{figure}.{final}",
    )
    lines = [
        (
            name,
            figure_of(entries[name].figures, figure, final=final),
            comparison.worth(entries[name], figure, final=final),
            entries[name].kind == "model",
        )
        for name in shown
    ]
    option = draw_worth(
        curve_of(comparison.study["rows"], figure, final=final),
        lines,
        figure_title=FIGURES[figure],
        is_error=figure == "mean_absolute_error",
        ceiling=comparison.ceiling(final=final) if figure == "kendall_tau" else None,
        theme=theme(),
    )
    st.echarts_chart(
        option,
        height=420,
        key="worth.figure.chart",
        alt=f"{FIGURES[figure]} of accuracies measured on k labelled images against k, and models and baselines as "
        "level lines across it; the table below has the numbers",
    )


def _show_table(comparison: Comparison, *, final: bool) -> None:
    rows = [_row(comparison, entry, final=final) for entry in comparison.entries]
    st.dataframe(
        sorted(
            (row for row in rows if row["τ"] is not None or row["MAE"] is not None), key=lambda row: -(row["τ"] or -1)
        ),
        hide_index=True,
        key="worth.table",
        column_config={
            "τ": st.column_config.NumberColumn(format="%.3f", help="Kendall's τ-b with the measured accuracy."),
            "R²": st.column_config.NumberColumn(format="%.3f"),
            "MAE": st.column_config.NumberColumn(format="%.4f", help="Mean absolute error."),
            "τ above 2 × chance": st.column_config.NumberColumn(
                format="%.3f", help="Among networks more than twice as accurate as guessing."
            ),
            "worth (τ)": st.column_config.TextColumn(help="Labelled images that rank networks as well."),
            "worth (MAE)": st.column_config.TextColumn(help="Labelled images that err as little."),
        },
    )


def _row(comparison: Comparison, entry: Entry, *, final: bool) -> dict[str, Any]:
    def worth(figure: str) -> str:
        is_images = entry.kind == "labelled images"
        return "" if is_images else write_images(comparison.worth(entry, figure, final=final))

    return {
        "model or baseline": entry.name,
        "reads": entry.reads,
        "τ": figure_of(entry.figures, "kendall_tau", final=final),
        "worth (τ)": worth("kendall_tau"),
        "MAE": figure_of(entry.figures, "mean_absolute_error", final=final),
        "worth (MAE)": worth("mean_absolute_error"),
        "R²": figure_of(entry.figures, "r_squared", final=final),
        "τ above 2 × chance": figure_of(entry.figures, "kendall_tau_above_chance", final=final),
        "kind": entry.kind,
    }
