"""The tab of extremes: the network made wider and deeper, what models answer, and the study on many networks."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas
import streamlit as st

from app import answers, cached
from app.charts.checks import draw_extremes, draw_growth, growth_height
from app.components.appearance import theme
from app.errors import plain
from app.lab.checking import COLUMNS, Checked, as_power, shown_columns, table_row
from app.state import Selection
from ngcore.report.studies import list_studies
from ngcore.report.study_files import EXTREMES as STUDY
from ngcore.report.study_files import study_command, study_table
from ngcore.tasks.checks_extremes import WORDS, Extreme, ExtremeRow, extremes_of

ABOUT = (
    "Neurons are duplicated and the weights that leave them are split among the copies; identity layers are inserted "
    "after a ReLU. The function stays the same at every size, so an answer should stay where it is."
)
REMEDY = (
    "**The remedy.** A model stays flat if what a neuron collects is a plain sum of weight times state: the parts of a "
    "split weight then add up to it, however it was split. So it goes forward only, with messages linear in the "
    "weight; it takes no mean, minimum, maximum or deviation over neighbours, subtracts no mean of the weights, and "
    "divides by the width of the *training* networks, not of the one it reads. NG-Sweep does all this but the last; "
    "its *width-stable* copy has the same parameters and does that, too. Preset: `ng-sweep-width-stable`."
)
NAMES: dict[Extreme, str] = {"equal": "Wider, split equally", "unequal": "Wider, split at random", "deeper": "Deeper"}
SIZES: dict[Extreme, str] = {"equal": "times as wide", "unequal": "times as wide", "deeper": "layers inserted"}
STUDY_SIZES = {
    "wider, equal parts": "times as wide",
    "wider, unequal parts": "times as wide",
    "identity layers inserted": "layers inserted",
    "fitted wide": "neurons in each of two hidden layers",
    "fitted deep": "hidden layers of 32 neurons",
}


def extremes_tab(selection: Selection, found: Checked | None) -> None:
    """What is checked, what came out for this network, the remedy, and the study."""
    st.markdown(ABOUT)
    if not extremes_of(cached.network(selection).architecture):
        st.info("This network has no hidden neurons that could be duplicated.", icon=":material/info:")
    elif found is not None:
        _own(selection, found.extremes)
    st.markdown(REMEDY)
    studies = [study for study in list_studies() if study["name"] == STUDY]
    if studies:
        _study(studies[0])


def _own(selection: Selection, rows: Sequence[ExtremeRow]) -> None:
    """The selected network."""
    ways = list(dict.fromkeys(row.extreme for row in rows))
    for sentence in sentences(rows):
        st.markdown(sentence)
    way = st.segmented_control(
        "Copies", ways, default=ways[0], format_func=NAMES.__getitem__, required=True, key="lab.extremes.way"
    )
    chosen = [row for row in rows if row.extreme == way]
    fields = cached.row(selection)
    label, accuracy = fields.get("label"), fields.get("accuracy")
    is_class = answers.CLASSIFY in {card["task"] for card in answers.cards_for(answers.CLASSIFY, selection)}
    y_title = "predicted accuracy"
    if is_class:
        y_title = "probability of the class first seen" if label is None else "probability of the true class"
    if any(row.value is not None for row in chosen):
        truth = None if is_class else accuracy
        figure = draw_extremes(chosen, y_title=y_title, x_title=SIZES[way], truth=truth, theme=theme())
        st.plotly_chart(
            figure,
            height=growth_height(figure),
            key=f"lab.extremes.{way}",
            config={"displayModeBar": False},
            alt="Answers of every model as the network grows; the table below has the numbers",
        )
    table = pandas.DataFrame(
        [
            {
                "copies": WORDS[row.extreme],
                "size": row.size,
                **table_row(row),
                "answer": None if row.value is None else 100 * row.value,
            }
            for row in rows
        ]
    )
    columns = COLUMNS | {"answer": st.column_config.NumberColumn(format="%.2f %%", help=y_title.capitalize() + ".")}
    own = table[table["copies"] == WORDS[way]]
    st.dataframe(
        own,
        hide_index=True,
        column_config=columns,
        column_order=("size", "answers of", "answer", *shown_columns(own)),
        key="lab.extremes.table",
        height=280,
    )
    st.download_button(
        "Table (.csv)",
        lambda: table.to_csv(index=False),
        f"{selection.file_name}-extremes.csv",
        "text/csv",
        key="lab.extremes.csv",
        icon=":material/download:",
        on_click="ignore",
    )


def sentences(rows: Sequence[ExtremeRow]) -> list[str]:
    """What came out, in Markdown."""
    said = []
    own = [row for row in rows if not row.model and row.spread]
    if own:
        drift = max(row.spread.relative for row in own if row.spread)
        said.append(
            f"The function is the same at every size: outputs differ by at most {as_power(drift)} of the largest."
        )
    asked = [row for row in rows if row.model and row.is_same is not None]
    if not asked:
        return said
    names = list(dict.fromkeys(row.model for row in asked))
    wide = [row for row in asked if row.extreme != "deeper"]
    stays = [name for name in names if all(row.is_same for row in wide if row.model == name)]
    changed = [name for name in names if any(row.spread and row.spread.changed for row in wide if row.model == name)]
    if wide:
        said.append(f"At every width {len(stays)} of {len(names)} models answer the same, up to rounding.")
    if changed:
        said.append(f"Another class is seen in wider copies by {', '.join(map(plain, changed))}.")
    broken = [row for row in asked if row.is_broken]
    if broken:
        text = ", ".join(dict.fromkeys(plain(row.model) for row in broken))
        said.append(f":material/warning: **Broken**: answers differ that must be the same: {text}.")
    return said


def _study(study: Mapping[str, Any]) -> None:
    """The figures over many networks."""
    st.header("On many networks")
    groups = list(dict.fromkeys((row["setting"]["networks"], row["setting"]["change"]) for row in study["rows"]))
    group = st.selectbox(
        "Networks", groups, format_func=lambda own: f"{own[0]}: {own[1]}", key="lab.study.group", width=420
    )
    rows = [row for row in study["rows"] if (row["setting"]["networks"], row["setting"]["change"]) == group]
    figure = draw_growth(rows, x_title=STUDY_SIZES.get(group[1], "size"), theme=theme())
    st.plotly_chart(
        figure,
        height=growth_height(figure),
        key=f"lab.study.{groups.index(group)}",
        config={"displayModeBar": False},
        alt="Figure of every model as networks grow; the table below has the numbers",
    )
    most, least = (pick(row["test"]["n"] for row in rows) for pick in (max, min))
    count = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    st.caption(f"On {count} networks each. {_fits(rows)}NG-GNN and NG-T are asked about fewer, as they take longer.")
    with st.expander("As a table", on_change="rerun", key="lab.study.table") as opened:
        if opened.open:
            heads, cells = study_table({**study, "rows": rows})
            st.table([dict(zip(heads, map(plain, line), strict=True)) for line in cells], border="horizontal")
    st.code(study_command(study), language="sh")


def _fits(rows: Sequence[Mapping[str, Any]]) -> str:
    """How well SIRENs of each size fit their pictures."""
    found = {row["setting"]["size"]: row["test"]["psnr"] for row in rows if "psnr" in row["test"]}
    if not found:
        return ""
    return "PSNR by size: " + ", ".join(f"{size}: {psnr:.1f} dB" for size, psnr in found.items()) + ". "
