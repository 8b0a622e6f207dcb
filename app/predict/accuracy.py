"""How accurate models think a classifier is, beside how accurate it is, and how well it does over the zoo."""

import dataclasses
from functools import partial

import pandas
import streamlit as st
import torch

from app import answers, cached, map_data, state
from app.answers import Answered, Card
from app.charts.accuracy_plot import draw_accuracy_plot, draw_predictions
from app.charts.clicks import clicked_rows
from app.components.appearance import theme
from app.components.doubts import familiarity, show_differences
from app.components.mirrored import newly_said
from app.errors import plain, reported
from app.predict.model_table import model_table
from app.predict.what_if import what_if_tab
from app.predict.why import why_tab
from app.state import Selection
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.tasks import Interval, accuracy_interval, describe_images
from ngcore.training import kendall_tau
from ngcore.zoo import Zoo

MODELS, WHY = "Models", "Why"
WHAT_IF, ZOO = "What if", "Its zoo"
TABS = (MODELS, WHY, WHAT_IF, ZOO)
CARD_KEY = "predict_model"
PLOT_KEY = "predict.plot"


@dataclasses.dataclass(frozen=True)
class Known:
    """Test networks of a zoo with true and predicted accuracies.

    Attributes:
        table: The columns "id", "true" and "predicted", in percent.
        tau: Kendall's τ between the two.
        num_networks: How many networks the zoo has in all.
    """

    table: pandas.DataFrame
    tau: float
    num_networks: int


def accuracy_prediction(selection: Selection, said: Answered) -> None:
    """Show what the chosen model and all others predict for the selected classifier."""
    by_name = {card["name"]: i for i, card in enumerate(said.cards)}
    name = st.selectbox("Model", list(by_name), key=CARD_KEY, width=300, bind="query-params", persist_state="session")
    card, predicted = said.cards[by_name[name]], float(said.values[by_name[name]][0])
    true = cached.row(selection).get("accuracy")
    _show_numbers(selection, card, predicted, true)
    show_differences(card, selection)
    tabs = dict(zip(TABS, st.tabs(list(TABS), key="predict_tab", bind="query-params"), strict=True))
    if tabs[MODELS].open:
        with tabs[MODELS], reported():
            _show_models(selection, said, true)
    if tabs[WHY].open:
        with tabs[WHY]:
            why_tab(selection, card)
    if tabs[WHAT_IF].open:
        with tabs[WHAT_IF]:
            what_if_tab(selection, said.cards)
    if tabs[ZOO].open:
        with tabs[ZOO], reported():
            _show_plot(card, predicted, true)


def _show_numbers(selection: Selection, card: Card, predicted: float, true: float | None) -> None:
    left, right = st.columns(2, gap="small")
    interval = _interval(card, selection, predicted)
    left.metric(
        "Predicted accuracy",
        f"{predicted:.1%}",
        _in_words(interval) if interval else None,
        delta_color="off",
        delta_arrow="off",
        delta_description=f"in {interval.level:.0%} of cases" if interval else None,
        border=True,
        height="stretch",
        help=_about_interval(interval),
    )
    if true is None:
        right.metric("True accuracy", "unknown", border=True, height="stretch", help="It was not measured here.")
    else:
        distance = f"{100 * abs(predicted - true):.1f} points too {'high' if predicted > true else 'low'}"
        right.metric(
            "True accuracy",
            f"{true:.1%}",
            f"prediction {distance}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            height="stretch",
        )
    st.caption(" ".join(filter(None, (_about_worth(card), _about_familiarity(card, selection)))))


def _interval(card: Card, selection: Selection, predicted: float) -> Interval | None:
    return accuracy_interval(card, predicted, architecture=cached.network(selection).architecture)


def _in_words(interval: Interval) -> str:
    return f"{interval.low:.1%} – {interval.high:.1%}"


def _about_interval(interval: Interval | None) -> str | None:
    if interval is None:
        return None
    return interval.note or (
        f"The true accuracy of {interval.level:.0%} of networks lies in such intervals, if they are like those of the "
        f"model's zoo (split-conformal, calibrated on {interval.runs:,} validation runs)."
    )


