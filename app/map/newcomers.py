"""Networks from files, placed on the map among those of the zoo: many at once, and each can be selected."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas
import streamlit as st

from app import map_data, state
from app.charts.map_points import Mark
from app.components.drop_anywhere import drop_target
from app.components.upload_box import ENDINGS
from app.errors import plain
from app.state import Kept
from app.uploads import read_once
from ngcore.errors import DataError, NeuralGraphError

if TYPE_CHECKING:
    from app.map.chart import MapView

MAX_NEWCOMERS = 200
MOST_REFUSALS = 5
_KEPT_KEY, _READ_KEY, _REFUSED_KEY = "map.newcomers", "map.newcomers.read", "map.newcomers.refused"
_FILES_KEY = "map.newcomer_files"


def newcomers() -> dict[str, Kept]:
    """The networks that were added to maps in this session, by the sha256 of their files."""
    return st.session_state.setdefault(_KEPT_KEY, {})


def newcomer_box(view: "MapView") -> None:
    """A field for files whose networks are placed on the map, and a list of them."""
    own = newcomers()
    label = f"Your networks on the map ({len(own):,})" if own else "Add your networks"
    with st.expander(label, icon=":material/add_location_alt:", key="map.newcomer_box"):
        with drop_target():
            st.file_uploader(
                "Files of weights, several at once",
                type=list(ENDINGS),
                accept_multiple_files=True,
                key=_FILES_KEY,
                on_change=_take_files,
                help=f"Up to {MAX_NEWCOMERS} networks of the kind on this map. Files are read as data alone and never "
                "stored. The map is not fitted again: they are projected onto it.",
            )
        for name, reason in st.session_state.get(_REFUSED_KEY, {}).items():
            st.warning(f"**{plain(name)}**: {plain(reason)}", icon=":material/warning:")
        if own:
            had_features = map_data.has_features(view.seen)
            _list(view, own)
            if not had_features and map_data.has_features(view.seen):
                st.rerun()  # the map was drawn without them


def _take_files() -> None:
    """Read what was chosen before the page runs: a run that another one overtakes would forget it."""
    if count := _read(st.session_state.get(_FILES_KEY) or []):
        st.toast(f"{count:,} {'network' if count == 1 else 'networks'} read", icon=":material/add_location_alt:")


def _read(files: Sequence[Any]) -> int:
    """Read the files that were not read yet; how many there were."""
    done: set[str] = st.session_state.setdefault(_READ_KEY, set())
    fresh = [file for file in files if file.file_id not in done]
    refused: dict[str, str] = {}
    bar = st.progress(0.0) if len(fresh) > 3 else None
    for i, file in enumerate(fresh):
        done.add(file.file_id)
        try:
            _keep(file.getvalue(), file.name)
        except NeuralGraphError as error:
            refused[file.name] = str(error)
        if bar is not None:
            bar.progress((i + 1) / len(fresh), f"{i + 1:,} of {len(fresh):,} files read")
    if len(refused) > MOST_REFUSALS:
        kept = dict(list(refused.items())[:MOST_REFUSALS])
        refused = kept | {f"{len(refused) - MOST_REFUSALS:,} more files": "They could not be read as networks either."}
    if fresh:
        st.session_state[_REFUSED_KEY] = refused
    return len(fresh)


def _keep(data: bytes, filename: str) -> None:
    own = newcomers()
    if len(own) >= MAX_NEWCOMERS:
        raise DataError(f"Expected at most {MAX_NEWCOMERS} networks; remove some first, or import them as a zoo.")
    upload = read_once(data, filename=filename, public=state.is_public())
    about = (upload.format, upload.size, upload.tensors, upload.notes)
    own[upload.sha256] = Kept(upload.network, upload.filename or "uploaded network", upload.sha256, *about)


def _list(view: "MapView", own: dict[str, Kept]) -> None:
    shown = set(mark(view).keys)
    table = pandas.DataFrame(
        {
            "file": [one.title for one in own.values()],
            "architecture": [one.network.architecture.name for one in own.values()],
            "on this map": [sha256 in shown for sha256 in own],
        }
    )
    keys = list(own)

    def pick() -> None:
        rows = st.session_state["map.newcomer_list"]["selection"]["rows"]
        if rows and 0 <= rows[0] < len(keys):
            select(keys[rows[0]])

    st.dataframe(
        table,
        hide_index=True,
        key="map.newcomer_list",
        on_select=pick,
        selection_mode="single-row",
        height=min(240, 38 + 35 * len(table)),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Remove all", icon=":material/delete:", key="map.newcomers.clear", on_click=own.clear)
        st.caption("Click a row, or its diamond on the map, to select a network.")


def select(sha256: str) -> None:
    """Select one of them; all pages can show it then."""
    one = newcomers().get(sha256)
    if one is not None:
        selection = state.keep(one)
        state.select(zoo=selection.zoo, id=selection.id)


def mark(view: "MapView") -> Mark:
    """Where they belong on a map: those that its model can compare with the zoo's networks."""
    keys, features = [], []
    for sha256, one in newcomers().items():
        key = f"{state.UPLOAD}:{sha256}"
        found = map_data.features_beside(view.zoo, view.seen, view.card, key, one.network)
        if found is not None:
            keys.append(sha256)
            features.append(found)
    if not keys:
        return Mark("placed", [])
    import torch

    points = map_data.place_on(view.seen, torch.cat(features), view.method, view.parameters)[:, :2].tolist()
    names = [newcomers()[sha256].title for sha256 in keys]
    return Mark("placed", [(x, y) for x, y in points], names, keys)
