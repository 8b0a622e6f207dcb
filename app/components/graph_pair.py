"""The graphs of two networks of one architecture: their difference in one picture, or both side by side and linked."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from app.byte_cache import remembered
from app.components.graph_viewer import Shown, Words, graph_viewer
from app.errors import plain
from app.viewer.changes import difference, neuron_lengths
from app.viewer.scene import pack_numbers
from app.viewer.selected import select_neuron, selected_neuron
from app.viewer.sent import Drawn

if TYPE_CHECKING:
    from ngcore.networks import Architecture, Network

OVERLAID, BESIDE = "Difference", "Side by side"
CHANGE, SIDE_BY_SIDE = "change", "beside"
MAX_BYTES = 64 * 1024 * 1024
HEIGHT = 460  # pixels of each of two drawings side by side


@dataclass(frozen=True)
class GraphPair:
    """Two networks of one architecture.

    Attributes:
        keys: Texts that change whenever the networks do; for caches.
        networks: Stacks whose first networks are drawn.
        names: What to call them.
        file_name: Of pictures that are saved, without suffix.
        class_names: Of their outputs, in order.
        word: What to call what lies between them, such as "change".
        is_picture: Whether the outputs are the brightness of an image.
    """

    keys: tuple[str, str]
    networks: "tuple[Network, Network]"
    names: tuple[str, str]
    file_name: str
    class_names: tuple[str, ...] = ()
    word: str = "difference"
    is_picture: bool = False

    @property
    def architecture(self) -> "Architecture":
        """Of both."""
        return self.networks[0].architecture

    @property
    def key(self) -> str:
        """Text that changes whenever their difference does."""
        return "\n".join(self.keys)


def show_graph_pair(pair: GraphPair, *, key: str, parameter: str) -> None:
    """Draw two graphs in one of two ways, which the user chooses.

    Args:
        pair: The networks.
        key: Begins the names of the widgets.
        parameter: Name of the choice in the address.
    """
    shown = st.segmented_control(
        "Show",
        [OVERLAID, BESIDE],
        default=OVERLAID,
        required=True,
        key=parameter,
        bind="query-params",
        persist_state="session",
        help=f"**{OVERLAID}** – one graph, whose edges are what the second network has more or less than the first.  \n"
        f"**{BESIDE}** – both graphs; zoom, selection and settings of one are those of the other.",
    )
    if shown == BESIDE:
        _show_beside(pair, key)
    else:
        _show_overlaid(pair, key)


def _show_overlaid(pair: GraphPair, key: str) -> None:
    """The graph of the difference."""
    before, after = pair.networks
    drawn = Drawn(pair.key, difference(after, before), pair.class_names, kind=CHANGE)
    words = Words(
        edge=f"{pair.word} of the weight",
        size="|Δw|",
        colours=((CHANGE, f"{pair.word} of all its weights"), ("bias", f"{pair.word} of the bias"), ("layer", "layer")),
    )
    graph_viewer(
        Shown(drawn, words, numbers=_moved(pair.key, pair)),
        key=f"{key}.overlaid",
        file_name=f"{pair.file_name}-{pair.word}",
        selected=selected_neuron(pair.architecture),
        on_select=select_neuron,
    )
    st.caption(
        f"Edges: {plain(pair.names[1])} minus {plain(pair.names[0])}. Neurons: length of the {pair.word} of all "
        "incoming weights and the bias."
    )


def _show_beside(pair: GraphPair, key: str) -> None:
    """Both graphs, moved together."""
    words = Words(colours=(*Words.colours, (CHANGE, pair.word)))
    moved = _moved(pair.key, pair)
    columns = st.columns(2, gap="small")
    for number, (column, name) in enumerate(zip(columns, pair.names, strict=True)):
        drawn = Drawn(pair.keys[number], pair.networks[number], pair.class_names, kind=SIDE_BY_SIDE)
        with column:
            st.markdown(f"**{plain(name)}**")
            graph_viewer(
                Shown(drawn, words, numbers=moved, is_picture=pair.is_picture),
                key=f"{key}.beside{number}",
                file_name=f"{pair.file_name}-{number + 1}",
                selected=selected_neuron(pair.architecture),
                on_select=select_neuron,
                height=HEIGHT,
                group=key,
                is_compact=True,
            )


@remembered(max_bytes=MAX_BYTES)
def _moved(key: str, _pair: GraphPair) -> bytes:
    """How far each neuron of the second network is from that of the first."""
    first, second = _pair.networks
    return pack_numbers(_pair.architecture, {CHANGE: neuron_lengths(difference(second, first))})
