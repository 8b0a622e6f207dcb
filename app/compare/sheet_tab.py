"""The tab of many networks in one sheet: the same tensor of each as a matrix or a histogram, in one scale."""

from functools import partial

import numpy as np
import pandas
import streamlit as st

from app import cached
from app.charts.clicks import clicked_rows
from app.charts.gaps import full_colour
from app.charts.picture_wall import draw_picture_wall, wall_height
from app.charts.tensor_pictures import histogram_picture, matrix_picture
from app.charts.theme import key_line, scale_key
from app.compare.order import ALIGNED, AS_GIVEN
from app.compare.pair import MAX_ALIGNED
from app.components.appearance import theme
from app.errors import fragment, plain
from app.partner import PARTNER, Partner
from app.state import Selection
from ngcore.networks import Network, align
from ngcore.zoo import Zoo

MATRICES, HISTOGRAMS = "Matrices", "Histograms"
COUNTS = (24, 60, 120)
COLUMNS, SIDE = 10, 64
ORDERS = {"id": "Order in the zoo", "label": "Label", "accuracy": "Accuracy", "step": "Training step"}
WIDTH = 78  # pixels of a picture and the gap beside it
SHARE = 0.995
WALL_KEY = "pair.sheet"


@fragment
def sheet_tab(selection: Selection) -> None:
    """Show a tensor of many networks of the zoo that a network is from."""
    if selection.is_upload:
        st.info("A sheet shows networks of a zoo: select one of a zoo above.", icon=":material/info:")
        return
    zoo, architecture = cached.zoo(selection.zoo), cached.network(selection).architecture
    with st.container(horizontal=True, vertical_alignment="bottom", key="pair-sheet"):
        show = st.segmented_control(
            "Show",
            [MATRICES, HISTOGRAMS],
            default=MATRICES,
            required=True,
            key="compare_sheet",
            bind="query-params",
            persist_state="session",
        )
        name = st.selectbox(
            "Tensor",
            list(architecture.parameter_shapes),
            key="compare_sheet_tensor",
            bind="query-params",
            persist_state="session",
            width=200,
        )
        count = st.segmented_control(
            "Networks",
            COUNTS,
            default=COUNTS[0],
            required=True,
            key="compare_sheet_count",
            bind="query-params",
            persist_state="session",
        )
        orders = _orders(zoo)
        order = st.selectbox(
            "Ordered by",
            orders,
            format_func=ORDERS.__getitem__,
            key="compare_sheet_order",
            bind="query-params",
            persist_state="session",
            width=180,
        )
        neurons = st.segmented_control(
            "Neurons",
            [ALIGNED, AS_GIVEN],
            default=ALIGNED,
            required=True,
            key="compare_sheet_neurons",
            bind="query-params",
            persist_state="session",
            help="Aligned: each network's hidden neurons in the order, and with the signs, in which its weights are "
            "nearest to those of the selected network. Each computes the same.",
        )
    rows = _chosen(zoo, selection, count or COUNTS[0], order or orders[0])
    reference = selection if neurons == ALIGNED else None
    _show(zoo, rows, name or next(iter(architecture.parameter_shapes)), reference, is_histogram=show == HISTOGRAMS)


def _orders(zoo: Zoo) -> list[str]:
    """The columns that a zoo knows something of."""
    known = {
        "label": bool((zoo.metadata["label"] >= 0).any()),
        "accuracy": bool(zoo.metadata["accuracy"].notna().any()),
        "step": bool((zoo.metadata["step"] >= 0).any()),
    }
    return ["id", *(name for name, has_values in known.items() if has_values)]


def _chosen(zoo: Zoo, selection: Selection, count: int, order: str) -> pandas.DataFrame:
    """Rows of this many networks of the selected one's architecture, evenly spread over the zoo, in order."""
    metadata = zoo.metadata
    own = metadata["architecture"].iloc[zoo.position(selection.id)]
    fitting = metadata[metadata["architecture"] == own].sort_values(order, kind="stable")
    rows = np.linspace(0, len(fitting) - 1, min(count, len(fitting))).round().astype(int)
    return fitting.iloc[rows]


def _show(zoo: Zoo, rows: pandas.DataFrame, name: str, reference: Selection | None, *, is_histogram: bool) -> None:
    """Show a tensor of some networks, their neurons aligned with those of the reference if there is one."""
    ids = rows["id"].astype(str).tolist()
    is_too_large = reference is not None and _too_large(cached.network(reference), len(ids))
    networks = _aligned_sheet(zoo, ids, reference) if reference and not is_too_large else _networks(zoo, ids)
    tensors = networks.parameters[name].float().cpu().numpy()
    limit, colours = full_colour(tensors, SHARE), theme()
    draw = histogram_picture if is_histogram else matrix_picture
    pictures = np.stack([draw(tensor, limit, theme=colours, side=SIDE) for tensor in tensors])
    with st.container(key="pair-wall"):
        st.echarts_chart(
            draw_picture_wall(pictures, _texts(zoo, rows), columns=COLUMNS, side=SIDE, theme=colours),
            width=COLUMNS * WIDTH,
            height=wall_height(len(ids), COLUMNS, side=SIDE),
            key=WALL_KEY,
            on_select=partial(_select_clicked, zoo.name, ids),
            alt=f"The tensor {name} of {len(ids)} networks of {zoo.name}, each with its number and what is known of it",
        )
    if is_histogram:
        st.caption(f"Weights of {plain(name)} from −{limit:.3g} to {limit:.3g} in each; heights are relative.")
    else:
        st.html(key_line(scale_key(f"{name}, one scale for all", limit, colours)))
    about = "" if reference is None else "Neurons are aligned with those of the selected network. "
    if is_too_large:
        about = "Neurons are shown as given: aligning so many networks of this size would take minutes. "
    st.caption(f"{len(ids):,} networks of {plain(zoo.name)}. {about}Click one to compare it with the selected network.")


def _networks(zoo: Zoo, ids: list[str]) -> Network:
    return zoo.networks([zoo.position(one) for one in ids])


def _too_large(network: Network, count: int) -> bool:
    return count * network.architecture.num_parameters > MAX_ALIGNED


def _aligned_sheet(zoo: Zoo, ids: list[str], reference: Selection) -> Network:
    """The networks with their hidden neurons aligned with those of the reference."""
    return _align_all(zoo.hash, tuple(ids), cached.content_key(reference), zoo, reference)


@st.cache_resource(max_entries=8, show_spinner="Aligning the neurons …")
def _align_all(zoo_hash: str, ids: tuple[str, ...], key: str, _zoo: Zoo, _reference: Selection) -> Network:
    return align(_networks(_zoo, list(ids)), cached.network(_reference).to("cpu"))


def _texts(zoo: Zoo, rows: pandas.DataFrame) -> list[str]:
    """Two lines of text for each network: its number, and its class or accuracy."""
    names = zoo.card.get("class_names", ())
    texts = []
    for name, label, accuracy in zip(rows["id"], rows["label"], rows["accuracy"], strict=True):
        known = str(names[label]) if 0 <= label < len(names) else f"{accuracy:.1%}" if accuracy == accuracy else ""
        texts.append(f"{str(name).removeprefix(f'{zoo.name}/')}\n{known}")
    return texts


def _select_clicked(zoo: str, ids: list[str]) -> None:
    rows = clicked_rows(st.session_state[WALL_KEY]["selection"], len(ids))
    if len(rows) == 1:
        PARTNER.set(Partner(Selection(zoo, ids[rows.pop()])))
