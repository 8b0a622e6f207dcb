"""The map itself: points to click, to circle, to walk over and to search, and PCA to look at while UMAP is fitted."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from app import cached, map_data, state
from app.charts.colouring import Colouring
from app.charts.map_points import (
    Mark,
    colour_fields,
    fact_fields,
    label_fields,
    mark_fields,
    packed,
    path_fields,
    picture_fields,
    point_fields,
    polygon_of,
    rows_inside,
    theme_fields,
)
from app.components.appearance import theme
from app.map import colourings, filters, newcomers, runs
from app.map.points_view import points_view
from app.map_data import MAX_MAPS, Card
from app.state import REGION_KEY, Region
from ngcore.maps.layouts import FEWEST_FOR_UMAP, USUAL, MapMethod, MapParameters
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.zoo import Zoo

HEIGHT = 600
MAX_PICTURES = 4_000  # on a map; they are evenly spread among more networks
METRIC_KEY = "map_metric"
PATHS_KEY = "map_paths"


@dataclasses.dataclass(frozen=True, eq=False)
class MapView:
    """A map: whose networks, read by what, and how they are laid out.

    Attributes:
        zoo: The zoo.
        seen: Its networks as points.
        card: The model that reads them; None for raw weights.
        method: How they are laid out.
        parameters: Of the layout.
    """

    zoo: Zoo
    seen: ZooPoints
    card: Card | None
    method: MapMethod
    parameters: MapParameters = USUAL

    @property
    def key(self) -> str:
        """Text that tells this map from others, in a form that fits the key of a widget."""
        digest = hashlib.sha256(repr(self.parameters).encode()).hexdigest()[:6]
        return f"{self.seen.key[:12]}.{self.method}.{digest}"

    @property
    def points(self) -> Tensor:
        """Where the networks lie."""
        return map_data.coordinates(self.seen, self.method, self.parameters)

    @property
    def ids(self) -> Sequence[str]:
        """Ids of the networks, in the order of the points."""
        return _ids(self.seen.key, self.seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _ids(key: str, _seen: ZooPoints) -> list[str]:
    return _seen.zoo.metadata["id"].iloc[_seen.positions].tolist()


def fitting(view: MapView) -> MapView:
    """The map with PCA in place of a method that needs more networks, which is said."""
    if view.method != "pca" and len(view.seen) < FEWEST_FOR_UMAP:
        name = map_data.METHOD_NAMES[view.method]
        st.info(f"{name} needs at least {FEWEST_FOR_UMAP} networks; these are laid out by PCA.", icon=":material/info:")
        return dataclasses.replace(view, method="pca")
    return view


def is_instant(view: MapView) -> bool:
    """Whether the layout needs no fit first."""
    return map_data.is_instant(view.seen, view.method, view.parameters)


def map_chart(view: MapView, choices: Mapping[str, Colouring], colouring: Colouring) -> None:
    """Draw a map; clicks select networks, and what is circled becomes the region."""
    if not is_instant(view):
        _fit_in_view(view, colouring)
    rows = region_rows(view)
    kept = filters.standing_out(view.zoo, view.seen, choices, colouring)
    key = f"map.chart.{view.key}"
    fields = base_fields(view, colouring, key) | {
        "dimmed": packed((~(kept & _mask(rows, len(kept)))).astype(np.uint8)) if rows or not kept.all() else "",
        "lasso": [list(corner) for corner in _polygon(view)],
        "canClear": bool(rows),
        "marks": mark_fields(marks(view)),
        "paths": path_fields(runs.paths(view.zoo, view.seen) if st.session_state.get(PATHS_KEY) else ()),
        "chosenPath": runs.path_of(view.zoo, view.seen, map_data.selected_row(view.zoo, view.seen)),
        "selected": map_data.selected_row(view.zoo, view.seen),
    }
    points_view(
        fields,
        key=key,
        on_click=partial(on_click, key, view.zoo.name, view.ids),
        on_lasso=partial(on_lasso, key, view),
        on_legend=partial(on_legend, key, colouring),
        on_search=partial(on_search, key, view.zoo),
    )


def base_fields(view: MapView, colouring: Colouring, name: str) -> dict[str, Any]:
    """What is drawn of a map whatever is selected on it."""
    points = view.points.numpy()
    hidden, limits = filters.legend(colouring)
    return {
        "name": name,
        "chart": view.key,
        "height": HEIGHT,
        "label": f"Map of {len(view.seen):,} networks of {view.zoo.name} by {map_data.METHOD_NAMES[view.method]}, "
        f"coloured by {colouring.title}. Arrow keys walk from network to network, Enter selects, f shows all, slash "
        "searches. The table below the map holds the same networks.",
        "points": point_fields(points),
        "colours": colour_fields(colouring, theme(), hidden=hidden, limits=limits),
        "ids": [name.removeprefix(f"{view.zoo.name}/") for name in view.ids],
        "facts": facts(view, colouring),
        "pictures": pictures(view),
        "labels": label_fields(colouring, points),
        "sought": filters.searched(),
        "theme": theme_fields(theme()),
        "dimmed": "",
        "lasso": [],
        "canClear": False,
        "marks": [],
        "paths": "",
        "chosenPath": [],
        "selected": None,
    }


def facts(view: MapView, colouring: Colouring) -> list[dict[str, Any]]:
    """The facts that are shown about a point: the value that it is coloured by, and the first columns of the table."""
    return _facts(f"{view.seen.key}.{view.seen.outliers is not None}", colouring.title, view)


@st.cache_resource(max_entries=4 * MAX_MAPS, show_spinner=False)
def _facts(key: str, title: str, _view: MapView) -> list[dict[str, Any]]:
    table = colourings.table(_view.zoo, _view.seen)
    columns = [name for name in dict.fromkeys((title, *table.columns)) if name in table and name != "id"]
    choices = colourings.choices(_view.zoo, _view.seen)
    return fact_fields(table, columns, frozenset(name for name, one in choices.items() if one.percent))


def pictures(view: MapView) -> dict[str, Any] | None:
    """What INRs show, for the points of their map; None for zoos of other networks."""
    if not all(cached.is_inr(architecture) for architecture in view.zoo.architectures.values()):
        return None
    return _pictures(view.seen.key, view)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _pictures(key: str, _view: MapView) -> dict[str, Any]:
    count = len(_view.seen)
    rows = np.linspace(0, count - 1, min(count, MAX_PICTURES)).round().astype(int)
    images = cached.images(_view.zoo.name, _view.seen.positions[rows].tolist())
    return picture_fields(images, rows, count)


def on_click(key: str, zoo: str, ids: Sequence[str]) -> None:
    """Select the network whose point, or whose diamond, was clicked."""
    sent = _sent(key, "clicked")
    if not isinstance(sent, Mapping):
        return
    row, placed = sent.get("row"), sent.get("placed")
    if type(row) is int and 0 <= row < len(ids):
        state.select(zoo=zoo, id=ids[row])
    elif isinstance(placed, str):
        newcomers.select(placed)


def on_lasso(key: str, view: MapView) -> None:
    """Keep the networks that were circled, or none any more."""
    sent = _sent(key, "lasso")
    if not isinstance(sent, Mapping) or sent.get("chart") != view.key:
        return
    polygon = polygon_of(sent)
    inside = rows_inside(view.points.numpy(), polygon)
    if inside:
        ids = tuple(view.ids[row] for row in inside)
        st.session_state[REGION_KEY] = Region(view.zoo.name, view.key, ids, tuple(polygon))
    else:
        clear_region()


def on_legend(key: str, colouring: Colouring) -> None:
    """Keep what the key of the colours hides."""
    filters.take_legend(_sent(key, "legend"), colouring)


def on_search(key: str, zoo: Zoo) -> None:
    """Search for what was typed."""
    filters.take_search(zoo, _sent(key, "sought"))


def _sent(key: str, name: str) -> Any:
    """What the browser sent; None if nothing."""
    sent = st.session_state.get(key)
    return sent.get(name) if isinstance(sent, Mapping) else None


def region_rows(view: MapView) -> list[int]:
    """Rows of the circled networks on this map, whichever map they were circled on; none if nothing is circled."""
    region: Region | None = st.session_state.get(REGION_KEY)
    if region is None or region.zoo != view.zoo.name:
        return []
    chosen = set(region.ids)
    return [row for row, name in enumerate(view.ids) if name in chosen]


def clear_region() -> None:
    """Circle nothing any more."""
    st.session_state.pop(REGION_KEY, None)


def _polygon(view: MapView) -> Sequence[tuple[float, float]]:
    """What was drawn on this very map."""
    region: Region | None = st.session_state.get(REGION_KEY)
    return region.polygon if region is not None and region.chart == view.key else ()


def _mask(rows: Sequence[int], count: int) -> np.ndarray:
    """Which networks are circled; all where none is."""
    mask = np.zeros(count, dtype=bool)
    mask[list(rows)] = True
    return mask if len(rows) else ~mask


def marks(view: MapView) -> list[Mark]:
    """Rings around the selected network and its neighbours; diamonds where networks are not among the fitted ones.

    Without features, which are first computed below the map, there is the ring of the selected network alone.
    """
    points, seen = view.points, view.seen
    row = map_data.selected_row(view.zoo, seen)
    if not map_data.has_features(seen):
        return [] if row is None else [Mark("selected", [_point(points[row])])]
    found = [newcomers.mark(view)]
    focus = map_data.focus(view.zoo, seen, view.card)
    if focus is None:
        return found
    others, _ = map_data.neighbours(seen, focus, metric=st.session_state.get(METRIC_KEY, "cosine"))
    found.append(Mark("neighbour", [_point(points[other]) for other in others]))
    if row is not None:
        return [*found, Mark("selected", [_point(points[row])])]
    placed = map_data.place_on(seen, focus[1], view.method, view.parameters)[0]
    return [*found, Mark("placed", [_point(placed)], ["projected onto this map"])]


def _point(point: Tensor) -> tuple[float, float]:
    x, y = point[:2].tolist()
    return x, y


def _fit_in_view(view: MapView, colouring: Colouring) -> None:
    """Fit a layout while the reader looks at the principal components, then start the page again."""
    name = map_data.METHOD_NAMES[view.method]
    with st.spinner(f"Fitting {name} to {len(view.seen):,} networks; done once, then cached. Meanwhile, PCA:"):
        pca = dataclasses.replace(view, method="pca", parameters=USUAL)
        key = f"map.chart.{pca.key}.meanwhile"
        points_view(
            base_fields(pca, colouring, key),
            key=key,
            on_click=partial(on_click, key, pca.zoo.name, pca.ids),
            on_lasso=partial(on_lasso, key, pca),
            on_legend=partial(on_legend, key, colouring),
            on_search=partial(on_search, key, pca.zoo),
        )
        map_data.layout(view.seen, view.method, view.parameters)
    st.rerun()
