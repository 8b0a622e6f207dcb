"""Many networks edited by the same chain: which ones, the gallery, the spread of errors, and one file of all."""

import numpy as np
import streamlit as st

from app import answers, cached
from app.charts.error_histogram import draw_error_histogram
from app.charts.image_grid import draw_image_grid
from app.components.appearance import theme
from app.components.edit_ways import MANY, MODE_KEY, ONE
from app.components.network_picker import found_networks
from app.errors import fragment, plain
from app.state import REGION_KEY, Region, Selection
from app.studio.batch import MAX_BATCH, Batch, batch_key, classified, edit_batch, spread
from app.studio.chain import Chain
from ngcore.upload import export_stack
from ngcore.zoo import Zoo

BATCH_KEY = "edit.batch"
ON_MAP, FOUND = "selected on the map", "matching the search and filters"
COUNTS = (16, 64, 256, MAX_BATCH)
ORDERS = {"as in the zoo": 0, "worst first": -1, "best first": 1}
MAX_PAIRS = 128
COLUMNS, PICTURE, GAP = 5, 64, 2


@fragment
def show_batch(selection: Selection, chain: Chain) -> None:
    """Let the user choose the networks, edit them, and show what came out."""
    if selection.is_upload:
        st.info(
            "Choose a zoo above, or select networks on the map with the lasso.",
            icon=":material/info:",
        )
        return
    zoo = cached.zoo(selection.zoo)
    positions = _choose(zoo)
    if not positions:
        st.info("No network matches the search and filters above.", icon=":material/info:")
        return
    batch = _edit(zoo, positions, chain)
    for problem in batch.problems:
        st.warning(plain(problem), icon=":material/warning:")
    _show_figures(batch)
    _show_gallery(selection, batch)
    _show_export(zoo, batch)


def _edit(zoo: Zoo, positions: list[int], chain: Chain) -> Batch:
    """The edited networks; the last ones are kept in the session."""
    key = batch_key(zoo, positions, chain)
    known = st.session_state.get(BATCH_KEY)
    if known is not None and known[0] == key:
        return known[1]
    bar = st.progress(0.0)
    batch = edit_batch(
        zoo,
        positions,
        chain,
        lambda done: bar.progress(done / len(positions), f"{done:,} of {len(positions):,} networks edited."),
    )
    bar.empty()
    st.session_state[BATCH_KEY] = (key, batch)
    return batch


def _choose(zoo: Zoo) -> list[int]:
    """Positions of the networks to edit."""
    circled = circled_on_map(zoo)
    found = [int(position) for position in found_networks(zoo)]
    sources = {**({ON_MAP: circled} if circled else {}), FOUND: found}
    with st.container(horizontal=True, vertical_alignment="bottom", key="edit-batch-choice"):
        source = st.segmented_control(
            "Networks",
            list(sources),
            default=next(iter(sources)),
            required=True,
            key=f"edit.source.{len(sources)}",
            format_func=lambda name: f"{len(sources[name]):,} {name}",
            persist_state="session",
        )
        count = st.segmented_control(
            "How many of them",
            COUNTS,
            default=COUNTS[1],
            required=True,
            key="edit.count",
            persist_state="session",
            format_func=lambda number: f"up to {number}" if number == COUNTS[0] else str(number),
        )
    among = sources[source or next(iter(sources))]
    chosen = spread(among, count or COUNTS[1])
    if len(chosen) < len(among):
        st.caption(f"{len(chosen):,} of {len(among):,}, evenly spread; at most {MAX_BATCH} at once.")
    return chosen


def circled_on_map(zoo: Zoo) -> list[int]:
    """Positions of the networks that were selected on the map of this zoo."""
    region: Region | None = st.session_state.get(REGION_KEY)
    return [zoo.position(name) for name in region.ids] if region is not None and region.zoo == zoo.name else []


def _show_figures(batch: Batch) -> None:
    left, right = st.columns([0.4, 0.6], vertical_alignment="center")
    with left:
        before, after = (float(values.mean()) for values in (batch.errors_before, batch.errors))
        st.metric(
            "Mean MSE, edited",
            f"{after:.4f}",
            border=True,
            delta_color="inverse",
            delta=f"{(after - before) / before:+.0%} against {before:.4f}" if before != after else None,
        )
        st.caption(
            f"{len(batch.ids):,} networks. Targets are the same edits of the pixels of "
            + ("the original images." if batch.has_originals else "the pictures that the networks show.")
        )
    with right:
        st.echarts_chart(
            draw_error_histogram(batch.errors_before, batch.errors, theme=theme()),
            height=210,
            key="edit.errors",
            alt="Histograms of the mean squared distance from the target, unedited and edited",
        )


def _show_gallery(selection: Selection, batch: Batch) -> None:
    order = st.segmented_control(
        "Order", list(ORDERS), default=next(iter(ORDERS)), required=True, key="edit.order", persist_state="session"
    )
    sign = ORDERS[order or next(iter(ORDERS))]
    rows = (np.argsort(sign * batch.errors, kind="stable") if sign else np.arange(len(batch.ids)))[:MAX_PAIRS]
    texts = _readings(selection, batch)
    same = sum(" > " not in text for text in texts)
    captions = [f"{batch.errors[row]:.3f}{texts[row] if texts else ''}" for row in rows]
    pairs = pairs_of(batch.before[rows], batch.after[rows])
    st.image(
        draw_image_grid(pairs, captions, columns=COLUMNS, size=2 * PICTURE + GAP, theme=theme()),
        width="stretch",
        alt=f"Pictures of {len(rows)} networks before and after, side by side, each with its error",
    )
    st.caption(
        f"{len(rows):,} of {len(batch.ids):,} pairs, before and after, each with its MSE to the target"
        + (f" and what the best model reads in both; {same:,} of {len(texts):,} are read as before." if texts else ".")
    )


def pairs_of(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Pictures side by side with a grey line between them, (networks, height, 2 width + 2[, 3]) in [0, 1]."""
    line = np.full_like(before[:, :, :GAP], 0.5)
    return np.concatenate([before, line, after], axis=2).clip(0, 1)


def _readings(selection: Selection, batch: Batch) -> list[str]:
    """What the best model reads in each network before and after; empty where no model can."""
    cards = answers.cards_for(answers.CLASSIFY, selection)
    if not cards:
        return []
    first, last = (classified(cards[0], network) for network in (batch.given, batch.network))
    names = answers.class_names(cards[0], first.shape[1])
    pairs = zip(first.argmax(axis=1).tolist(), last.argmax(axis=1).tolist(), strict=True)
    return [f"   {names[a]}" if a == b else f"   {names[a]} > {names[b]}" for a, b in pairs]


def _show_export(zoo: Zoo, batch: Batch) -> None:
    st.download_button(
        f"All {len(batch.ids):,} edited networks (.safetensors)",
        lambda: export_stack(batch.network, batch.ids),
        f"{zoo.name}-edited-{len(batch.ids)}.safetensors",
        key="edit.batch_export",
        icon=":material/download:",
        on_click="ignore",
        type="primary",
        help="One file, stacked: every tensor has the networks as its first axis. `ngcore.upload.read_stack` reads it.",
    )


def show_mode() -> str:
    """Let the user choose between one network and many."""
    mode = st.segmented_control(
        "Networks to edit",
        [ONE, MANY],
        default=ONE,
        required=True,
        key=MODE_KEY,
        bind="query-params",
        label_visibility="collapsed",
        persist_state="session",
    )
    return mode or ONE
