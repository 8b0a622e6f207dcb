"""Bringing networks along: choose files, answer what they leave open beside a live picture, see what came of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from app import answers, cached, page_table, state
from app.components import incoming
from app.components.drop_anywhere import drop_target
from app.components.incoming import Result
from app.components.mirrored import mirrored
from app.components.upload_form import ask_for_range, ask_until_read, asks_for_range
from app.components.upload_preview import show_preview
from app.errors import fragment, plain, show_error
from app.state import QUERY_PARAMETER, UPLOAD, Selection
from app.uploads import build_once
from ngcore.errors import AmbiguousNetworkError, DataError, NeuralGraphError

if TYPE_CHECKING:
    from app.components.mirrored import mirrored
from app.components.upload_form import Outcome

ENDINGS = ("safetensors", "npz", "pt", "pth", "ckpt", "bin", "h5", "hdf5", "keras", "onnx", "pt2")
NAMED_ENDINGS = ("pkl", "pickle", "npy", "pb", "tflite", "gguf")  # named, with a recipe
MAX_FILES = 50
NOT_SAID = "Its weights are shown without the structure, as asked."
ICONS = {"network": "check_circle", "weights": "table_rows", "waiting": "help", "refused": "error"}
_KEPT_KEY, _ROUND_KEY, _PATH_KEY = "upload.kept", "upload.round", "upload.path"
_STAYS_KEY, _CHOSEN_KEY = "upload.stays", "upload.file_of_form"


def upload_box(*, takes_weights: bool = False) -> None:
    """Offer the networks of this session and a field for files; what is chosen becomes the selected network.

    Every file is read as soon as it comes, once; the field is empty afterwards, and what became of each file, or what
    it leaves open, stays in the session whatever page is opened next.

    Args:
        takes_weights: Whether this page shows files whose structure is not known; else the network page is opened.
    """
    st.session_state[_STAYS_KEY] = takes_weights
    _offer_kept()
    turn = st.session_state.setdefault(_ROUND_KEY, 0)
    with drop_target():
        files = st.file_uploader(
            "Files of weights, one or several",
            type=[*ENDINGS, *NAMED_ENDINGS],
            key=f"upload.file{turn}",
            accept_multiple_files=True,
            help="Drop them anywhere on the page. Chains of layers and networks of well-known libraries become "
            "networks; of all others the weights show. Files are read as data alone, checked first, and never stored.",
        )
    if not state.is_public():
        _path_field()
    if files:
        _finish(_read_all(files))
    _show_results()
    if incoming.waiting():
        _form()
    elif (selection := state.selected()) and selection.id in state.kept():
        _lead_on(selection)


def _lead_on(selection: Selection) -> None:
    """Say what zoo a network of this session is most like, and lead to the map of that zoo and to the models."""
    near = cached.closest_zoo(selection)
    if near is None:
        return
    net = {QUERY_PARAMETER: selection.key}
    task = answers.CLASSIFY if cached.is_inr(cached.network(selection).architecture) else answers.PREDICT
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Most like the networks of **{plain(near)}**:", width="content")
        st.page_link(page_table.page("map"), label="Its place on the map", query_params={**net, "map_zoo": near})
        if answers.cards_for(task, selection):
            st.page_link(page_table.page("predict"), label="Predict", query_params=net)
        if answers.cards_for(answers.EDIT, selection):
            st.page_link(page_table.page("edit"), label="Edit", query_params=net)


def _offer_kept() -> None:
    """The networks and the files of weights of this session, to choose from."""
    kept = _names()
    if not kept:
        return
    selection = state.selected()
    chosen = selection.id if selection and selection.id in kept else None
    st.selectbox(
        "Networks of this session",
        list(kept),
        **mirrored(_KEPT_KEY, chosen, _choose_kept),
        format_func=kept.__getitem__,
        placeholder="Choose one, or add a file below",
    )


def _names() -> dict[str, str]:
    """What to call the networks and the files of weights of this session, by their sha256."""
    networks = {
        sha256: f"{own.title} · {own.network.architecture.name} · {sha256[:8]}" for sha256, own in state.kept().items()
    }
    files = {sha256: f"{own.title} · weights alone · {sha256[:8]}" for sha256, own in state.kept_weights().items()}
    return {**networks, **files}


def _choose_kept(sha256: str | None) -> None:
    if sha256:
        state.select(zoo=UPLOAD, id=sha256)


def _path_field() -> None:
    """On one's own machine a file can be named instead, and a large one is not copied into memory."""
    text = st.text_input(
        "Or the path of a file on this machine",
        key=_PATH_KEY,
        placeholder="/path/to/model.safetensors, up to 2 GB",
    )
    if not text or st.session_state.get(f"{_PATH_KEY}.done") == text:
        return
    st.session_state[f"{_PATH_KEY}.done"] = text
    path = Path(text.strip()).expanduser()
    try:
        if not path.is_file():
            raise DataError(f"Expected the path of a file, got {text}: there is no such file.")
        result = _read_path(path)
    except NeuralGraphError as error:
        result = incoming.refused(path.name, error)
    except OSError as error:
        result = Result(path.name, "", "refused", f"{text} cannot be read: {error.strerror or error}.")
    _finish([result])


