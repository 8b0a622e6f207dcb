"""What came out of a fit: pictures, figures, the predicted class, ways on, and the other fits of the session."""

import numpy as np
import streamlit as st

from app import answers, cached, fits, map_data, page_table, state
from app.charts.fit_curve import draw_fit_curve
from app.charts.image_grid import data_address, draw_image_grid
from app.charts.probabilities import draw_probabilities
from app.components.appearance import theme
from app.components.class_sentence import say
from app.components.doubts import doubts_about, say_agreement, show_differences
from app.components.mirrored import newly_said
from app.components.render_panel import enlarged
from app.draw.picture_source import PICTURE_WIDTH
from app.errors import plain, reported
from app.fits import Fit
from ngcore.errors import NeuralGraphError
from ngcore.upload import export_network

WIDTHS = {3: 124, 4: 94}  # of a picture, by how many stand side by side
ERROR_SCALE = 5
FRAMES_IN_ROW, FRAME = 5, 78


def show_fit(fit: Fit) -> None:
    """Show a fit and the ways on from it."""
    st.header(f"Fit of {plain(fit.target.title)}, seed {fit.live.seed}")
    if fit.live.step < fit.live.config.steps:
        st.info(f"{fit.steps[0].upper()}{fit.steps[1:]}; what was fitted by then is kept.", icon=":material/stop:")
    _show_ways_on(fit)
    left, right = st.columns([0.54, 0.46], gap="medium")
    with left:
        _show_pictures(fit)
        _show_figures(fit)
        _show_course(fit)
    with right, reported():
        _show_class(fit)


def show_small(fit: Fit) -> None:
    """Show the fitted picture alone, to stand beside its target."""
    st.image(
        data_address(enlarged(fit.picture.clip(0, 1), 2 * PICTURE_WIDTH)),
        width=PICTURE_WIDTH,
        alt="What the fitted network shows",
        caption=f"The network's picture: {fit.psnr:.1f} dB",
    )


def _show_pictures(fit: Fit) -> None:
    target, shown = fit.target.pixels, fit.picture
    pictures = {
        "Target": (target, "The picture that was fitted"),
        "Fit": (shown.clip(0, 1), "What the fitted network shows"),
        f"|Fit − target| × {ERROR_SCALE}": (
            (ERROR_SCALE * np.abs(shown - target)).clip(0, 1),
            "Where the two differ: bright is far off",
        ),
    }
    original = fit.target.original
    if original is not None and cached.exists(original):
        size = (target.shape[0], target.shape[1])
        pictures["The zoo's network"] = (cached.image(original, size), "What the zoo's own network of it shows")
    width = WIDTHS[len(pictures)]
    with st.container(horizontal=True, gap="small"):
        for title, (pixels, alt) in pictures.items():
            st.image(data_address(enlarged(pixels, 3 * width)), caption=title, alt=alt, width=width)


def _show_figures(fit: Fit) -> None:
    original = fit.target.original
    own = cached.row(original).get("psnr") if original is not None and cached.exists(original) else None
    beside = f" (the zoo's network: {own:.1f} dB)" if own is not None else ""
    st.markdown(
        f"**{fit.psnr:.1f} dB** PSNR{beside} · **{fit.network.architecture.num_parameters:,}** parameters "
        f"({plain(fit.network.architecture.name)}) · **{fit.live.step:,}** steps in {fit.live.seconds:.1f} s, "
        f"{fit.live.recipe}"
    )


def _show_ways_on(fit: Fit) -> None:
    selection = fit.selection
    maps = [name for name in _map_zoos(fit) if map_data.models_for(name)]
    ways = {
        "edit": ("Edit it", bool(answers.cards_for(answers.EDIT, selection)), {}),
        "network": ("See its graph", True, {}),
        "predict": ("Ask all models", bool(answers.cards_for(answers.CLASSIFY, selection)), {}),
        "map": ("Find it on the map", bool(maps), {"map_zoo": maps[0]} if maps else {}),
    }
    with st.container(horizontal=True, vertical_alignment="bottom", key="fit-ways"):
        for name, (label, is_possible, parameters) in ways.items():
            icon = f":material/{page_table.TABLE[name].icon}:"
            if is_possible and st.button(label, icon=icon, key=f"draw.to_{name}"):
                st.switch_page(page_table.page(name), query_params={state.QUERY_PARAMETER: selection.key, **parameters})
        st.download_button(
            "Download (.safetensors)",
            lambda: export_network(fit.network),
            f"{selection.file_name}.safetensors",
            key="draw.export",
            icon=":material/download:",
            on_click="ignore",
        )


