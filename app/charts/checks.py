"""Figures of the three checks: spread of answers over copies, probes on and off, answers as networks grow."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.charts.colours import CATEGORIES
from app.charts.plotly_layout import with_layout
from app.charts.theme import LIGHT, Theme
from ngcore.tasks.checks import ANSWER_TOLERANCE, STABLE
from ngcore.tasks.checks_extremes import ExtremeRow
from ngcore.tasks.checks_symmetry import SYMMETRIES, SymmetryRow

OWN_NAME = "the network itself"
SYMBOLS = ("circle", "diamond", "square", "triangle-up")
LEAST = 1e-10  # where no difference at all is drawn
ROW_HEIGHT, FRAME = 26, 130  # pixels
LINES_HEIGHT, LEGEND_HEIGHT = 380, 19


def draw_symmetry(rows: Sequence[SymmetryRow], *, theme: Theme = LIGHT) -> go.Figure:
    """The largest change of every model's answer over the copies of each symmetry, on a logarithmic axis.

    Args:
        rows: Of one network; those without answers are left out.
        theme: Colours.
    """
    answered = [row for row in rows if row.spread is not None]
    names = list(dict.fromkeys(row.model or OWN_NAME for row in answered))
    present = [name for name in SYMMETRIES if any(row.symmetry == name for row in answered)]
    figure = go.Figure()
    for number, symmetry in enumerate(present):
        own = [row for row in answered if row.symmetry == symmetry]
        offset = 0.16 * (number - (len(present) - 1) / 2)
        figure.add_scatter(
            x=[max(LEAST, row.spread.relative) for row in own if row.spread],
            y=[names.index(row.model or OWN_NAME) + offset for row in own],
            name=symmetry,
            mode="markers",
            marker={
                "symbol": SYMBOLS[SYMMETRIES.index(symmetry)],
                "size": 9,
                "color": CATEGORIES[SYMMETRIES.index(symmetry)],
                "line": {"width": 1, "color": theme.background},
            },
            customdata=[[row.model or OWN_NAME, _in_words(row)] for row in own],
            hovertemplate=f"%{{customdata[0]}}<br>{symmetry}: %{{x:.1e}}<br>%{{customdata[1]}}<extra></extra>",
        )
    figure.add_vline(ANSWER_TOLERANCE, line={"color": theme.muted, "dash": "dash", "width": 1})
    figure.update_xaxes(
        type="log",
        title="largest change of an answer, as a share<br>left of the dashed line: rounding",
        **_lines(theme),
    )
    figure.update_xaxes(range=[-10.3, 0.8], exponentformat="power", dtick=2)
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, autorange="reversed", **_lines(theme))
    return _with_legend(figure, theme)


def _in_words(row: SymmetryRow) -> str:
    return "built to be the same" if row.claim.is_exact else "not built to be the same"


def draw_probes(rows: Sequence[Mapping[str, Any]], *, theme: Theme = LIGHT) -> go.Figure:
    """The test figure of every model by its number of probes; models of one family and question stand on one line.

    Args:
        rows: Of `probe_rows`, of one task.
        theme: Colours.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        lines.setdefault(_question(row), []).append(row)
    names, is_share = list(lines), bool(rows) and rows[0]["task"] == "classify"
    figure = go.Figure()
    for number, own in enumerate(lines.values()):
        xs = [_shown(row, is_share=is_share) for row in own]
        line = {"color": theme.muted, "width": 2}
        figure.add_scatter(x=xs, y=[number] * len(xs), mode="lines", line=line, showlegend=False, hoverinfo="skip")
    for place, count in enumerate(sorted({row["probes"] for row in rows})):
        own = [row for row in rows if row["probes"] == count]
        figure.add_scatter(
            x=[_shown(row, is_share=is_share) for row in own],
            y=[names.index(_question(row)) for row in own],
            name=f"{count} probes" if count else "weights alone",
            mode="markers",
            marker={
                "size": 11,
                "symbol": SYMBOLS[place % len(SYMBOLS)],
                "color": CATEGORIES[place % len(CATEGORIES)],
                "line": {"width": 1, "color": theme.background},
            },
            customdata=[[row["name"], row["probes"]] for row in own],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]} probes<br>%{x:.4g}<extra></extra>",
        )
    titles = {"classify": "test accuracy, %", "predict": "Kendall's τ on test networks", "edit": "squared error (MSE)"}
    figure.update_xaxes(title=titles[rows[0]["task"]] if rows else "", **_lines(theme))
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, **_lines(theme))
    figure.update_yaxes(range=[len(names) - 0.5, -0.5])
    return _with_legend(figure, theme)


def _question(row: Mapping[str, Any]) -> str:
    """What the models of one line answer, and their family."""
    about = row["edit"] or str(row["zoo"]).removesuffix("-inrs").removesuffix("-cnns")
    return f"{about}: {row['family']}"


