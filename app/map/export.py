"""What is selected on a map as files: a table, and one with coordinates and embeddings that Embedding Atlas reads."""

import io
from collections.abc import Sequence

import pandas
import streamlit as st

from app import map_data
from app.map import colourings
from app.map.chart import MapView
from ngcore.zoo import Zoo

AXES = ("x", "y", "z")


def show_downloads(view: MapView, rows: Sequence[int]) -> None:
    """Buttons for the table of networks as CSV and as parquet."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Table as CSV",
            data=lambda: export_table(view, rows).to_csv(index=False).encode(),
            file_name=f"{_name(view.zoo)}-selection.csv",
            mime="text/csv",
            icon=":material/download:",
            key="map.csv",
            on_click="ignore",
            help="The columns of the table, and the coordinates on the map.",
        )
        st.download_button(
            "With embeddings (parquet)",
            data=lambda: export_parquet(view, rows),
            file_name=f"{_name(view.zoo)}-embeddings.parquet",
            mime="application/vnd.apache.parquet",
            icon=":material/download:",
            key="map.parquet",
            on_click="ignore",
            help="The same, and a column of embeddings (or raw weights). Embedding Atlas opens it: "
            "`embedding-atlas FILE.parquet --x x --y y`.",
        )
        st.caption("Click a row to select its network.")


def export_table(view: MapView, rows: Sequence[int]) -> pandas.DataFrame:
    """Networks of a map as a table, with their coordinates as "x", "y" and perhaps "z"."""
    table = colourings.table(view.zoo, view.seen).iloc[rows].reset_index(drop=True)
    points = view.points[list(rows)].numpy()
    return table.assign(**dict(zip(AXES, points.T, strict=False)))


def export_parquet(view: MapView, rows: Sequence[int]) -> bytes:
    """`export_table` with a column "embedding" of what the map is laid out by, as the bytes of a parquet file."""
    features = map_data.features(view.seen)[list(rows)].numpy()
    buffer = io.BytesIO()
    export_table(view, rows).assign(embedding=list(features)).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _name(zoo: Zoo) -> str:
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in zoo.name)