def _read_path(path: Path) -> Result:
    """Read a file by its path: as an upload if a network may be in it, else mapped into memory."""
    from ngcore.upload.limits import LOCAL

    with st.spinner("Reading the file …"):
        if path.stat().st_size <= LOCAL.file_bytes:
            return incoming.take_in(path.read_bytes(), path.name)
        reason = f"Networks of files larger than {LOCAL.file_bytes >> 20} MB are not drawn whole."
        return incoming.keep_weights(path, path.name, reason)


def _read_all(files: Sequence[Any]) -> list[Result]:
    """What becomes of uploaded files, with a bar where there are several."""
    found = []
    bar = st.progress(0.0) if len(files) > 1 else None
    with st.spinner("Reading …"):
        for i, file in enumerate(files[:MAX_FILES]):
            found.append(incoming.take_in(file.getvalue(), file.name))
            if bar is not None:
                bar.progress((i + 1) / len(files), f"{i + 1:,} of {len(files):,} files read")
    reason = f"Up to {MAX_FILES} files are read at once; a folder of more becomes a zoo on the map page."
    return [*found, *(Result(file.name, "", "refused", reason) for file in files[MAX_FILES:][:1])]


def _finish(found: list[Result]) -> None:
    """Empty the field, select the first of what came, and go where it shows."""
    incoming.set_results(found)
    st.session_state[_ROUND_KEY] += 1
    waiting = [result.sha256 for result in found if result.outcome == "waiting"]
    if waiting:
        st.session_state[_CHOSEN_KEY] = waiting[0]
    first = next((result for kind in ("network", "weights") for result in found if result.outcome == kind), None)
    if first is None or (waiting and first.outcome == "weights"):
        st.rerun()
    selection = state.select(zoo=UPLOAD, id=first.sha256)
    if first.outcome == "network" or st.session_state[_STAYS_KEY]:
        st.rerun()
    st.switch_page(page_table.page("network"), query_params={QUERY_PARAMETER: selection.key})


def _show_results() -> None:
    """What became of the files that came last: a line each where there are several, and why some were refused."""
    found = incoming.results()
    if len(found) > 1:
        lines = (f":material/{ICONS[one.outcome]}: **{plain(one.filename)}** · {_in_words(one)}" for one in found)
        st.markdown("  \n".join(lines))
    for result in found:
        if result.outcome == "refused":
            error = DataError(result.said if len(found) == 1 else f"{result.filename}: {result.said}")
            error.recipe = result.recipe
            show_error(error)
    if any(result.outcome != "waiting" for result in found) and (len(found) > 1 or found[0].outcome == "refused"):
        st.button("Clear the list", icon=":material/close:", key="upload.clear", on_click=incoming.forget_results)


def _in_words(result: Result) -> str:
    """What became of a file, as Markdown."""
    if result.outcome == "refused":
        return "no network, see below"
    start = {"network": "", "weights": "weights alone: ", "waiting": "needs answers below"}[result.outcome]
    return f"{start}{plain(result.said)}"


@fragment
def _form() -> None:
    """The form of a file that waits, beside what is made of the answers so far; it follows every field at once."""
    waiting = incoming.waiting()
    if not waiting:
        st.rerun()
    with st.container(border=True, key="upload-form"):
        sha256 = _file_of_form(list(waiting))
        one = waiting[sha256]
        st.markdown(
            f"**{plain(one.file.filename or 'The file')} leaves this open.** The suggestions are guesses; change them "
            "until it looks right."
        )
        fields, preview = st.columns([3, 4], gap="medium")
        with fields:
            outcome = _ask(sha256)
        with preview:
            show_preview(outcome)
        _offer_to_use(sha256, outcome, len(waiting))


def _file_of_form(digests: list[str]) -> str:
    """Which of the files that wait is asked about; chosen where there are several."""
    if st.session_state.get(_CHOSEN_KEY) not in digests:
        st.session_state[_CHOSEN_KEY] = digests[0]
    if len(digests) > 1:
        files = incoming.waiting()
        st.selectbox(
            f"File ({len(digests)} wait for answers)",
            digests,
            key=_CHOSEN_KEY,
            format_func=lambda digest: f"{files[digest].file.filename} · {digest[:8]}",
        )
    return str(st.session_state[_CHOSEN_KEY])


def _ask(sha256: str) -> "Outcome":
    """The fields of what a file leaves open, and what the answers come to."""
    file, key = incoming.waiting()[sha256].file, f"upload.{sha256[:16]}"
    try:
        upload = build_once(file)
    except AmbiguousNetworkError:
        return ask_until_read(file, key)
    return ask_for_range(upload, file, key) if asks_for_range(upload, file) else ask_until_read(file, key)


def _offer_to_use(sha256: str, outcome: "Outcome", count: int) -> None:
    """Buttons that end the form."""
    one = incoming.waiting()[sha256]
    with st.container(horizontal=True):
        use = st.button(
            "Use this network", type="primary", key=f"upload.{sha256[:16]}.read", disabled=outcome.upload is None
        )
        to_all = count > 1 and st.button(
            f"Use these answers for all {count} files", key="upload.all", disabled=outcome.hints is None
        )
        alone = st.button("Show the weights alone", key=f"upload.{sha256[:16]}.weights")
    if to_all and outcome.hints is not None:
        incoming.answer_all(outcome.hints)
        _finish(incoming.results())
    if use and outcome.upload is not None:
        _finish([incoming.keep(outcome.upload)])
    if alone:
        try:
            result = incoming.keep_weights(one.data, one.file.filename, NOT_SAID, sha256)
        except NeuralGraphError as error:
            show_error(error)
        else:
            _finish([result])
