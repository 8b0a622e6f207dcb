"""How accurate a model thinks a CNN is, beside how accurate it is, and how well it does over the zoo."""

import dataclasses
from functools import partial

import pandas
import streamlit as st
import torch

from app import cached, map_data, state
from app.answers import Answered, Card
from app.charts.accuracy_plot import draw_accuracy_plot, draw_predictions
from app.charts.zoo_map import clicked_rows
from app.components.appearance import theme
from app.components.doubts import show_differences
from app.errors import plain
from app.predict.model_table import model_table
from app.state import Selection
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.training import kendall_tau
from ngcore.zoo import Zoo

CARD_KEY = "predict.accuracy_model"
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
    """Show what the chosen model and all others predict for the selected CNN."""
    by_name = {card["name"]: i for i, card in enumerate(said.cards)}
    name = st.selectbox("Model", list(by_name), key=f"{CARD_KEY}.{selection.zoo}", width=300, persist_state="session")
    values = [float(value[0]) for value in said.values]
    predicted, true = values[by_name[name]], cached.row(selection).get("accuracy")
    left, right = st.columns([0.42, 0.58], gap="large")
    with left:
        _show_numbers(predicted, true)
        show_differences(said.cards[by_name[name]], selection)
        st.markdown("**All models that read this network**")
        st.echarts_chart(
            draw_predictions(
                list(by_name),
                [100 * value for value in values],
                true=None if true is None else 100 * true,
                theme=theme(),
            ),
            height=90 + 40 * len(by_name),
            key="predict.predictions",
            alt="Accuracy that each model predicts; the table below has the numbers",
        )
    with right:
        _show_plot(said.cards[by_name[name]], predicted, true)
    model_table(said.cards, selection, [f"{value:.1%}" for value in values])


def _show_numbers(predicted: float, true: float | None) -> None:
    left, right = st.columns(2, gap="small")
    left.metric("Predicted", f"{predicted:.1%}", border=True, height="stretch")
    if true is None:
        right.metric("True", "unknown", border=True, height="stretch", help="It was not measured here.")
        return
    right.metric("True", f"{true:.1%}", border=True, height="stretch")
    st.caption(f"{100 * abs(predicted - true):.1f} points too {'high' if predicted > true else 'low'}")


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
    st.echarts_chart(
        draw_accuracy_plot(known.table, current=current, theme=theme()),
        height=470,
        key=f"{PLOT_KEY}.{card['name']}",
        on_select=partial(_open_clicked, card["name"], zoo_name, known.table),
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


def _open_clicked(name: str, zoo: str, table: pandas.DataFrame) -> None:
    rows = clicked_rows(st.session_state[f"{PLOT_KEY}.{name}"]["selection"], len(table))
    if len(rows) == 1:
        state.select(zoo=zoo, id=str(table["id"].iloc[rows.pop()]))
