"""Two models on the same test networks: who is right where, which classes are confused, and the pictures of it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas
import streamlit as st

from app import cached, map_data, page_table, state
from app.charts.clicks import clicked_rows
from app.charts.leaderboard import count_confusions, draw_confusions
from app.charts.picture_wall import draw_picture_wall, wall_height
from app.components.appearance import theme
from app.errors import plain
from ngcore.zoo import Zoo

Card = Mapping[str, Any]

MAX_PICTURES = 48
COLUMNS = 12
OUTCOMES = {
    "only the first": "Only the first is right",
    "only the second": "Only the second is right",
    "neither": "Neither is right",
    "both": "Both are right",
}


def model_comparison(zoo: Zoo, cards: Mapping[str, Card]) -> None:
    """Let the user choose two classifiers of a zoo's networks, and compare them."""
    names = list(cards)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox("First model", names, key="leaderboard_first", bind="query-params", width=300)
        others = [name for name in names if name != first]
        second = st.selectbox("Second model", others, key="leaderboard_second", bind="query-params", width=300)
    classes = [str(name) for name in zoo.card["class_names"]]
    table = compare(zoo, cards[first], cards[second])
    if not len(table):
        st.info("There are no test networks of this zoo here.", icon=":material/info:")
        return
    counts = table["outcome"].value_counts()
    for place, (outcome, title) in zip(st.columns(4), OUTCOMES.items(), strict=True):
        share = counts.get(outcome, 0) / len(table)
        place.metric(title, f"{counts.get(outcome, 0):,}", f"{share:.1%}", delta_color="off", delta_arrow="off")
    left, right = st.columns(2, gap="large")
    for half, name, column in ((left, first, "first"), (right, second, "second")):
        with half:
            right_share = float((table[column] == table["true"]).mean())
            st.markdown(f"**{plain(name)}**: {right_share:.1%} of {len(table):,} right")
            confusions = count_confusions(table["true"].to_numpy(), table[column].to_numpy(), len(classes))
            st.echarts_chart(
                draw_confusions(confusions, classes, theme=theme()),
                height=400,
                key=f"compare.confusions.{column}",
                alt=f"Which classes {name} confuses",
            )
    outcome = st.segmented_control(
        "Pictures",
        list(OUTCOMES),
        default="neither",
        format_func=OUTCOMES.__getitem__,
        required=True,
        key="leaderboard_outcome",
        bind="query-params",
    )
    _show_pictures(zoo, table[table["outcome"] == outcome], classes)


def compare(zoo: Zoo, first: Card, second: Card) -> pandas.DataFrame:
    """A row a test network: "id", "position", "true", "first" and "second" (classes), "outcome" (see `OUTCOMES`)."""
    answered = [_answers(zoo, card) for card in (first, second)]
    table = pandas.DataFrame({"first": answered[0], "second": answered[1]}).dropna().astype(int)
    metadata = zoo.metadata.iloc[table.index]
    table["position"], table["id"] = table.index, metadata["id"].to_numpy()
    table["true"] = metadata["label"].to_numpy()
    table = table[(metadata["split"] == "test").to_numpy() & (table["true"] >= 0)]
    is_right = [(table[name] == table["true"]).to_numpy() for name in ("first", "second")]
    kinds = np.array(["neither", "only the second", "only the first", "both"])
    return table.assign(outcome=kinds[2 * is_right[0] + is_right[1]]).reset_index(drop=True)


def _answers(zoo: Zoo, card: Card) -> pandas.Series:
    """The most probable class of each network that the model has read, by its position in the zoo."""
    seen = map_data.points(zoo, card)
    assert seen.outputs is not None  # classifiers answer with probabilities
    return pandas.Series(seen.outputs.argmax(dim=1).numpy(), index=seen.positions)


def _show_pictures(zoo: Zoo, table: pandas.DataFrame, classes: list[str]) -> None:
    shown = table.head(MAX_PICTURES)
    if not len(shown):
        st.caption("There is none.")
        return
    images = cached.images(zoo.name, shown["position"].tolist())
    texts = [f"{classes[row.true]}\n{classes[row.first]} · {classes[row.second]}" for row in shown.itertuples()]
    key = "compare.wall"
    with st.container(key="leaderboard-wall"):
        st.echarts_chart(
            draw_picture_wall(images, texts, columns=COLUMNS, theme=theme()),
            height=wall_height(len(shown), COLUMNS),
            key=key,
            on_select=partial(_select_clicked, key, zoo.name, shown["id"].tolist()),
            alt=f"Pictures that {len(shown)} networks show, each with its true class and the two answers",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{len(shown):,} of {len(table):,} networks, each with its true class and below it what the first and the "
            "second model say. Click one to select it."
        )
        selection = state.selected()
        if selection is not None and selection.zoo == zoo.name and cached.exists(selection):
            st.page_link(page_table.page("network"), label=f"Look inside {plain(selection.id)}")


def _select_clicked(key: str, zoo: str, ids: list[str]) -> None:
    rows = clicked_rows(st.session_state[key]["selection"], len(ids))
    if len(rows) == 1:
        state.select(zoo=zoo, id=ids[rows.pop()])
