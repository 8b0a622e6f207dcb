"""The tab of what both networks compute: pictures, answers to real images, or outputs for random inputs."""

import numpy as np
import streamlit as st

from app import cached
from app.charts.image_grid import draw_image_grid, to_image
from app.charts.signed_image import draw_signed_image
from app.charts.theme import key_line, scale_key
from app.compare.pair import Pair, apart_as_pictures, apart_on_random_inputs, on_images
from app.components.appearance import theme
from app.components.siren_view import DIFFERENCE_LIMIT, siren_view
from app.errors import fragment, plain
from ngcore.networks import Network, check_cost
from ngcore.tasks import AnswersOnImages
from ngcore.zoo import CLASS_NAMES, sample_images

SIDE = 128
MAX_PICTURES = 48


@fragment
def function_tab(pair: Pair) -> None:
    """Show how differently two networks compute."""
    apart = apart_as_pictures(pair)
    if apart is not None:
        st.metric("MSE between the two pictures", f"{apart:.4f}", border=True, width=230)
        _pictures(pair)
        return
    answers = on_images(pair)
    if answers is not None:
        _answers(answers)
        return
    found = apart_on_random_inputs(pair)
    if found is None:
        st.info(
            "These two networks have other inputs or outputs, so that nothing that they compute can be compared.",
            icon=":material/info:",
        )
        return
    difference, count = found
    st.metric("Relative difference of the outputs", f"{difference:.2%}", border=True, width=260)
    st.caption(f"Norm of the difference over that of the first network's outputs, on {count:,} random inputs.")


def _pictures(pair: Pair) -> None:
    if pair.is_one_architecture:
        siren_view(pair.first, pair.second, key="pair.zoom", names=("First", "Second"))
        return
    first, second = (_render(network) for network in (pair.first, pair.second))
    shown = {
        "First": first.clip(0, 1),
        "Second": second.clip(0, 1),
        "Second − first": draw_signed_image(second - first, DIFFERENCE_LIMIT, theme=theme()) / 255,
    }
    for column, (title, pixels) in zip(st.columns(3), shown.items(), strict=True):
        column.image(to_image(pixels, 384), caption=title, alt=f"Picture: {title}", width="stretch")
    st.html(key_line(scale_key("difference", DIFFERENCE_LIMIT, theme())))


def _render(network: Network) -> np.ndarray:
    import torch

    from ngcore.inr import render

    check_cost(network.architecture, num_inputs=SIDE * SIDE, max_bytes=None)
    with torch.inference_mode():
        return render(network, (SIDE, SIDE), device=cached.device())[0].cpu().numpy()


def _answers(answers: AnswersOnImages) -> None:
    """How often both classifiers are right and agree, and images that they classify differently."""
    count, (first, second) = len(answers.labels), answers.accuracies
    with st.container(horizontal=True, gap="small"):
        st.metric("Accuracy, first", f"{first:.1%}", border=True, width=150)
        st.metric("Accuracy, second", f"{second:.1%}", f"{100 * (second - first):+.1f} points", border=True, width=150)
        st.metric("Agreement", f"{answers.agreement:.1%}", border=True, width=150)
    st.caption(
        f"On {count:,} test images of {plain(answers.image_set)}. Agreement: both answer the same class, be it right "
        "or wrong."
    )
    rows = answers.differs.nonzero()[:, 0].tolist()
    if not rows:
        st.caption("Both give the same class to every image.")
        return
    names = CLASS_NAMES[answers.image_set]
    images = sample_images(answers.image_set).images[rows[:MAX_PICTURES]].numpy() / 255
    first_said, second_said = answers.first.tolist(), answers.second.tolist()
    said = [f"{_name(names, first_said[row])} | {_name(names, second_said[row])}" for row in rows[:MAX_PICTURES]]
    st.markdown(f"**Images that they classify differently**, {len(images)} of {len(rows):,}")
    st.image(
        draw_image_grid(images, said, columns=8, size=112, theme=theme()),
        width="stretch",
        alt=f"{len(images)} images, each with the answers of the first and the second network",
    )
    st.caption("Below each image: the first network's class | the second network's class.")


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if number >= 0 else "not finite"