def _show_class(fit: Fit) -> None:
    """The class that a model sees, among the classes of one zoo."""
    corpora = _corpora(fit)
    if not corpora:
        st.info("No trained model here reads this kind of network.", icon=":material/info:")
        return
    with st.container(horizontal=True):
        corpus = st.selectbox(
            "Classes of", list(corpora), key=f"draw.corpus.{fit.target.zoo}", width=150, persist_state="session"
        )
        by_name = {str(card["name"]): card for card in corpora[corpus]}
        name = st.selectbox("Model", list(by_name), key=f"draw.model.{corpus}", width=195, persist_state="session")
    with st.spinner("Reading the weights …"):
        probabilities = answers.answer(by_name[name], fit.selection)
    names = answers.class_names(by_name[name], len(probabilities))
    original = fit.target.original
    is_labelled = original is not None and original.zoo == corpus and cached.exists(original)
    label = cached.row(original).get("label") if original is not None and is_labelled else None
    say(names, probabilities, label)
    said = answers.ask_all(corpora[corpus], fit.selection)
    say_agreement(int(probabilities.argmax()), [int(values.argmax()) for values in said.values])
    show_differences(by_name[name], fit.selection)
    st.echarts_chart(
        draw_probabilities(names, probabilities.tolist(), label=label, theme=theme()),
        height=290,
        key="draw.probabilities",
        alt=f"Probabilities of {len(names)} classes",
    )
    st.caption(answers.describe_reading(by_name[name]))


def _corpora(fit: Fit) -> dict[str, list[answers.Card]]:
    """The models that read the fitted network, the best first, by the zoo that they were trained on.

    The zoo of the target comes first, else the first of all zoos.
    """
    found: dict[str, list[answers.Card]] = {}
    for card in answers.cards_for(answers.CLASSIFY, fit.selection):
        found.setdefault(card["corpus"]["name"], []).append(card)
    order = [fit.target.zoo, *cached.zoos(), *found]
    return {name: found[name] for name in dict.fromkeys(order) if name in found}


def _map_zoos(fit: Fit) -> list[str]:
    """The zoos with networks of the same architecture, that of the target first."""
    own = fit.network.architecture
    alike = [name for name, zoo in cached.zoos().items() if own in zoo.architectures.values()]
    return sorted(alike, key=lambda name: name != fit.target.zoo)


def _show_course(fit: Fit) -> None:
    st.echarts_chart(
        draw_fit_curve(fit.live.curve, fit.live.config.steps, theme=theme()),
        height=190,
        key="draw.curve",
        alt="PSNR in dB against steps",
    )
    frames = fit.live.frames[-2 * FRAMES_IN_ROW :]
    st.image(
        draw_image_grid(
            np.stack([frame.clip(0, 1) for _, frame in frames]),
            [f"{step:,}" for step, _ in frames],
            columns=FRAMES_IN_ROW,
            size=FRAME,
            theme=theme(),
        ),
        alt=f"The picture after {', '.join(str(step) for step, _ in frames)} steps",
    )
    st.caption("Training progress, by step")


def show_fits() -> None:
    """All fits of the session, compared with the one that is shown; a click on a row shows another."""
    found = fits.fits()[::-1]
    if not found:
        return
    shown = fits.chosen()
    st.header("Fits of this session")
    key = f"draw.list.{len(found)}.{found[0].id[:8]}.{shown.id[:8] if shown else ''}"

    def pick() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            fits.choose(found[picked[0]])

    rows = [_row(fit, shown) for fit in found]
    if not any(row["doubts"] for row in rows):
        rows = [{name: value for name, value in row.items() if name != "doubts"} for row in rows]
    st.dataframe(
        rows,
        hide_index=True,
        key=key,
        on_select=newly_said(key, pick),
        selection_mode="single-row",
        row_height=40,
        column_config={
            "picture": st.column_config.ImageColumn("", width="small"),
            "PSNR": st.column_config.NumberColumn(format="%.1f dB"),
            "relative weight distance": st.column_config.NumberColumn(format="percent"),
        },
    )
    st.caption(
        "Click a row to select that network. *Relative weight distance*: norm of the difference from the fit shown, "
        "divided by its norm. The same picture fitted with another seed has very different weights."
    )


def _row(fit: Fit, shown: Fit | None) -> dict[str, str | int | float | None]:
    corpora = _corpora(fit) if fit.id in state.kept() else {}
    card = next(iter(corpora.values()))[0] if corpora else None
    is_comparable = shown is not None and shown.network.architecture == fit.network.architecture
    return {
        "picture": data_address(fit.picture),
        "of": fit.target.title,
        "seed": fit.live.seed,
        "recipe": fit.live.recipe,
        "steps": fit.steps,
        "PSNR": fit.psnr,
        "seen as": "" if card is None else _best_class(fit, card),
        "doubts": "" if card is None else doubts_about(card, fit.network, key=cached.content_key(fit.selection)),
        "relative weight distance": fits.distance(shown, fit) if shown is not None and is_comparable else None,
    }


def _best_class(fit: Fit, card: answers.Card) -> str:
    try:
        probabilities = answers.answer(card, fit.selection)
    except NeuralGraphError:
        return ""
    return answers.class_names(card, len(probabilities))[int(probabilities.argmax())]
