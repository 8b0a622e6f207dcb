"""The viewer of neural graphs: a component that draws with WebGL 2 what `app.viewer` packs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import runtime

import ngcore.graph
from app import address
from app.block_map import block_map
from app.charts.colours import CATEGORIES
from app.components.appearance import theme
from app.components.modules import joined
from app.viewer import sent
from app.viewer.edges import FULL_BUDGET
from app.viewer.events import chosen_of, count_of, look_of
from app.viewer.look_link import keep_look, look_at, times_asked
from app.viewer.looks import Look
from app.viewer.sent import Drawn

MODULES = (
    *("arrays", "colour", "elements", "model", "shaders", "painter", "camera", "kernels", "card", "overlay", "files"),
    *("stage", "drawing", "explorer", "input", "controls", "view", "main"),
)
_HEARD_KEY = "graph_viewer.heard"
_FRONTEND = Path(__file__).resolve().with_name("frontend") / "graph"


def _text(name: str) -> str:
    return (_FRONTEND / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.graph_viewer", html=_text("viewer.html"), css=_text("viewer.css"), js=joined(_FRONTEND, MODULES)
)


@dataclasses.dataclass(frozen=True)
class Words:
    """What the numbers of a drawing are called.

    Attributes:
        edge: The number of an edge.
        size: Its absolute value.
        colours: What neurons can be coloured by, each a name of `app.viewer.looks.COLOURS`, a title and maybe a unit;
            the first one does at first.
    """

    edge: str = "weight"
    size: str = "|w|"
    colours: tuple[tuple[str, ...], ...] = (("bias", "bias"), ("layer", "layer"), ("fan_in", "fan-in norm"))


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a viewer shows.

    Attributes:
        drawn: The network.
        words: What its numbers are called.
        activations: See `app.viewer.pictures`; None while none are wanted.
        numbers: Further numbers of neurons, see `app.viewer.scene.pack_numbers`.
        flight: The array "target" uint32 (items,), the item to whose place each moves; None where all stand still.
        is_picture: Whether the outputs are the brightness of an image.
    """

    drawn: Drawn
    words: Words = Words()
    activations: bytes | None = None
    numbers: bytes | None = None
    flight: bytes | None = None
    is_picture: bool = False


def graph_viewer(
    shown: Shown,
    *,
    key: str,
    file_name: str,
    selected: int | None = None,
    on_select: Callable[[int | None], None] | None = None,
    height: int | None = None,
    group: str | None = None,
    is_compact: bool = False,
    is_bare: bool = False,
    is_in_address: bool = True,
) -> None:
    """Mount the viewer; selection, zoom and open layers are its own, outlive reruns and are in the address.

    Args:
        shown: What it shows.
        key: Name of the component on the page.
        file_name: Of the pictures that can be saved, without suffix.
        selected: Number of the neuron that is selected.
        on_select: Called with the number of the neuron that the user selects, None for none; within a callback. Without
            it the selection is the viewer's own.
        height: Of the drawing in pixels; None for the usual one.
        group: Name of the viewers that are moved together; None for one alone.
        is_compact: Whether it has fewer buttons, as where two stand side by side.
        is_bare: Whether it has none, as where it illustrates a text.
        is_in_address: Whether the address says how it is looked at; of several of different shapes only one can be.
    """
    drawn, look = shown.drawn, look_at(shown.drawn, is_in_address=is_in_address)
    colours = dataclasses.asdict(theme())
    channel = group or key
    data = {
        "key": drawn.name,
        "shape": drawn.shape,
        **_addresses(shown, look, selected, key),
        "words": dataclasses.asdict(shown.words),
        "look": _as_sent(look),
        "asked": times_asked(),
        "isPicture": shown.is_picture,
        "isFull": look.is_full,
        "fullBudget": FULL_BUDGET,
        "selected": selected,
        "isSelectionShared": on_select is not None,
        "channel": channel,
        "heard": _heard().get(channel, 0),
        "opening": address.openings(),
        "colours": {**colours, "categories": list(CATEGORIES)},
        "fileName": file_name,
        "height": height,
        "group": group,
        "isCompact": is_compact or is_bare,
        "isBare": is_bare,
    }
    _mount(
        key=key,
        data=data,
        on_selected_change=lambda: _take_selection(key, channel, drawn, on_select),
        on_look_change=lambda: _take_look(key, drawn),
    )


def _addresses(shown: Shown, look: Look, selected: int | None, key: str) -> dict[str, str | None]:
    """Where the browser finds the parts of a drawing, by their names."""
    parts = {
        "scene": sent.scene(shown.drawn),
        "edges": sent.edges(shown.drawn, look),
        "kernels": sent.kernels(shown.drawn, selected),
        **{name: getattr(shown, name) for name in ("activations", "numbers", "flight")},
    }
    return {name: _served(data, f"{key}.{name}") for name, data in parts.items()}


def _as_sent(look: Look) -> dict[str, Any]:
    """A look in the names of the browser."""
    return {
        "open": None if look.open_units is None else sorted(look.open_units),
        "colour": look.colour,
        "isFull": look.is_full,
        "k": look.k,
        "least": look.least,
        "isByLayer": look.is_by_layer,
    }


def _state(key: str, name: str) -> Any:
    return (st.session_state.get(key) or {}).get(name)


def _heard() -> dict[str, int]:
    """How many selections of each viewer, or group of viewers, have been heard of."""
    heard: dict[str, int] = st.session_state.setdefault(_HEARD_KEY, {})
    return heard


def _take_selection(key: str, channel: str, drawn: Drawn, on_select: Callable[[int | None], None] | None) -> None:
    message = _state(key, "selected")
    _heard()[channel] = max(count_of(message), _heard().get(channel, 0))
    num_nodes = ngcore.graph.graph_structure(drawn.architecture).num_nodes
    chosen = chosen_of(message, key=drawn.name, num_nodes=num_nodes)
    if chosen is not None and on_select is not None:
        on_select(chosen.node)


def _take_look(key: str, drawn: Drawn) -> None:
    look = look_of(_state(key, "look"), shape=drawn.shape, num_units=len(block_map(drawn.architecture).units))
    if look is not None:
        keep_look(drawn.shape, look)


def _served(data: bytes | None, name: str) -> str | None:
    """The address on this server at which the browser finds bytes; they are sent once, whatever reruns."""
    if data is None or not runtime.exists():
        return None
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    address = runtime.get_instance().media_file_mgr.add(data, "application/octet-stream", f"graph_viewer.{name}")
    return f"/{base}{address}" if base else address
