"""Pictures of weight tensors: heatmaps, histograms and kernels, as plotly figures."""

import numpy as np
import plotly.graph_objects as go

from app.charts.gaps import full_colour
from app.charts.plotly_layout import with_layout
from app.charts.theme import Theme, diverging, diverging_scale

MAX_SIDE = 512  # cells of a side of a heatmap; larger matrices are shown as means over blocks
MAX_KERNELS = 24  # channels of a side of the picture of kernels
NUM_BINS = 61


def draw_heatmap(
    matrix: np.ndarray,
    *,
    theme: Theme,
    x_title: str,
    y_title: str,
    value: str = "weight",
    size: tuple[int, int] | None = None,
    limit: float | None = None,
) -> go.Figure:
    """A matrix (outputs, inputs) as colours about zero.

    Matrices of more than `MAX_SIDE` rows or columns are averaged over blocks; say so with `block_size`.

    Args:
        matrix: The matrix.
        theme: Colours.
        x_title: What its columns are.
        y_title: What its rows are.
        value: What its entries are.
        size: Rows and columns of the matrix of which this one is a thumbnail; None for the matrix itself.
        limit: |Entry| at which the colour is full, in a figure without a bar of colours, for several of one scale;
            None for the largest here.
    """
    step_rows: float
    step_columns: float
    if size is None:
        step_rows, step_columns = block_size(matrix)
        shown = _block_means(matrix, *block_size(matrix))
    else:
        shown, step_rows, step_columns = matrix, size[0] / matrix.shape[0], size[1] / matrix.shape[1]
    full = full_colour(shown, 1.0) if limit is None else limit
    figure = go.Figure(
        go.Heatmap(
            z=shown.astype(np.float32),
            zmin=-full,
            zmax=full,
            showscale=limit is None,
            colorscale=diverging_scale(theme),
            dx=step_columns,
            dy=step_rows,
            x0=0,
            y0=0,
            colorbar={"title": value, "thickness": 12, "len": 0.9},
            hovertemplate=f"{y_title} %{{y}}<br>{x_title} %{{x}}<br>{value} %{{z:.4g}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=x_title, showgrid=False, zeroline=False, **_whole_ticks(matrix.shape[1]))
    figure.update_yaxes(
        title=y_title, autorange="reversed", showgrid=False, zeroline=False, **_whole_ticks(matrix.shape[0])
    )
    return with_layout(figure, theme)


def _whole_ticks(count: int) -> dict[str, int]:
    """Ticks at whole numbers where plotly would also mark halves."""
    return {"tick0": 0, "dtick": 1} if count <= 10 else {}


def block_size(matrix: np.ndarray) -> tuple[int, int]:
    """How many rows and columns one cell of the heatmap stands for."""
    rows, columns = (max(1, -(-side // MAX_SIDE)) for side in matrix.shape)
    return rows, columns


def _block_means(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if rows == columns == 1:
        return matrix
    padded = np.pad(
        matrix.astype(float), ((0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)), constant_values=np.nan
    )
    blocks = padded.reshape(padded.shape[0] // rows, rows, padded.shape[1] // columns, columns)
    return np.nanmean(blocks, axis=(1, 3))


def draw_histogram(values: np.ndarray, *, theme: Theme, is_log: bool = True) -> go.Figure:
    """How often which weight occurs, the counts on a logarithmic axis unless told otherwise."""
    values = values.astype(float)  # the range of 3e38 is no float32
    limit = full_colour(values, 1.0)
    counts, bounds = np.histogram(values, bins=NUM_BINS, range=(-limit, limit))
    return draw_counts(counts, bounds, theme=theme, is_log=is_log)


def draw_counts(counts: np.ndarray, bounds: np.ndarray, *, theme: Theme, is_log: bool = True) -> go.Figure:
    """How often which weight occurs, from counts in equal bins and the bounds of these."""
    centres = (bounds[1:] + bounds[:-1]) / 2
    colours = [theme.negative if centre < 0 else theme.positive for centre in centres]
    bars = go.Bar(
        x=centres,
        y=counts,
        width=bounds[1] - bounds[0],
        marker={"color": colours, "line": {"width": 0}},
        hovertemplate="about %{x:.3g}: %{y} weights<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_layout(bargap=0)
    figure.update_xaxes(title="weight", zeroline=False)
    top = float(np.log10(max(counts.max(), 2))) + 0.08
    figure.update_yaxes(title="count", **({"type": "log", "range": [-0.3, top], "dtick": "D2"} if is_log else {}))
    return with_layout(figure, theme)


def draw_kernels(kernels: np.ndarray, *, theme: Theme) -> go.Figure:
    """Kernels (outputs, inputs, height, width) as a sheet of small pictures, at most `MAX_KERNELS` a side."""
    shown = kernels[:MAX_KERNELS, :MAX_KERNELS]
    outputs, inputs, height, width = shown.shape
    sheet = np.full((outputs * (height + 1) - 1, inputs * (width + 1) - 1), np.nan, dtype=np.float32)
    for i in range(outputs):
        for j in range(inputs):
            top, left = i * (height + 1), j * (width + 1)
            sheet[top : top + height, left : left + width] = shown[i, j]
    limit = full_colour(shown, 1.0)
    figure = go.Figure(
        go.Heatmap(
            z=sheet,
            zmin=-limit,
            zmax=limit,
            colorscale=diverging_scale(theme),
            hoverongaps=False,
            colorbar={"title": "weight", "thickness": 12, "len": 0.9},
            hovertemplate="%{z:.4g}<extra></extra>",
        )
    )
    for axis, count, side, title in (("x", inputs, width, "input channel"), ("y", outputs, height, "output channel")):
        step = max(1, count // 12)
        ticks = {
            "tickvals": [k * (side + 1) + (side - 1) / 2 for k in range(0, count, step)],
            "ticktext": [str(k) for k in range(0, count, step)],
        }
        figure.update_layout({f"{axis}axis": {"title": title, "showgrid": False, "zeroline": False, **ticks}})
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain")
    figure.update_xaxes(constrain="domain")
    return with_layout(figure, theme)


def kernel_image(kernel: np.ndarray, limit: float, *, theme: Theme, side: int = 48) -> np.ndarray:
    """A kernel as a small picture, uint8 (side', side', 3), each weight a square of the diverging scale."""
    colours = diverging(kernel.ravel(), limit, theme)
    pixels = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], dtype=np.uint8)
    scale = max(1, side // max(kernel.shape))
    return pixels.reshape(*kernel.shape, 3).repeat(scale, axis=0).repeat(scale, axis=1)
