"""A folder of this machine as a zoo: its files are read while the reader watches, and may be stopped and taken up."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import state
from app.errors import plain, show_error
from app.map.controls import NEXT_ZOO_KEY
from ngcore.errors import DataError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.zoo import ImportReport

_PATH_KEY, _NAME_KEY = "map.import.path", "map.import.name"
_RUNNING_KEY, _REPORT_KEY, _REFUSAL_KEY = "map.import.running", "map.import.report", "map.import.refusal"
MOST_REASONS = 5


def import_box() -> None:
    """Fields for a folder and a name, and the import itself; nothing on a public server."""
    if state.is_public():
        return
    with st.expander("Import a folder as a zoo", icon=":material/drive_folder_upload:", key="map.import"):
        st.caption(
            "Every file of weights in the folder becomes a network. Folders called train, validation or test name the "
            "split, other folders the class. `ngcore zoo import FOLDER` does the same, and takes a table of labels."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input("Folder on this machine", key=_PATH_KEY, placeholder="/path/to/folder", width=360)
            st.text_input("Name of the zoo", key=_NAME_KEY, placeholder="my-networks", width=180)
            if st.session_state.get(_RUNNING_KEY):
                st.button("Cancel", icon=":material/stop_circle:", key="map.import.cancel", on_click=_cancel)
            else:
                st.button("Import", icon=":material/play_arrow:", key="map.import.start", on_click=_start)
        if st.session_state.get(_RUNNING_KEY):
            _run()
    if reason := st.session_state.get(_REFUSAL_KEY):
        show_error(reason)
    elif report := st.session_state.get(_REPORT_KEY):
        st.info(report, icon=":material/info:")


def _start() -> None:
    st.session_state[_RUNNING_KEY] = True
    st.session_state.pop(_REPORT_KEY, None)
    st.session_state.pop(_REFUSAL_KEY, None)


def _cancel() -> None:
    """The run that reads files ends with the next sign of progress; what was read is kept for the next start."""
    st.session_state[_RUNNING_KEY] = False
    st.session_state[_REPORT_KEY] = "Stopped. Start the import again to go on where it stopped."


def _run() -> None:
    """Read the files; the page starts again when they are a zoo, or with the reason why they are none.

    A run of the page that is broken off, by whatever the reader does, is followed by one that continues to read.
    """
    try:
        report = _import()
    except NeuralGraphError as error:
        st.session_state[_REFUSAL_KEY] = str(error)
    else:
        st.session_state[_REPORT_KEY] = _described(report)
        st.session_state[NEXT_ZOO_KEY] = report.zoo.name
        state.select(zoo=report.zoo.name, id=str(report.zoo.metadata["id"].iloc[0]))
    st.session_state[_RUNNING_KEY] = False
    st.rerun()


def _import() -> "ImportReport":
    """Import the folder under the name that was typed, with a bar.

    Raises:
        NeuralGraphError: If folder or name make no sense, or no file is a network.
    """
    from ngcore.zoo import default_zoo_folder, import_folder, list_zoos

    name = str(st.session_state.get(_NAME_KEY) or "").strip()
    path = Path(str(st.session_state.get(_PATH_KEY) or "").strip()).expanduser()
    if not name or not path.is_dir():
        raise DataError(f"Expected a folder on this machine and a name for the zoo, got {str(path)!r} and {name!r}.")
    if name in list_zoos():
        raise DataError(f"Expected a new name for the zoo: there is a zoo called {name} already.")
    bar = st.progress(0.0, "Reading the list of files …")

    def show(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), f"{done:,} of {total:,} files read")

    return import_folder(path, default_zoo_folder(name), name=name, progress=show)


def _described(report: "ImportReport") -> str:
    """What became of the files, as Markdown."""
    lines = [f"{len(report.zoo):,} networks of {report.num_files:,} files are the zoo {plain(report.zoo.name)}."]
    reasons = list(report.refused.items())[:MOST_REASONS]
    lines += [f"{len(report.refused):,} files were left out, such as:"] if reasons else []
    return "  \n".join([*lines, *(f"{plain(file)}: {plain(reason)}" for file, reason in reasons)])
