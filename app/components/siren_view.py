"""A SIREN drawn by the viewer's graphics processor, at every zoom as sharp as the screen; two of them to compare."""

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st

import ngcore.inr
import ngcore.networks
from app import cached
from app.charts.image_grid import to_png
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.siren_texels import pack, sine_frequencies
from app.viewer.events import count_of

if TYPE_CHECKING:
    from ngcore.networks import Architecture, Network

PIXELS = 28
STILL_SIDE = 64  # pixels of the pictures for browsers that cannot draw, sent along each time
FALLBACK_SIDE = 256  # pixels of the pictures of networks that no browser can draw
DIFFERENCE_LIMIT = 0.5
FULL_STRENGTH = 1.0
NAMES = ("Before", "After")
_HEARD_KEY = "siren_view.heard"
FRONTEND = Path(__file__).resolve().with_name("frontend")


def _frontend(part: str) -> str:
    return FRONTEND.joinpath(f"siren_view.{part}").read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.siren_view", html=_frontend("html"), css=_frontend("css"), js=_frontend("js")
)


@dataclasses.dataclass(frozen=True)
class LiveStrength:
    """A strength that the viewer sets beside the picture, and what the second network is at some strengths.

    Between these the picture previews weights that are interpolated; beyond the last it goes straight on.

    Attributes:
        label: What it is the strength of; a name of this app.
        value: What it is now.
        known: Networks by strength, two at least.
        changed: Called with a new value, in [0, `most`], before the page runs again.
        most: The largest strength.
        strip: Strengths that are shown as small pictures, and what to write below each.
    """

    label: str
    value: float
    known: "Mapping[float, Network]"
    changed: Callable[[float], None]
    most: float = 2.0
    strip: tuple[tuple[float, str], ...] = ((0.0, "0"), (0.5, "½"), (1.0, "1"), (1.5, "1½"))


def siren_view(
    before: "Network",
    after: "Network | None" = None,
    *,
    key: str,
    pixels: int = PIXELS,
    limit: float = DIFFERENCE_LIMIT,
    names: tuple[str, str] = NAMES,
    live: LiveStrength | None = None,
    layout: Literal["side", "swipe"] = "side",
) -> None:
    """Show a SIREN to zoom into; of two, before, after and their difference.

    Networks that cannot be drawn in the browser are shown as pictures of `FALLBACK_SIDE` pixels a side, without the
    live strength; see `can_draw`.

    Args:
        before: A stack of one.
        after: Another stack of one of the same architecture.
        key: Name of the component on the page.
        pixels: Resolution of the image that the network was fitted to, for the grid and the extent.
        limit: Difference of brightness at which its colour is full.
        names: What to call the two.
        live: A strength of which `after` is the network at its value; None for none.
        layout: How two pictures are shown at first: side by side with their difference, or one over the other.
    """
    if not can_draw(before.architecture):
        _show_stills([before] if after is None else [before, after], names)
        return
    known = {} if after is None else {0.0: before, 1.0: after}
    if live is not None and after is not None:
        known = {**live.known, live.value: after}
    strengths = sorted(known)
    packed = [pack(network).tobytes() for network in (before, *(known[strength] for strength in strengths))]
    fixed = live.known.values() if live is not None else known.values()
    fingerprint = _fingerprint([before, *fixed])
    colours = theme()
    stills = [before] if after is None else [before, after]
    data = {
        "sizes": before.architecture.layer_sizes,
        "frequencies": sine_frequencies(before.architecture),
        "offset": _offset(),
        "networks": [_as_text(one) for one in packed],
        "strengths": strengths,
        "fingerprint": fingerprint,
        "strength": FULL_STRENGTH if live is None else live.value,
        "heard": _heard().get(key, 0),
        "label": None if live is None else live.label,
        "most": FULL_STRENGTH if live is None else live.most,
        "strip": [] if live is None else [list(one) for one in live.strip],
        "names": list(names),
        "layout": layout,
        "pixels": pixels,
        "limit": limit,
        "colours": dataclasses.asdict(colours),
        "stills": [_as_text(to_png(_still(network, STILL_SIDE))) for network in stills],
    }
    _mount(key=key, data=data, on_strength_change=partial(_take_strength, key, fingerprint, live))
    if after is not None and layout == "side":
        st.html(key_line(scale_key("difference", limit, colours)))


def can_draw(architecture: "Architecture") -> bool:
    """Whether a browser can draw such networks."""
    return sine_frequencies(architecture) is not None


def _take_strength(key: str, fingerprint: str, live: LiveStrength | None) -> None:
    """Pass on what the browser sent, if it is a strength of the networks that are shown."""
    sent = st.session_state.get(key)
    _heard()[key] = max(count_of(sent.get("strength") if isinstance(sent, Mapping) else None), _heard().get(key, 0))
    value = strength_in(sent, fingerprint, 0.0 if live is None else live.most)
    if live is not None and value is not None and value != live.value:
        live.changed(value)


def _heard() -> dict[str, int]:
    """How many strengths of each view have been heard of."""
    heard: dict[str, int] = st.session_state.setdefault(_HEARD_KEY, {})
    return heard


def strength_in(sent: Any, fingerprint: str, most: float) -> float | None:
    """The strength that a browser sent for these networks, rounded to hundredths; None if it sent anything else."""
    message = sent.get("strength") if isinstance(sent, Mapping) else None
    if not isinstance(message, Mapping) or message.get("fingerprint") != fingerprint:
        return None
    value = message.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(float(value), 2) if 0 <= value <= most else None


def _fingerprint(networks: "Sequence[Network]") -> str:
    return hashlib.sha256(b"".join(pack(network).tobytes() for network in networks)).hexdigest()[:16]


def _show_stills(networks: "Sequence[Network]", names: tuple[str, str]) -> None:
    st.caption(
        f"Only SIRENs of moderate size can be zoomed into; this network is shown at "
        f"{FALLBACK_SIDE} × {FALLBACK_SIDE} pixels."
    )
    stills = [_still(network, FALLBACK_SIDE) for network in networks]
    for column, still, name in zip(st.columns(len(stills)), stills, names, strict=False):
        column.image(to_png(still), alt=f"The picture {name.lower()}", width="stretch")


def _still(network: "Network", side: int) -> np.ndarray:
    import torch

    ngcore.networks.check_cost(network.architecture, num_inputs=side * side, max_bytes=None)
    with torch.inference_mode():
        return ngcore.inr.render(network, (side, side), device=cached.device())[0].clamp(0, 1).cpu().numpy()


def _offset() -> float:
    return ngcore.inr.SIREN_OUTPUT_OFFSET


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()
