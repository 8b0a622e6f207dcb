"""The map itself: points to click and to circle, and the first view by PCA while UMAP is fitted."""

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas
import streamlit as st
from torch import Tensor

from app import map_data, state
from app.charts.zoo_map import Colouring, Mark, clicked_rows, draw_zoo_map, rows_in_areas
from app.components.appearance import theme
from app.map import colourings, runs
from app.map_data import Card
from app.state import REGION_KEY, Region
from ngcore.maps.layouts import FEWEST_FOR_UMAP, MapMethod, place
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.zoo import Zoo

HEIGHT = 620
TOOLTIP_COLUMNS = 5
METRIC_KEY = "map.metric"
CLEARED_KEY = "map.cleared"
PATHS_KEY = "map.paths"
ACCURACY = "true accuracy"


def map_chart(zoo: Zoo, seen: ZooPoints, card: Card | None, method: MapMethod, colouring: Colouring) -> list[int]:
    """Draw the map, and return the rows (of `seen`) that are circled on it."""
    table = colourings.table(zoo, seen)
    if method == "umap" and len(seen) < FEWEST_FOR_UMAP:
        st.info(f"UMAP needs at least {FEWEST_FOR_UMAP} networks; these are laid out by PCA.", icon=":material/info:")
        method = "pca"
    if not map_data.is_instant(seen, method):
        _fit_in_view(zoo, seen, method, colouring)
    points = map_data.coordinates(seen, method)
    key = f"map.chart.{seen.key[:12]}.{method}.{st.session_state.get(CLEARED_KEY, 0)}"
    region: Region | None = st.session_state.get(REGION_KEY)
    rows = region_rows(zoo.name, table)
    is_elsewhere = region is not None and region.chart != key
    shown = _faded(colouring, rows) if rows and is_elsewhere else colouring
    st.echarts_chart(
        draw_zoo_map(
            _with_points(table, points, colouring),
            shown,
            marks=marks(zoo, seen, card, method),
            paths=runs.paths(zoo, seen) if st.session_state.get(PATHS_KEY) else (),
            chosen_path=runs.path_of(zoo, seen, map_data.selected_row(zoo, seen)),
            theme=theme(),
        ),
        height=HEIGHT,
        key=key,
        on_select=partial(on_map_selection, key, zoo.name, tuple(table["id"]), points),
        alt=f"Map of {len(seen)} networks of {zoo.name} by {map_data.METHOD_NAMES[method]}, coloured by "
        f"{colouring.title}. The table below the map holds the same networks.",
    )
    return rows


def on_map_selection(key: str, zoo: str, ids: Sequence[str], points: Tensor) -> None:
    """Select the network that was clicked, or keep the region that was circled."""
    selection = st.session_state[key]["selection"]
    areas = selection.get("areas") or []
    inside = rows_in_areas(areas, points.numpy())
    region = st.session_state.get(REGION_KEY)
    if inside:
        st.session_state[REGION_KEY] = Region(zoo, key, tuple(ids[row] for row in sorted(inside)))
    elif region is not None and region.chart == key:
        del st.session_state[REGION_KEY]
    clicked = clicked_rows(selection, len(ids)) - inside
    before = st.session_state.get(f"{key}.clicked", set())
    st.session_state[f"{key}.clicked"] = clicked
    # A click on the point that was clicked last takes the chart's own mark away, and means that point all the same.
    meant = (clicked - before) or (set() if clicked or areas else before)
    if len(meant) == 1:
        state.select(zoo=zoo, id=ids[meant.pop()])


def region_rows(zoo: str, table: pandas.DataFrame) -> list[int]:
    """Rows of the circled networks; none if nothing is circled in this zoo."""
    region = st.session_state.get(REGION_KEY)
    if region is None or region.zoo != zoo:
        return []
    return np.flatnonzero(table["id"].isin(set(region.ids))).tolist()


def clear_region() -> None:
    """Circle nothing any more; the chart begins anew, as nothing else takes its lasso away."""
    st.session_state.pop(REGION_KEY, None)
    st.session_state[CLEARED_KEY] = st.session_state.get(CLEARED_KEY, 0) + 1


def marks(zoo: Zoo, seen: ZooPoints, card: Card | None, method: MapMethod) -> list[Mark]:
    """Rings around the selected network and its neighbours; a diamond where it is not among the fitted ones.

    Without features, which are first computed beside the map, there is the ring of the selected network alone.
    """
    points = map_data.coordinates(seen, method)
    if not map_data.has_features(seen):
        row = map_data.selected_row(zoo, seen)
        return [] if row is None else [_selected_mark(points[row])]
    focus = map_data.focus(zoo, seen, card)
    if focus is None:
        return []
    row, features = focus
    others, _ = map_data.neighbours(seen, focus, metric=st.session_state.get(METRIC_KEY, "cosine"))
    if row is not None:
        mark = _selected_mark(points[row])
    else:
        placed = place(map_data.layout(seen, method), features)[0]
        mark = dataclasses.replace(_selected_mark(placed), kind="placed", text="projected onto this map")
    return [Mark("nearest neighbours", points[others].tolist(), "neighbour"), mark]


def _selected_mark(point: Tensor) -> Mark:
    return Mark("selected network", [tuple(point.tolist())])


def _fit_in_view(zoo: Zoo, seen: ZooPoints, method: MapMethod, colouring: Colouring) -> None:
    """Fit a layout while the reader looks at the principal components, then start the page again."""
    table = colourings.table(zoo, seen)
    with st.spinner(f"Fitting UMAP to {len(seen):,} networks; done once, then cached. Meanwhile, PCA:"):
        pca = map_data.coordinates(seen, "pca")
        spec = draw_zoo_map(_with_points(table, pca, colouring), colouring, theme=theme())
        st.echarts_chart(spec, height=HEIGHT, alt=f"Map of {len(seen)} networks of {zoo.name} by PCA.")
        map_data.layout(seen, method)
    st.rerun()


def _with_points(table: pandas.DataFrame, points: Tensor, colouring: Colouring) -> pandas.DataFrame:
    """The columns that the tooltip shows, with the points in front."""
    shown = [name for name in dict.fromkeys((colouring.title, *table.columns)) if name in table and name != "id"]
    x, y = points.numpy().T
    chosen = table[["id", *shown[:TOOLTIP_COLUMNS]]].assign(x=x, y=y)
    if colouring.percent and colouring.title in chosen:
        chosen[colouring.title] = [_in_percent(value) for value in chosen[colouring.title]]
    if ACCURACY in chosen and colouring.title != ACCURACY:
        chosen[ACCURACY] = [_in_percent(value) for value in chosen[ACCURACY]]
    return chosen


def _in_percent(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.1%}"


def _faded(colouring: Colouring, rows: list[int]) -> Colouring:
    """The colouring with values for these rows alone; the others turn grey."""
    kept = set(rows)
    return dataclasses.replace(colouring, values=[v if i in kept else None for i, v in enumerate(colouring.values)])
