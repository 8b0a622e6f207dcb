"""The line under a map that says how far to trust it, and a sentence that explains each figure."""

import math

import streamlit as st

from app import map_data
from app.errors import plain
from app.map.chart import MapView
from ngcore.maps.quality import MapQuality

EXPLANATION = (
    "**Trustworthiness**: whether points that are close on the map are close in the full embedding too (10 nearest, "
    "weighted by rank; 100 % is perfect). "
    "**Label by neighbours**: how often the 10 nearest networks, by majority, have the right label: in the full "
    "embedding, and by the places on the map alone. Where the two differ, the map shows less, or seems to show more, "
    "than the embedding holds. "
    "**Variance**: the share of all differences that the axes of PCA hold. "
    "**Stability**: the share of a point's 10 nearest that stay the same with another random seed. "
    "**Outlier score** (a column to colour by): the local outlier factor; 1 within a crowd, larger the lonelier a "
    "network is."
)


def quality_line(view: MapView) -> None:
    """Say what is on a map and how good it is, with a button to measure the stability where it is not known yet."""
    with_stability = bool(st.session_state.get(f"map.stability.{view.key}"))
    quality = map_data.quality(view.seen, view.method, view.parameters, with_stability=with_stability)
    if quality is None:
        text = "the quality of this map is measured once its embeddings are computed: select a network"
        st.caption(f"{_contents(view)} · {text}")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{_contents(view)} · {quality_text(quality, view)}", help=EXPLANATION, width="content")
        if math.isnan(quality.stability) and view.method != "pca" and not with_stability:
            st.button(
                "Measure the stability",
                key=f"map.measure.{view.key}",
                type="tertiary",
                help="Lays up to 1,000 of the networks out with two other seeds and compares neighbourhoods.",
                on_click=_want_stability,
                args=(view.key,),
            )


def _contents(view: MapView) -> str:
    """Which networks are on a map, and by what they are laid out."""
    share = f"{len(view.seen):,} of the {len(view.zoo):,} networks of {plain(view.zoo.name)}"
    return f"{share} by " + ("their raw weights" if view.card is None else f"the embedding of {plain(view.seen.model)}")


def _want_stability(key: str) -> None:
    st.session_state[f"map.stability.{key}"] = True


def quality_text(quality: MapQuality, view: MapView) -> str:
    """The figures of a map that are known, in a line of Markdown."""
    space = "in all weights" if view.card is None else "in the embedding"
    parts = []
    if not math.isnan(quality.trustworthiness):
        parts.append(f"trustworthiness **{_percent(quality.trustworthiness)}**")
    if not math.isnan(quality.knn_map):
        parts.append(
            f"label by neighbours **{_percent(quality.knn_features)}** {space}, "
            f"**{_percent(quality.knn_map)}** on the map (chance {_percent(quality.chance)})"
        )
    if not math.isnan(quality.variance):
        parts.append(f"**{_percent(quality.variance)}** of the variance")
    if not math.isnan(quality.stability):
        parts.append(f"stability **{_percent(quality.stability)}**")
    if not parts:
        return "too few networks to measure the quality of this map"
    is_sample = quality.num_networks < len(view.seen)
    return " · ".join(parts) + (f" (n = {quality.num_networks:,})" if is_sample else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\u2009%"
