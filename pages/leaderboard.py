"""Leaderboard: all trained models by what they answer, and two of them on the same networks."""

import streamlit as st

from app import cached, map_data
from app.answers import CLASSIFY, PREDICT, QUESTIONS
from app.errors import end_page, reported
from app.leaderboard.comparison import model_comparison
from app.leaderboard.studies import study_section
from app.leaderboard.table import leaderboard_table, show_headlines
from app.leaderboard.worth import worth_section
from ngcore.report.accuracy_table import compare_with_baselines
from ngcore.report.results import result_rows
from ngcore.report.studies import list_studies
from ngcore.report.study_files import BASELINES_STUDY, EXTREMES, OF_ZOOS, OPTIMISERS

st.title("Leaderboard")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Every model that reads networks here, with the figure that it reached on **test networks**: networks that it "
        "was neither trained nor chosen by. All figures come from the models' cards, written at the end of training; "
        "`ngcore evaluate --all` measures them again.\n\n"
        "*Graph* models (NG-GNN, NG-T, NG-Sweep) give the same answer whatever the order of the hidden neurons. "
        "NG-Sweep passes messages layer by layer, forth and back; the weights enter linearly and in place. Models with "
        "*probes* also run the network on a few learned inputs; *output probes* see nothing but the answers to them, "
        "and where the probes are a *lattice*, that is the picture itself, coarsely. A *flat MLP* reads the weights as "
        "one long list. Editors with *descent* end with a few gradient steps of learned sizes, down the distance to "
        "the edit of the picture that the network itself draws.\n\n"
        "*Studies*, where there are some, are short trainings that differ in one or two respects: what they show is "
        "what makes a difference, not the best that a model can do."
    )
rows = result_rows(cached.checkpoints())
with reported():
    show_headlines(rows)
tasks = [task for task in QUESTIONS if any(row["task"] == task for row in rows)]
if not tasks:
    st.info("No trained model is here yet: `ngcore train` makes one.", icon=":material/info:")
    end_page()
task = st.segmented_control(
    "Question",
    tasks,
    default=tasks[0],
    format_func=QUESTIONS.__getitem__,
    required=True,
    key="leaderboard_question",
    bind="query-params",
)
with reported():
    leaderboard_table([row for row in rows if row["task"] == task])

studies = list_studies()
if task == PREDICT:
    with reported():
        if comparisons := compare_with_baselines(rows, studies):
            st.header("What is a prediction worth?")
            worth_section(comparisons)

if task == CLASSIFY:
    # the models of a zoo's own classes; those that merely read the networks of an imported zoo need not know them
    by_zoo = {
        zoo: {
            name: card
            for name, card in map_data.models_for(zoo).items()
            if card["task"] == CLASSIFY and card["corpus"]["name"] == zoo
        }
        for zoo in cached.zoos()
    }
    comparable = {zoo: cards for zoo, cards in by_zoo.items() if len(cards) > 1}
    if comparable:
        st.header("Two models on the same networks")
        name = st.segmented_control(
            "Zoo",
            list(comparable),
            default=next(iter(comparable)),
            required=True,
            key="leaderboard_pair",
            bind="query-params",
        )
        with reported():
            model_comparison(cached.zoo(name), comparable[name])

with reported():
    trainings = [study for study in studies if study["name"] not in (BASELINES_STUDY, EXTREMES, OPTIMISERS)]
    if trainings := [study for study in trainings if study["name"].startswith(OF_ZOOS) == (task == PREDICT)]:
        st.header("Studies")
        study_section(trainings)
