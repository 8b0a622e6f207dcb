"""The tab of the table: every tensor in a row, with statistics where these are quick, or once they are asked for."""

from typing import Any

import streamlit as st

from app.errors import fragment
from app.network.loose.facts import shape_text
from app.state import KeptWeights
from ngcore.upload.weights import WeightFile

MAX_AT_ONCE = 20_000_000  # numbers whose statistics are computed without being asked for, in about a second


@fragment
def table_tab(kept: KeptWeights) -> None:
    """List all tensors."""
    file, key = kept.file, f"loose.all.{kept.file.sha256}"
    is_quick = file.num_numbers <= MAX_AT_ONCE
    if not is_quick and not st.session_state.get(key):
        st.caption(f"Of {file.num_numbers:,} numbers, statistics take about {file.num_numbers / 3e7:.0f} s.")
        if st.button("Compute the statistics of all tensors", key="loose.compute"):
            st.session_state[key] = True
            st.rerun()
    with_numbers = is_quick or bool(st.session_state.get(key))
    with st.spinner("Reading the numbers …", show_time=True):
        table = tensor_columns(file, with_numbers=with_numbers)
    st.dataframe(table, hide_index=True, height=560, column_config=_formats())


def tensor_columns(file: WeightFile, *, with_numbers: bool) -> dict[str, list[Any]]:
    """All tensors as columns, statistics only if these are wanted."""
    tensors = list(file.tensors.values())
    table: dict[str, list[Any]] = {
        "tensor": [tensor.name for tensor in tensors],
        "shape": [shape_text(tensor.shape) for tensor in tensors],
        "type": [tensor.dtype for tensor in tensors],
        "numbers": [tensor.size for tensor in tensors],
    }
    if with_numbers:
        summaries = [tensor.summary for tensor in tensors]
        table |= {
            "mean": [summary.mean for summary in summaries],
            "std": [summary.std for summary in summaries],
            "min": [summary.min for summary in summaries],
            "max": [summary.max for summary in summaries],
            "zeros": [summary.zeros for summary in summaries],
            "not finite": [summary.num_nan + summary.num_infinite for summary in summaries],
        }
    return table


def _formats() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    formats = {name: number(name, format="%.4g") for name in ("mean", "std", "min", "max")}
    return {**formats, "zeros": number("zeros", format="percent"), "numbers": number("numbers", format="localized")}
