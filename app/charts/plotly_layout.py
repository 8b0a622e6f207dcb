"""What all plotly figures of the app share."""

import plotly.graph_objects as go

from app.charts.theme import Theme


def with_layout(figure: go.Figure, theme: Theme) -> go.Figure:
    """The figure with small margins, on the page's own ground."""
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": theme.text},
    )
    return figure
