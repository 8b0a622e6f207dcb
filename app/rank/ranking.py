"""Networks in the order of their predicted accuracies, with intervals, flags and, where it can be had, the truth."""

import dataclasses
from collections.abc import Sequence

import pandas
import streamlit as st
import torch

from app import answers, measured, page_table
from app.answers import Card
from app.charts.accuracy_plot import draw_predictions
from app.components.appearance import theme
from app.components.doubts import judge, ranges_for
from app.errors import plain, show_error
from app.rank.entries import Entry
from app.state import QUERY_PARAMETER
from ngcore.errors import NeuralGraphError
from ngcore.tasks import Interval, accuracy_interval
from ngcore.training import kendall_tau

MODEL_KEY, IMAGES_KEY, TABLE_KEY = "rank.model", "rank.images", "rank.table"
BEST = "The best for each"
FEWEST_FOR_TAU = 3


@dataclasses.dataclass(frozen=True)
class Ranked:
    """What is known of a network.

    Attributes:
        entry: The network.
        card: Of the model that read it.
        predicted: Accuracy, in [0, 1].
        interval: Of the prediction; None for models that were not calibrated.
        p_value: Of being like the networks of the model's zoo; None likewise.
        doubts: What speaks against the prediction.
        truth: Measured accuracy; None where it cannot be had.
        measured_on: What it was measured on.
    """

    entry: Entry
    card: Card
    predicted: float
    interval: Interval | None
    p_value: float | None
    doubts: tuple[str, ...]
    truth: float | None
    measured_on: str


def ranking(entries: Sequence[Entry]) -> None:
    """Show the networks as a chart and as a table, with a CSV file to take along."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = _choose_model(entries)
        image_set = _choose_images(entries)
    ranked = []
    with st.spinner("Reading the weights …"):
        for entry in entries:
            try:
                ranked.append(_rank(entry, model, image_set))
            except NeuralGraphError as error:
                show_error(f"{entry.title}: {error}")
    if not ranked:
        return
    ranked.sort(key=lambda one: -one.predicted)
    _show_chart(ranked)
    _show_table(ranked)


def _choose_model(entries: Sequence[Entry]) -> str:
    cards = {card["name"]: card for entry in entries for card in _cards(entry)}
    names = sorted(cards, key=lambda name: -answers.score(cards[name]))
    return st.selectbox("Model", [BEST, *names], key=MODEL_KEY, width=300)


def _choose_images(entries: Sequence[Entry]) -> str | None:
    """The image set to measure files on, where several fit."""
    sets = dict.fromkeys(
        name for entry in entries if not entry.zoo for name in measured.image_sets(entry.network.architecture)
    )
    if len(sets) < 2:
        return next(iter(sets), None)
    return st.segmented_control("Measure on", list(sets), default=next(iter(sets)), required=True, key=IMAGES_KEY)


def _cards(entry: Entry) -> list[Card]:
    return answers.cards_that_read(answers.PREDICT, entry.network.architecture, zoo=entry.zoo)


def _rank(entry: Entry, model: str, image_set: str | None) -> Ranked:
    """Ask a model about a network.

    Raises:
        NeuralGraphError: If no model, or not the chosen one, reads it.
    """
    architecture = entry.network.architecture
    cards = [card for card in _cards(entry) if model in (BEST, card["name"])]
    if not cards:
        raise NeuralGraphError(f"{'No trained model' if model == BEST else model} reads {architecture.name}.")
    card = cards[0]
    predicted = float(answers.answer_about(card, entry.network, key=entry.key)[0])
    ranges = None if entry.zoo == card["corpus"]["name"] else ranges_for(card, entry.network)
    found = judge(card, entry.network, key=entry.key, ranges=ranges)
    truth, measured_on = _truth(entry, image_set)
    interval = accuracy_interval(card, predicted, architecture=architecture)
    return Ranked(entry, card, predicted, interval, found.p_value, found.sentences, truth, measured_on)


def _truth(entry: Entry, image_set: str | None) -> tuple[float | None, str]:
    if entry.true is not None:
        return entry.true, "all test images"
    if image_set is None or image_set not in measured.image_sets(entry.network.architecture):
        return None, ""
    found = measured.measure(entry.key, entry.network, image_set)
    return found.accuracy, f"{found.num_images:,} images of {image_set}"


def _show_chart(ranked: Sequence[Ranked]) -> None:
    intervals = [(100 * one.interval.low, 100 * one.interval.high) if one.interval else None for one in ranked]
    st.echarts_chart(
        draw_predictions(
            [f"{place}. {_short(one.entry.title)}" for place, one in enumerate(ranked, start=1)],
            [100 * one.predicted for one in ranked],
            intervals=intervals,
            measured=[None if one.truth is None else 100 * one.truth for one in ranked],
            theme=theme(),
        ),
        height=70 + 40 * len(ranked),
        key="rank.chart",
        alt=f"Predicted accuracies of {len(ranked)} networks in order; the table below has the numbers",
    )
    known = [one for one in ranked if one.truth is not None]
    said = ["Points are predictions, with their 90% intervals."] if any(intervals) else ["Points are predictions."]
    if known:
        said.append("Diamonds are measured.")
    if len(known) >= FEWEST_FOR_TAU:
        pairs = torch.tensor([[one.predicted, one.truth] for one in known], dtype=torch.double)
        tau = kendall_tau(pairs[:, 0], pairs[:, 1])
        said.append(f"Kendall's τ between both: {tau:.2f}." if tau == tau else "")
    st.caption(" ".join(said))


def _short(title: str) -> str:
    return title if len(title) <= 30 else f"…{title[-29:]}"


def _show_table(ranked: Sequence[Ranked]) -> None:
    table = table_of(ranked)
    share = st.column_config.NumberColumn(format="%.1f %%")
    st.dataframe(
        table.dropna(axis="columns", how="all"),
        hide_index=True,
        key=TABLE_KEY,
        on_select="rerun",
        selection_mode="single-row",
        column_config=dict.fromkeys(("predicted", "low", "high", "measured"), share)
        | {
            "p-value": st.column_config.NumberColumn(
                format="%.3f", help="Below 0.05 the network is unlike those that the model was trained on."
            )
        },
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Table as CSV",
            data=lambda: table.to_csv(index=False).encode(),
            file_name="ranking.csv",
            mime="text/csv",
            icon=":material/download:",
            key="rank.csv",
            on_click="ignore",
        )
        picked = st.session_state[TABLE_KEY]["selection"]["rows"]
        if picked and picked[0] < len(ranked):
            _offer(ranked[picked[0]].entry)
        else:
            st.caption("Choose a row to look at its network.")


def _offer(entry: Entry) -> None:
    if st.button(f"Look at {plain(_short(entry.title))}", icon=":material/query_stats:", key="rank.open"):
        selection = entry.select()
        st.switch_page(page_table.page("predict"), query_params={QUERY_PARAMETER: selection.key})


def table_of(ranked: Sequence[Ranked]) -> pandas.DataFrame:
    """One row per network, the best first; accuracies in percent."""
    return pandas.DataFrame(
        {
            "rank": place,
            "network": one.entry.title,
            "predicted": 100 * one.predicted,
            "low": 100 * one.interval.low if one.interval else None,
            "high": 100 * one.interval.high if one.interval else None,
            "measured": None if one.truth is None else 100 * one.truth,
            "p-value": one.p_value,
            "doubts": " ".join(one.doubts) or None,
            "model": one.card["name"],
            "worth images": answers.worth(one.card),
            "measured on": one.measured_on or None,
        }
        for place, one in enumerate(ranked, start=1)
    )
