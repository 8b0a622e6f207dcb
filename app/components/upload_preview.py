"""What a file is read as, shown beside its form: the picture of an INR, or the sizes of its maps layer by layer."""

from typing import TYPE_CHECKING

import streamlit as st

from app.charts.layer_strip import draw_layer_strip
from app.components.appearance import theme
from app.components.render_panel import enlarged
from app.errors import plain, show_error
from ngcore.inr import is_inr

if TYPE_CHECKING:
    from app.components.upload_form import Outcome
    from ngcore.networks import Network

SIZE, WIDTH = 84, 252


def show_preview(outcome: "Outcome") -> None:
    """The network as the answers have it, or why there is none."""
    if outcome.error is not None:
        show_error(outcome.error)
        return
    if outcome.upload is None:
        st.caption("Fill in what is open to see the network.")
        return
    network = outcome.upload.network
    if is_inr(network.architecture):
        _picture(network)
    else:
        st.image(
            draw_layer_strip(network.architecture, theme=theme()),
            alt="The layers of the network with these answers: high as their maps are, wide as they have channels",
            caption="Its layers with these answers",
        )
    st.markdown(f"**{plain(network.architecture.name)}** · {network.architecture.num_parameters:,} parameters")
    for note in outcome.upload.notes:
        st.caption(plain(note))


def _picture(network: "Network") -> None:
    from ngcore.inr import render

    image = render(network, (SIZE, SIZE))[0].nan_to_num(0.5, 1.0, 0.0).clamp(0, 1)
    st.image(
        enlarged((image * 255).byte().numpy(), WIDTH * 2),
        width=WIDTH,
        alt="The picture that the network computes with these answers",
        caption="Its picture with these answers",
    )