def _shown(row: Mapping[str, Any], *, is_share: bool) -> float:
    return 100 * float(row["figure"]) if is_share else float(row["figure"])


def draw_extremes(
    rows: Sequence[ExtremeRow], *, y_title: str, x_title: str, truth: float | None = None, theme: Theme = LIGHT
) -> go.Figure:
    """What every model answers about copies of growing size, in percent; width-stable copies have thick lines.

    Args:
        rows: Of one way in which copies were made; those without an answer are left out.
        y_title: What the answers are.
        x_title: What the sizes are.
        truth: The true value, a dashed line; None: not known.
        theme: Colours.
    """
    points = {
        name: [(row.size, 100 * row.value) for row in rows if row.model == name and row.value is not None]
        for name in dict.fromkeys(row.model for row in rows if row.model)
    }
    figure = _draw_growth({name: own for name, own in points.items() if own}, theme)
    if truth is not None:
        figure.add_hline(100 * truth, line={"color": theme.text, "dash": "dash", "width": 1})
        figure.add_annotation(
            x=1, xref="paper", y=100 * truth, text="true", showarrow=False, yanchor="bottom", font={"color": theme.text}
        )
    figure.update_yaxes(title=y_title, ticksuffix=" %")
    figure.update_xaxes(title=x_title)
    return figure


def draw_growth(rows: Sequence[Mapping[str, Any]], *, x_title: str, theme: Theme = LIGHT) -> go.Figure:
    """The figure of every model over networks of growing size, from the rows of the study of extremes.

    Args:
        rows: Of one kind of networks and one change.
        x_title: What the sizes are.
        theme: Colours.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        test = row["test"]
        value = 100 * test["accuracy"] if "accuracy" in test else test["r_squared"]
        points.setdefault(row["setting"]["model"], []).append((row["setting"]["size"], value))
    is_share = bool(rows) and "accuracy" in rows[0]["test"]
    figure = _draw_growth(points, theme)
    figure.update_xaxes(title=x_title)
    if is_share:
        figure.update_yaxes(title="right classes", ticksuffix=" %")
    else:
        figure.update_yaxes(title="R² of predicted accuracies", range=[-1.05, 1.05])
    return figure


def _draw_growth(points: Mapping[str, Sequence[tuple[int, float]]], theme: Theme) -> go.Figure:
    """Lines over sizes that stand side by side; a model and its width-stable copy have one colour."""
    bases = list(dict.fromkeys(name.removesuffix(STABLE) for name in points))
    shared = _shared_beginning(bases)
    figure = go.Figure()
    for name, own in points.items():
        place = bases.index(name.removesuffix(STABLE))
        colour = CATEGORIES[place % len(CATEGORIES)]
        is_stable = name.endswith(STABLE)
        figure.add_scatter(
            x=[str(size) for size, _ in own],
            y=[value for _, value in own],
            name=name.removeprefix(shared),
            mode="lines+markers",
            line={"color": colour, "width": 4 if is_stable else 1.5, "dash": None if is_stable else "dot"},
            marker={
                "size": 8 if is_stable else 6,
                "color": colour,
                "symbol": SYMBOLS[place // len(CATEGORIES) % len(SYMBOLS)],
            },
            hovertemplate=f"{name}<br>%{{x}}: %{{y:.4g}}<extra></extra>",
        )
    sizes = sorted({size for own in points.values() for size, _ in own})
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=list(map(str, sizes)), **_lines(theme))
    figure.update_yaxes(**_lines(theme))
    figure = with_layout(figure, theme)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "maxheight": 1.0}
    figure.update_layout(legend={**legend, "font": {"color": theme.text}})
    return figure


def _shared_beginning(names: Sequence[str]) -> str:
    """The words up to a hyphen with which all names begin; "" for a single name."""
    words = [name.split("-") for name in names]
    shared = 0
    while len(names) > 1 and all(len(own) > shared + 1 and own[shared] == words[0][shared] for own in words):
        shared += 1
    return "".join(f"{word}-" for word in words[0][:shared]) if names else ""


def growth_height(figure: go.Figure) -> int:
    """Pixels for lines over sizes, with room for the legend below."""
    return LINES_HEIGHT + LEGEND_HEIGHT * math.ceil(0.75 * len(figure.data))


def figure_height(count: int) -> int:
    """Height in pixels of a figure with this many rows."""
    return FRAME + ROW_HEIGHT * max(count, 3)


def _lines(theme: Theme) -> dict[str, Any]:
    """How axes look on the page's ground."""
    return {"gridcolor": f"{theme.muted}40", "zeroline": False, "color": theme.text}


def _with_legend(figure: go.Figure, theme: Theme) -> go.Figure:
    figure = with_layout(figure, theme)
    figure.update_layout(
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"color": theme.text}},
        margin={"t": 40},
    )
    return figure
