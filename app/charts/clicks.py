"""What a click on a chart of ECharts means."""

from collections.abc import Mapping
from typing import Any


def clicked_rows(selection: Mapping[str, Any], num_rows: int) -> set[int]:
    """The data indices of the first series in a selection, as `st.echarts_chart` reports it, below `num_rows`."""
    groups = [group for group in selection.get("selected", ()) if group.get("series_index") == 0]
    rows = {int(index) for group in groups for index in group.get("data_indices", ())}
    return {row for row in rows if 0 <= row < num_rows}
