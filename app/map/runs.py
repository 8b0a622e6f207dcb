"""The checkpoints of training runs on a map, joined in the order of their steps."""

import numpy as np
import streamlit as st

from app.map_data import MAX_MAPS
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.zoo import Zoo


def paths(zoo: Zoo, seen: ZooPoints) -> list[list[int]]:
    """The rows of the checkpoints of each run, in the order of their steps; runs of one checkpoint are none."""
    return _paths(seen.key, zoo, seen)


@st.cache_resource(max_entries=MAX_MAPS, show_spinner=False)
def _paths(key: str, _zoo: Zoo, _seen: ZooPoints) -> list[list[int]]:
    metadata = _zoo.metadata.iloc[_seen.positions].reset_index(drop=True)
    by_zoo = ["zoo"] if "zoo" in metadata else []  # numbers of runs start again in each of several zoos
    ordered = metadata[metadata["run"] >= 0].sort_values("step", kind="stable")
    groups = ordered.groupby([*by_zoo, "run"], sort=True).indices.values()
    rows = ordered.index.to_numpy()
    return [rows[np.asarray(own)].tolist() for own in groups if len(own) > 1]


def path_of(zoo: Zoo, seen: ZooPoints, row: int | None) -> list[int]:
    """The path that a row is on; empty for none."""
    return next((path for path in paths(zoo, seen) if row in path), []) if row is not None else []
