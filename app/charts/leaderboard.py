"""Pictures of how models compare: their figures against what they cost, and which classes they confuse."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.charts.colours import CATEGORIES
from app.charts.plotly_layout import with_layout
from app.charts.theme import Theme

if TYPE_CHECKING:
    import plotly.graph_objects as go


def draw_figures(
    names: Sequence[str],
    groups: Sequence[str],
    cost: Sequence[float],
    figures: Sequence[float],
    *,
    cost_title: str,
    figure_title: str,
    theme: Theme,
) -> "go.Figure":
    """A point a model: its test figure against what it costs, on a logarithmic axis; a colour a group."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for colour, group in zip(CATEGORIES, dict.fromkeys(groups), strict=False):
        members = [i for i, own in enumerate(groups) if own == group]
        figure.add_scatter(
            x=[cost[i] for i in members], y=[figures[i] for i in members], text=[names[i] for i in members],
            name=group, mode="markers", marker={"size": 12, "color": colour, "line": {"width": 1, "color": theme.text}},
            hovertemplate=f"<b>%{{text}}</b><br>{cost_title} %{{x:,.4g}}<br>{figure_title} %{{y:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title=cost_title, type="log", dtick=1, gridcolor=_grid(theme))
    figure.update_yaxes(title=figure_title, zeroline=False, gridcolor=_grid(theme))
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return with_layout(figure, theme)


def count_confusions(true: np.ndarray, answered: np.ndarray, num_classes: int) -> np.ndarray:
    """How often which class (rows) was taken for which (columns)."""
    counts = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(counts, (true, answered), 1)
    return counts


def draw_confusions(counts: np.ndarray, names: Sequence[str], *, theme: Theme) -> "go.Figure":
    """A confusion matrix, each row coloured by its shares, with the counts written in."""
    import plotly.graph_objects as go

    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    figure = go.Figure(
        go.Heatmap(
            z=shares, zmin=0, zmax=1, text=counts, x=list(names), y=list(names), showscale=False,
            colorscale=[[0.0, theme.background], [1.0, theme.accent]], xgap=1, ygap=1,
            texttemplate="%{text}",
            hovertemplate="%{y} taken for %{x}: %{text} (%{z:.1%})<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title="answer", type="category", showgrid=False, side="bottom")
    figure.update_yaxes(title="true class", type="category", showgrid=False, autorange="reversed")
    return with_layout(figure, theme)


def _grid(theme: Theme) -> str:
    return f"{theme.muted}40"
