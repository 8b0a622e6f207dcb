"""Rank: several checkpoints in the order of the accuracy that models predict from their weights."""

import streamlit as st

from app.components.damaged_zoos import show_damaged_zoos
from app.components.drop_anywhere import drop_target
from app.components.upload_box import ENDINGS
from app.errors import reported, show_error
from app.rank.entries import Entry, read_files, read_run, zoos_of_runs
from app.rank.ranking import ranking

FILES, RUN = "Your own files", "A run of a zoo"

st.title("Rank")
with st.expander("What am I looking at?", icon=":material/help:"):
    st.markdown(
        "Which of these checkpoints is best? A model reads the **weights** of each and predicts its test accuracy; no "
        "images are needed. Where the test images that ship with this app fit a network, it is also run on them, so "
        "that you see how right the order is.\n\n"
        "Files may be of different architectures, as long as one model reads them. They are read as data alone and "
        "never stored."
    )
show_damaged_zoos()
source = st.segmented_control(
    "Networks",
    [FILES, RUN],
    default=FILES,
    required=True,
    key="rank_source",
    bind="query-params",
    persist_state="session",
)
entries: list[Entry] = []
with reported(stop=True):
    if source == FILES:
        with drop_target():
            files = st.file_uploader(
                "Checkpoints", type=list(ENDINGS), accept_multiple_files=True, key="rank.files", help="At least two."
            )
        entries, problems = read_files(files)
        for problem in problems:
            show_error(problem)
    elif zoos := zoos_of_runs():
        with st.container(horizontal=True):
            name = st.selectbox(
                "Zoo", list(zoos), key="rank_zoo", bind="query-params", width=220, persist_state="session"
            )
            runs = sorted({int(run) for run in zoos[name].metadata["run"] if run >= 0})
            run = st.selectbox("Run", runs, key="rank_run", bind="query-params", width=140, persist_state="session")
        entries = read_run(zoos[name], run)
with reported():
    if entries:
        ranking(entries)
    elif source == FILES:
        st.info("Add the checkpoints that you want to compare.", icon=":material/upload_file:")
    else:
        st.info("There is no zoo of classifiers here.", icon=":material/info:")
