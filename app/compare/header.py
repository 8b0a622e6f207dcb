"""The two networks side by side: their names, facts and pictures, and a button that swaps them."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cached, page_table, state
from app.charts.image_grid import to_image
from app.compare.pair import Pair
from app.errors import plain
from app.partner import PARTNER, Partner
from app.state import Selection
from ngcore.networks import Network

PICTURE = 84


def show_pair(pair: Pair) -> None:
    """Say what the two networks are."""
    left, right = st.columns(2, gap="medium")
    second = pair.partner.selection
    with left:
        _show_one("First", pair.titles[0], pair.first, pair.selection)
    with right, _show_one("Second", pair.titles[1], pair.second, second or pair.selection):
        if second is not None:
            st.button(
                "Swap",
                icon=":material/swap_horiz:",
                key="pair.swap",
                type="tertiary",
                on_click=_swap,
                args=(pair.selection, second),
                help="The second network becomes the selected one of all pages.",
            )


def _show_one(place: str, title: str, network: Network, selection: Selection) -> DeltaGenerator:
    """Say what a network is; the row of its links comes back, for more of them."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if cached.is_inr(network.architecture):
            st.image(
                to_image(cached.image(selection), PICTURE), width=PICTURE, alt=f"What the {place.lower()} network shows"
            )
        with st.container(gap="xsmall"):
            st.markdown(f"{place}: **{title}**")
            st.caption(" · ".join(_facts(network, selection)))
            links = st.container(horizontal=True, gap="small", vertical_alignment="center")
            with links:
                st.page_link(
                    page_table.page("network"),
                    label="Open its graph",
                    icon=":material/hub:",
                    query_params={state.QUERY_PARAMETER: selection.key},
                )
    return links


def _facts(network: Network, selection: Selection) -> list[str]:
    row, label = cached.row(selection), cached.label_name(selection)
    return [
        plain(network.architecture.name),
        f"{network.architecture.num_parameters:,} parameters",
        *([f"label {plain(label)}"] if label is not None else []),
        *([f"test accuracy {row['accuracy']:.1%}"] if "accuracy" in row else []),
        *([f"step {row['step']:,}"] if "step" in row else []),
    ]


def _swap(first: Selection, second: Selection) -> None:
    state.select(zoo=second.zoo, id=second.id)
    PARTNER.set(Partner(first))
