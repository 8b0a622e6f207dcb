"""What came of a race: a table, its numbers as a file, the code that repeats it, and the trained networks."""

import pandas as pd
import streamlit as st

from app import page_table, state
from app.race.live import OPENED_KEY, Live, current
from app.race.setup import BATCH_SIZE

CODE = """from ngcore.networks import Architecture
from ngcore.tasks.optimisees import Optimisee
from ngcore.tasks.racing import Entrant, Race
from ngcore.zoo import read_training_sample, sample_images

architecture = Architecture.from_dict({architecture})
train, test = read_training_sample("{images}"), sample_images("{images}")
task = Optimisee(architecture=architecture, images="{images}", side={side}, total_steps={steps}, batch_size={batch})
entrants = [
{entrants}
]
race = Race(
    task,
    entrants,
    train=(train.inputs(architecture), train.labels),
    held_out=(test.inputs(architecture), test.labels),
    seed={seed},
    measure_every={every},
)
race.advance({steps})
for row in race.rows():
    print(row)
"""


def results() -> None:
    """Show what came of the race of this session, once it stands."""
    live = current()
    if live is None or live.is_running:
        return
    st.header("Results" if live.is_over else f"After {live.race.step:,} steps")
    table = _table(live)
    percent = st.column_config.NumberColumn(format="%.1f %%")
    formats = {
        "Accuracy": percent,
        "Best on the way": percent,
        "Loss": st.column_config.NumberColumn(format="%.3f"),
        "Seconds": st.column_config.NumberColumn(format="%.1f"),
        "ms per step": st.column_config.NumberColumn(format="%.1f"),
    }
    st.dataframe(table, hide_index=True, column_config=formats)
    with st.container(horizontal=True):
        st.download_button(
            "All measurements (.csv)",
            lambda: pd.DataFrame(live.race.rows()).to_csv(index=False),
            "race.csv",
            "text/csv",
            key="race.csv",
            icon=":material/download:",
            on_click="ignore",
        )
        for number, lane in enumerate(live.setup.lanes):
            st.button(
                f"Use the network of {lane.name}",
                key=f"race.open.{number}",
                icon=":material/output:",
                on_click=_keep,
                args=(number,),
            )
    opened, selection = st.session_state.get(OPENED_KEY), state.selected()
    if opened is not None and selection is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"The network of {opened} is selected on all pages:")
            for name in ("network", "predict", "compare"):
                entry = page_table.TABLE[name]
                st.page_link(
                    page_table.page(name),
                    label=entry.title,
                    icon=f":material/{entry.icon}:",
                    query_params={state.QUERY_PARAMETER: selection.key},
                )
    with st.expander("The code that repeats this race", icon=":material/code:"):
        st.code(code_of(live), language="python")


def _table(live: Live) -> pd.DataFrame:
    rows = []
    for lane, runner in zip(live.setup.lanes, live.race.runners, strict=True):
        last = runner.standings[-1]
        best = max(standing.accuracy[0] for standing in runner.standings)
        rows.append(
            {
                "Optimiser": lane.name,
                "Accuracy": 100 * last.accuracy[0],
                "Best on the way": 100 * best,
                "Loss": last.loss[0],
                "Seconds": runner.seconds,
                "ms per step": 1_000 * runner.seconds / max(1, live.race.step),
            }
        )
    return pd.DataFrame(rows).sort_values("Accuracy", ascending=False)


def _keep(number: int) -> None:
    """Keep the network of an entrant for the other pages."""
    live = current()
    if live is None:
        return
    lane, runner = live.setup.lanes[number], live.race.runners[number]
    title = f"{live.setup.images}, {runner.run.count} steps of {lane.name}"
    state.select_key(state.keep_network(runner.network, title).key)
    st.session_state[OPENED_KEY] = lane.name


def code_of(live: Live) -> str:
    """Python that runs the same race."""
    setup = live.setup
    entrants = []
    for lane in setup.lanes:
        rule = f', rule=load_rule("{lane.rule}")' if lane.rule else ""
        numbers = f'learning_rate={lane.learning_rate!r}, schedule="{lane.schedule}"{rule}'
        entrants.append(f'    Entrant(method="{lane.kind}", {numbers}),')
    text = CODE.format(
        architecture=setup.architecture.to_dict(),
        images=setup.images,
        side=setup.architecture.input_shapes[0][-1],
        steps=setup.steps,
        batch=BATCH_SIZE,
        entrants="\n".join(entrants),
        seed=setup.seed,
        every=live.race.measure_every,
    )
    has_rule = any(lane.rule for lane in setup.lanes)
    return f"from ngcore.optim import load_rule\n{text}" if has_rule else text
