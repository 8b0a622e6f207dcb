"""A SIREN drawn by the viewer's graphics processor, at every zoom as sharp as the screen; two of them to compare."""

import base64
import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

import ngcore.inr
import ngcore.networks
from app import cached
from app.charts.image_grid import to_png
from app.charts.theme import key_line, scale_key
from app.components.appearance import theme
from app.siren_texels import pack, sine_frequencies

if TYPE_CHECKING:
    from ngcore.networks import Network

PIXELS = 28
STILL_SIDE = 64  # pixels of the pictures for browsers that cannot draw, sent along each time
FALLBACK_SIDE = 256  # pixels of the pictures of networks that no browser can draw
DIFFERENCE_LIMIT = 0.5
FULL_STRENGTH = 1.0
NAMES = ("Before", "After")
FRONTEND = Path(__file__).resolve().with_name("frontend")


def _frontend(part: str) -> str:
    return FRONTEND.joinpath(f"siren_view.{part}").read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "ngcore.siren_view", html=_frontend("html"), css=_frontend("css"), js=_frontend("js")
)


@dataclasses.dataclass(frozen=True)
class SirenView:
    """What the viewer has set in the view.

    Attributes:
        strength: Share of the change that is previewed as after: 0 shows before, 1 shows after.
    """

    strength: float = FULL_STRENGTH


def siren_view(
    before: "Network",
    after: "Network | None" = None,
    *,
    key: str,
    pixels: int = PIXELS,
    limit: float = DIFFERENCE_LIMIT,
    names: tuple[str, str] = NAMES,
    has_strength: bool = True,
) -> SirenView:
    """Show a SIREN to zoom into; of two, before, after and their difference, with a strength to preview.

    Networks that cannot be drawn in the browser are shown as pictures of `FALLBACK_SIDE` pixels a side.

    Args:
        before: A stack of one.
        after: Another stack of one of the same architecture.
        key: Name of the component on the page.
        pixels: Resolution of the image that the network was fitted to, for the grid and the extent.
        limit: Difference of brightness at which its colour is full.
        names: What to call the two.
        has_strength: Whether a strength between and beyond the two can be previewed.
    """
    networks = [before] if after is None else [before, after]
    frequencies = sine_frequencies(before.architecture)
    if frequencies is None:
        st.caption(
            f"Only SIRENs of moderate size can be zoomed into; this network is shown at "
            f"{FALLBACK_SIDE} × {FALLBACK_SIDE} pixels."
        )
        stills = [_still(network, FALLBACK_SIDE) for network in networks]
        for column, still, name in zip(st.columns(len(stills)), stills, names, strict=False):
            column.image(to_png(still), alt=f"The picture {name.lower()}", width="stretch")
        return SirenView()
    packed = [pack(network).tobytes() for network in networks]
    fingerprint = hashlib.sha256(b"".join(packed)).hexdigest()[:16]
    strength = _strength(st.session_state.get(key), fingerprint)
    colours = theme()
    data = {
        "sizes": before.architecture.layer_sizes,
        "frequencies": frequencies,
        "offset": _offset(),
        "networks": [_as_text(one) for one in packed],
        "fingerprint": fingerprint,
        "strength": strength,
        "names": names,
        "hasStrength": has_strength,
        "pixels": pixels,
        "limit": limit,
        "colours": dataclasses.asdict(colours),
        "stills": [_as_text(to_png(_still(network, STILL_SIDE))) for network in networks],
    }
    result = _mount(key=key, data=data, on_strength_change=lambda: None)
    if after is not None:
        st.html(key_line(scale_key("difference", limit, colours)))
    return SirenView(_strength(result, fingerprint))


def _strength(state: Any, fingerprint: str) -> float:
    """The strength that was set for these very networks; full strength for others."""
    sent = (state or {}).get("strength")
    return float(sent["value"]) if sent and sent["fingerprint"] == fingerprint else FULL_STRENGTH


def _still(network: "Network", side: int) -> np.ndarray:
    import torch

    ngcore.networks.check_cost(network.architecture, num_inputs=side * side, max_bytes=None)
    with torch.inference_mode():
        return ngcore.inr.render(network, (side, side), device=cached.device())[0].clamp(0, 1).cpu().numpy()


def _offset() -> float:
    return ngcore.inr.SIREN_OUTPUT_OFFSET


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode()