def _about_worth(card: Card) -> str:
    """How many labelled images would measure the accuracy as well."""
    count, error = answers.worth(card), answers.mean_error(card)
    if count is None or error is None:
        return ""
    return (
        f"The model's mean error on validation networks is {100 * error:.1f} points: its prediction is worth "
        f"**{describe_images(count)}**."
    )


def _about_familiarity(card: Card, selection: Selection) -> str:
    found = familiarity(card, selection)
    if found.p_value is None or found.is_flagged:
        return ""
    return f"The network is like those that the model was trained on (p = {found.p_value:.2f})."


def _show_models(selection: Selection, said: Answered, true: float | None) -> None:
    values = [float(value[0]) for value in said.values]
    intervals = [_interval(card, selection, value) for card, value in zip(said.cards, values, strict=True)]
    st.echarts_chart(
        draw_predictions(
            [card["name"] for card in said.cards],
            [100 * value for value in values],
            intervals=[(100 * one.low, 100 * one.high) if one else None for one in intervals],
            true=None if true is None else 100 * true,
            theme=theme(),
        ),
        height=70 + 48 * len(values),
        key="predict.predictions",
        alt="Accuracy that each model predicts; the table below has the numbers",
    )
    more = [_columns(card, selection, one) for card, one in zip(said.cards, intervals, strict=True)]
    model_table(said.cards, selection, [f"{value:.1%}" for value in values], more)


def _columns(card: Card, selection: Selection, interval: Interval | None) -> dict[str, str | float | None]:
    """What the table of models says besides; columns that are empty for all models are left out there."""
    error = answers.mean_error(card)
    return {
        "interval": _in_words(interval) if interval else None,
        "p-value": familiarity(card, selection).p_value,
        "mean error": None if error is None else 100 * error,
        "worth images": answers.worth(card),
    }


def known_accuracies(card: Card) -> Known:
    """What a model predicts for the test networks of the zoo that it was trained on."""
    zoo = cached.zoo(card["corpus"]["name"])
    seen = map_data.points(zoo, card)
    return _known(seen.key, zoo, seen)


@st.cache_resource(max_entries=16, show_spinner=False)
def _known(key: str, _zoo: Zoo, _seen: ZooPoints) -> Known:

    metadata = _zoo.metadata.iloc[_seen.positions].reset_index(drop=True)
    assert _seen.outputs is not None
    table = pandas.DataFrame({"id": metadata["id"], "true": 100 * metadata["accuracy"]})
    table["predicted"] = 100 * _seen.outputs[:, 0].numpy()
    is_used = (metadata["split"] == "test") & table["true"].notna()
    table = table[is_used].reset_index(drop=True)
    pairs = torch.tensor(table[["predicted", "true"]].to_numpy())
    tau = kendall_tau(pairs[:, 0], pairs[:, 1]) if len(table) else float("nan")
    return Known(table, tau, len(_zoo))


def _show_plot(card: Card, predicted: float, true: float | None) -> None:
    known = known_accuracies(card)
    zoo_name = card["corpus"]["name"]
    current = None if true is None else (round(100 * true, 2), round(100 * predicted, 2))
    key = f"{PLOT_KEY}.{card['name']}"
    st.echarts_chart(
        draw_accuracy_plot(known.table, current=current, theme=theme()),
        height=470,
        key=key,
        on_select=newly_said(key, partial(_open_clicked, key, zoo_name, known.table)),
        alt=f"Predicted against true accuracy of {len(known.table)} test networks, Kendall's tau {known.tau:.3f}",
    )
    st.caption(
        f"{plain(card['name'])} on the {len(known.table):,} test networks among the {known.num_networks:,} of "
        f"{plain(zoo_name)} that are here: Kendall's τ = {known.tau:.3f}. The ring is the selected network; click a "
        "point to select another one."
    )
    with st.expander("As a table", on_change="rerun", key="predict.table") as opened:
        if opened.open:
            st.dataframe(known.table, hide_index=True, height=260)


def _open_clicked(key: str, zoo: str, table: pandas.DataFrame) -> None:
    rows = clicked_rows(st.session_state[key]["selection"], len(table))
    if len(rows) == 1:
        state.select(zoo=zoo, id=str(table["id"].iloc[rows.pop()]))
