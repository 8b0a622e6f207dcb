"""What a zoo on the map consists of: how accurate its networks are, its families, and how their runs were trained."""

from typing import Any

import pandas
import streamlit as st

from app.errors import plain
from ngcore.zoo import Zoo, coverage_in_words, describe_accuracies, describe_coverage

MAX_ZOOS = 8


def about_zoo(zoo: Zoo) -> None:
    """A closed section with the figures of a zoo of training runs; nothing for other zoos."""
    if not (zoo.metadata["run"] >= 0).any() or zoo.metadata["accuracy"].isna().all():
        return
    with st.expander("About this zoo", icon=":material/inventory_2:", on_change="rerun", key="map.about") as opened:
        if is_open(opened):
            accuracies, coverage = _describe(zoo.hash, zoo)
            _show(zoo, accuracies, coverage)


def is_open(section: Any) -> bool:
    """Whether the user has opened the section."""
    return bool(section.open)


@st.cache_data(max_entries=MAX_ZOOS, show_spinner=False)
def _describe(key: str, _zoo: Zoo) -> tuple[dict[str, Any], dict[str, Any]]:
    return describe_accuracies(_zoo), describe_coverage(_zoo)


def _show(zoo: Zoo, accuracies: dict[str, Any], coverage: dict[str, Any]) -> None:
    num_runs = int(zoo.metadata.loc[zoo.metadata["run"] >= 0, "run"].nunique())
    groups = f" in {coverage['num_groups']:,} groups that share images and length" if coverage["num_groups"] else ""
    st.markdown(
        f"**{plain(zoo.name)}**: {len(zoo):,} networks, checkpoints of {num_runs:,} training runs{groups}, "
        f"of {len(zoo.architectures):,} architecture{'s' if len(zoo.architectures) > 1 else ''}. "
        "Groups are never divided between training, validation and test."
    )
    st.dataframe(
        _accuracy_table(accuracies),
        hide_index=True,
        key="map.about.accuracies",
        column_config={
            "Highest possible τ": st.column_config.NumberColumn(
                format="%.3f", help="Kendall's τ of a perfect order of the test networks, which ties keep below 1."
            ),
            "At chance": st.column_config.NumberColumn(
                format="percent", help="Share of networks at most 1.2 times as accurate as guessing."
            ),
        }
        | {name: st.column_config.NumberColumn(format="percent") for name in ("Lowest", "Median", "Highest")},
    )
    if coverage["families"]:
        st.dataframe(_family_table(coverage["families"]), hide_index=True, key="map.about.families")
    rows = [(_name(entry["column"]), coverage_in_words(entry)) for entry in coverage["hyper_parameters"]]
    st.dataframe(
        pandas.DataFrame(rows, columns=["Hyper-parameter", "Runs"]),
        hide_index=True,
        height="content",
        key="map.about.hyper_parameters",
    )


def _accuracy_table(accuracies: dict[str, Any]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {
                "Checkpoints": name.capitalize(),
                "Networks": entry["num_networks"],
                "Lowest": entry["quantiles"]["0"],
                "Median": entry["quantiles"]["0.5"],
                "Highest": entry["quantiles"]["1"],
                "At chance": entry["at_chance"],
                "Highest possible τ": entry["tau_ceiling"],
            }
            for name, entry in accuracies.items()
        ]
    )


def _family_table(families: list[dict[str, Any]]) -> pandas.DataFrame:
    return pandas.DataFrame(
        [
            {
                "Family": row["family"],
                "Runs": row["num_runs"],
                "Networks": row["num_networks"],
                "Architectures": row["num_architectures"],
                "Parameters": " – ".join(f"{number:,}" for number in row["num_parameters"]),
            }
            for row in families
        ]
    )


def _name(column: str) -> str:
    return column.replace("_", " ").capitalize()
