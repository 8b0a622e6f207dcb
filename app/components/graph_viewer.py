"""The viewer of neural graphs: a component that draws with WebGL 2 what `app.viewer` packs."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit import runtime

import ngcore.graph
from app.block_map import block_map
from app.charts.colours import CATEGORIES
from app.components.appearance import theme
from app.components.modules import joined
from app.viewer.edges import FULL_BUDGET
from app.viewer.events import Chosen, Wish, chosen_of, wish_of

if TYPE_CHECKING:
    from ngcore.networks import Architecture

MODULES = (
    *("arrays", "colour", "model", "shaders", "painter", "camera", "overlay", "card", "files", "input", "controls"),
    *("view", "main"),
)
WISHES_KEY = "graph_viewer.wishes"
MAX_WISHES = 64
_FRONTEND = Path(__file__).resolve().with_name("frontend") / "graph"


def _text(name: str) -> str:
    return (_FRONTEND / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.graph_viewer", html=_text("viewer.html"), css=_text("viewer.css"), js=joined(_FRONTEND, MODULES)
)


@dataclasses.dataclass(frozen=True)
class Shown:
    """What a viewer shows, as bytes of `app.viewer.packing`.

    Attributes:
        key: Changes with the network.
        architecture: Of the network.
        scene: See `app.viewer.scene.pack_scene`.
        edges: See `app.viewer.edges.pack_edges`.
        activations: See `app.viewer.pictures`; None while none are wanted.
        flight: The array "target" uint32 (items,), the item to whose place each moves; None where all stand still.
        is_picture: Whether the outputs are the brightness of an image.
    """

    key: str
    architecture: "Architecture"
    scene: bytes
    edges: bytes
    activations: bytes | None = None
    flight: bytes | None = None
    is_picture: bool = False


def wish_for(architecture: "Architecture") -> Wish:
    """What the viewer wants to be sent of networks of an architecture; it is known for as long as the session lasts."""
    return st.session_state.get(WISHES_KEY, {}).get(architecture.id, Wish())


def graph_viewer(
    shown: Shown,
    *,
    key: str,
    file_name: str,
    selected: int | None = None,
    on_select: Callable[[int | None], None] | None = None,
    height: int | None = None,
) -> None:
    """Mount the viewer; selection, zoom and open layers are its own and outlive reruns.

    Args:
        shown: What it shows.
        key: Name of the component on the page.
        file_name: Of the pictures that can be saved, without suffix.
        selected: Number of the neuron that is selected.
        on_select: Called with the number of the neuron that the user selects, None for none; within a callback.
        height: Of the drawing in pixels; None for the usual one.
    """
    colours = dataclasses.asdict(theme())
    count = _chosen(key, shown)
    data = {
        "key": shown.key,
        "shape": shown.architecture.id,
        "scene": _served(shown.scene, f"{key}.scene"),
        "edges": _served(shown.edges, f"{key}.edges"),
        "activations": _served(shown.activations, f"{key}.activations"),
        "flight": _served(shown.flight, f"{key}.flight"),
        "isPicture": shown.is_picture,
        "isFull": wish_for(shown.architecture).is_full,
        "fullBudget": FULL_BUDGET,
        "selected": selected,
        "echo": count.count if count else 0,
        "colours": {**colours, "categories": list(CATEGORIES)},
        "fileName": file_name,
        "height": height,
    }
    _mount(
        key=key,
        data=data,
        on_selected_change=lambda: _take_selection(key, shown, on_select),
        on_wish_change=lambda: _take_wish(key, shown.architecture),
    )


def _state(key: str, name: str) -> Any:
    return (st.session_state.get(key) or {}).get(name)


def _chosen(key: str, shown: Shown) -> Chosen | None:
    num_nodes = ngcore.graph.graph_structure(shown.architecture).num_nodes
    return chosen_of(_state(key, "selected"), key=shown.key, num_nodes=num_nodes)


def _take_selection(key: str, shown: Shown, on_select: Callable[[int | None], None] | None) -> None:
    chosen = _chosen(key, shown)
    if chosen is not None and on_select is not None:
        on_select(chosen.node)


def _take_wish(key: str, architecture: "Architecture") -> None:
    wish = wish_of(_state(key, "wish"), shape=architecture.id, num_units=len(block_map(architecture).units))
    if wish is None:
        return
    wishes = st.session_state.setdefault(WISHES_KEY, {})
    wishes.pop(architecture.id, None)
    wishes[architecture.id] = wish
    while len(wishes) > MAX_WISHES:
        del wishes[next(iter(wishes))]


def _served(data: bytes | None, name: str) -> str | None:
    """The address on this server at which the browser finds bytes; they are sent once, whatever reruns."""
    if data is None or not runtime.exists():
        return None
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    address = runtime.get_instance().media_file_mgr.add(data, "application/octet-stream", f"graph_viewer.{name}")
    return f"/{base}{address}" if base else address
