"""The tab of "what if": one layer damaged, and every model's prediction beside the accuracy that is measured then."""

from collections.abc import Sequence

import streamlit as st

from app import cached, measured, state
from app.answers import Card
from app.charts.what_if import MEASURED, draw_sweep
from app.components.appearance import theme
from app.errors import fragment, plain
from app.predict.damage import Damage, sweep
from app.state import Selection
from ngcore.tasks import WAYS, Measured, changeable_layers

LAYER_KEY, WAY_KEY, STRENGTH_KEY, IMAGES_KEY = "what_if_layer", "what_if_way", "what_if_strength", "what_if.images"
UNCHANGED = "as it is"
LABELS = {
    "drop": "Drop",
    "zero": "Zero",
    "shuffle": "Shuffle",
    "noise": "Noise",
    "quantise": "Quantise",
}


@fragment
def what_if_tab(selection: Selection, cards: Sequence[Card]) -> None:
    """Let the user damage a layer, and show what is predicted and what is true."""
    layers = changeable_layers(cached.network(selection).architecture)
    if not layers:
        st.info("This network has no layer with weights.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="what-if-controls"):
        damage, strength = _controls(selection, layers)
    truth = damage.measured(strength)
    with st.spinner("Trying all strengths …"):
        _show_sweep(damage, strength, cards)
    st.caption(_about_images(damage, truth))
    _show_numbers(damage, cards, strength, truth)
    is_kept = st.button(
        "Keep as my network",
        icon=":material/save:",
        key="what_if.keep",
        disabled=strength == damage.strengths[0],
        help="Open the damaged network on the other pages.",
    )
    if is_kept:
        _keep(damage, strength)
        st.rerun()  # the page, not this part of it alone


def _show_sweep(damage: Damage, strength: float, cards: Sequence[Card]) -> None:
    found = sweep(damage, cards)
    st.echarts_chart(
        draw_sweep(
            [describe(damage.how, one) for one in damage.strengths],
            found.predicted,
            found.measured,
            chosen=damage.strengths.index(strength),
            unit=WAYS[damage.how].unit,
            theme=theme(),
        ),
        height=360,
        key="what_if.sweep",
        alt="Predicted and measured accuracy against the strength of the damage; the table below has the numbers at "
        "the chosen one",
    )


def describe(how: str, strength: float) -> str:
    """A strength in words."""
    if strength == WAYS[how].strengths[0]:
        return UNCHANGED
    if how == "quantise":
        return f"{strength:g} bit" if strength == 1 else f"{strength:g} bits"
    return f"{strength:g} σ" if how == "noise" else f"{strength:.0%}"


def _controls(selection: Selection, layers: dict[str, str]) -> tuple[Damage, float]:
    layer = st.selectbox(
        "Layer",
        list(layers),
        key=LAYER_KEY,
        bind="query-params",
        format_func=lambda name: f"{name}: {layers[name]}",
        width=240,
        persist_state="session",
    )
    how = st.segmented_control(
        "Damage",
        list(WAYS),
        default=next(iter(WAYS)),
        format_func=LABELS.__getitem__,
        required=True,
        key=WAY_KEY,
        bind="query-params",
        persist_state="session",
        help="  \n".join(f"**{LABELS[way.name]}** – {way.does}" for way in WAYS.values()),
    )
    strengths = WAYS[how].strengths
    strength = st.select_slider(
        "Strength",
        strengths,
        value=strengths[len(strengths) // 2],
        format_func=lambda value: describe(how, value),
        width=260,
        key=f"{STRENGTH_KEY}_{how}",
        bind="query-params",
        persist_state="session",
    )
    sets = measured.image_sets(cached.network(selection).architecture, selection)
    image_set = sets[0] if sets else None
    if len(sets) > 1:
        image_set = st.segmented_control(
            "Test images", sets, default=sets[0], required=True, key=IMAGES_KEY, persist_state="session"
        )
    return Damage(selection, layer, how, image_set), float(strength)


def _show_numbers(damage: Damage, cards: Sequence[Card], strength: float, truth: Measured | None) -> None:
    first = damage.strengths[0]
    intact = damage.measured(first)
    pairs = {card["name"]: (damage.predicted(card, first), damage.predicted(card, strength)) for card in cards}
    if truth is not None and intact is not None:
        pairs = {MEASURED: (intact.accuracy, truth.accuracy), **pairs}
    share = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
        [_row(name, *pair) for name, pair in pairs.items()],
        hide_index=True,
        key="what_if.numbers",
        column_config={
            UNCHANGED: share,
            "damaged": share,
            "change": st.column_config.NumberColumn(format="%+.1f", help="In percentage points."),
        },
    )


def _row(name: str, before: float | None, after: float | None) -> dict[str, str | float | None]:
    return {
        "accuracy": name,
        UNCHANGED: None if before is None else 100 * before,
        "damaged": None if after is None else 100 * after,
        "change": None if before is None or after is None else 100 * (after - before),
    }


def _about_images(damage: Damage, truth: Measured | None) -> str:
    if truth is None:
        return "None of the test images that ship fit this network, or it is too large: only predictions are shown."
    return (
        f"Measured on {truth.num_images:,} test images of {plain(damage.image_set)}, pixels scaled to [−1, 1]. "
        "The models see the weights only, or those and a few probes."
    )


def _keep(damage: Damage, strength: float) -> None:
    title = f"{cached.title(damage.selection)}, {damage.how} {describe(damage.how, strength)} in layer {damage.layer}"
    kept = state.keep_network(damage.network(strength), title)
    state.select(zoo=kept.zoo, id=kept.id)
