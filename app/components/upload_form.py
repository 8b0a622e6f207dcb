"""The form about what a file leaves open: one field per question, every answer can be changed at any time."""

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import streamlit as st

from app.errors import plain
from app.uploads import build_once
from ngcore.errors import AmbiguousNetworkError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.upload import Hints, OpenedFile, Question, Upload
    from ngcore.upload.conventions import Range

OUTPUTS = "Outputs for black, white"
MAX_ROUNDS = 4  # questions that follow from answers, such as sizes once the part of a file is chosen
WORDS = {
    "xy": "x, y",
    "yx": "row, column (y, x)",
    "dws": "This project (DWS)",
    "sitzmann": "Sitzmann et al. (SIREN)",
    "coin": "COIN",
    "siren-pytorch": "siren-pytorch",
    "before_norm": "Before the norm",
    "after_norm": "After the norm",
    "conv2d": "Convolution",
    "transposed": "Transposed convolution",
    "embedding": "Embedding table",
    "linear": "Linear layer",
    "layer_norm": "Layer norm",
    "batch_norm": "Batch norm",
    "group_norm": "Group norm",
    "instance_norm": "Instance norm",
    "leaky_relu": "leaky relu",
    "all": "All, as one chain",
    "post_norm": "After each branch (post-norm)",
    "pre_norm": "Before each branch (pre-norm)",
    "all_tokens": "All tokens",
    "causal": "The tokens before it (causal)",
    "first": "The first step",
    "last": "The last step",
    "final_states": "The final states of both ways",
    "mean": "The mean over the steps",
    "max": "The maximum over the steps",
    "every": "Every step",
    "stride_1": "Stride 1, no pooling",
    "stride_1_pool": "Stride 1, then pooling",
    "stride_2": "Stride 2, no pooling",
    "stride_2_pool": "Stride 2, then pooling",
}
LISTS = ("stride", "padding")
COUNTS = ("heads", "length")
NAMES = ("part", "order")
_ANSWERS_KEY = "upload.answers"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the answers of a form come to.

    Attributes:
        upload: The network, None while something is open or does not fit.
        error: Why there is none.
        hints: The answers that it was read with.
    """

    upload: "Upload | None" = None
    error: NeuralGraphError | None = None
    hints: "Hints | None" = None


def ask_until_read(file: "OpenedFile", key: str) -> Outcome:
    """Show a field for each question, and read the network with the answers as they stand."""
    from ngcore.upload import Hints

    answers: dict[str, Any] = {}
    for _ in range(MAX_ROUNDS):
        try:
            hints = Hints(**answers)
            return Outcome(build_once(file, hints), hints=hints)
        except AmbiguousNetworkError as error:
            asked = [question for question in error.questions if question.field not in answers]
            answers |= _fields(key, asked, answers, file)
            if not all(q.field in answers or not _matters(q, answers) for q in asked):
                return Outcome()
        except NeuralGraphError as error:
            return Outcome(error=error)
    return Outcome()


def _matters(question: "Question", answers: dict[str, Any]) -> bool:
    return question.only_if in (None, answers.get("activation"))


def asks_for_range(upload: "Upload", file: "OpenedFile") -> bool:
    """Whether a picture was read without a question, of a file that does not say its range, and looks wrong.

    A network that this project exported has its own range of outputs.
    """
    from ngcore.upload.conventions import OWN_OUTPUTS, guess_output_range, is_image
    from ngcore.upload.reader import says_its_convention

    if not is_image(upload.network.architecture) or says_its_convention(file):
        return False
    return guess_output_range(upload.network)[0] != OWN_OUTPUTS


def ask_for_range(upload: "Upload", file: "OpenedFile", key: str) -> Outcome:
    """Show the field of the range of outputs alone, and read the network with the answer."""
    from ngcore.upload import Hints
    from ngcore.upload.conventions import OWN_OUTPUTS, guess_output_range

    guess, why = guess_output_range(upload.network)
    chosen = _range_field(OUTPUTS, guess, f"{key}.outputs", why)
    if chosen is None or chosen == OWN_OUTPUTS:
        return Outcome(upload, hints=Hints())
    try:
        hints = Hints(output_range=chosen)
        return Outcome(build_once(file, hints), hints=hints)
    except NeuralGraphError as error:
        return Outcome(error=error)


def _fields(key: str, questions: "list[Question]", known: dict[str, Any], file: "OpenedFile") -> dict[str, Any]:
    """Fields of some questions, and their answers; a field that is empty or no answer yet is left out."""
    answers: dict[str, Any] = {}
    for question in questions:
        if not _matters(question, {**known, **answers}):
            continue
        value = _field(key, question)
        if value is not None:
            answers[question.field] = value
        if question.field == "convention" and value is not None:
            answers |= _convention_fields(key, value, {**known, **answers}, file)
    return answers


def _field(key: str, question: "Question") -> Any:
    """One field; its key holds the suggestion, so that another suggestion is a fresh field."""
    name = f"{key}.{question.field}.{question.suggestion}"
    label, reason = plain(question.text), plain(_sentence(question.reason)) or None
    if question.choices:
        choices = list(question.choices)
        _start(name, question.suggestion if question.suggestion in choices else choices[0])
        choice = st.selectbox(label, choices, key=name, help=reason, format_func=_words, on_change=_keep, args=(name,))
        return tuple(choice.split(",")) if question.field in NAMES else choice
    if question.field in (*LISTS, "input_size"):
        return _sizes_field(question.field, label, question.suggestion, name, reason)
    if question.field in COUNTS:
        return _number_field(label, name, int(question.suggestion), reason, least=1, step=1)  # type: ignore[arg-type]
    return _number_field(label, name, float(question.suggestion or 0.0), reason, format="%g")  # type: ignore[arg-type]


def _start(name: str, suggestion: Any) -> None:
    """Let a field begin with what was answered before, on whatever page, else with the suggestion."""
    answers = st.session_state.setdefault(_ANSWERS_KEY, {})
    st.session_state[name] = answers.get(name, suggestion)


def _keep(name: str) -> None:
    """Keep an answer for the other pages, where the field is another one."""
    st.session_state.setdefault(_ANSWERS_KEY, {})[name] = st.session_state[name]


def _number_field(
    label: str, name: str, suggestion: float, reason: str | None = None, *, least: int | None = None, **settings: Any
) -> Any:
    _start(name, suggestion)
    return st.number_input(label, min_value=least, key=name, help=reason, on_change=_keep, args=(name,), **settings)


def _sizes_field(field: str, label: str, suggestion: Any, name: str, reason: str | None) -> Any:
    """Sizes as text: one number for all layers or one for each; height and width of an image."""
    is_image = field == "input_size"
    parts = suggestion if isinstance(suggestion, tuple) else () if suggestion is None else (suggestion,)
    _start(name, (" × " if is_image else ", ").join(map(str, parts)))
    text = st.text_input(
        f"{label} (height × width)" if is_image else label,
        key=name,
        help=reason,
        on_change=_keep,
        args=(name,),
        placeholder="such as 32 × 48" if is_image else "one for all, or one per layer: 1, 2, 2",
    )
    numbers = tuple(int(number[:18]) for number in re.findall(r"\d+", text))
    if not numbers or (is_image and len(numbers) != 2):
        return None
    return numbers if is_image or len(numbers) > 1 else numbers[0]


def _convention_fields(key: str, convention: str, known: dict[str, Any], file: "OpenedFile") -> dict[str, Any]:
    """The parts of a convention, as it has them, each to be changed; what outputs mean is guessed from them."""
    from ngcore.upload import CONVENTIONS

    usual, name = CONVENTIONS[convention], f"{key}.{convention}"
    answers: dict[str, Any] = {}
    orders = ["xy", "yx"]
    _start(f"{name}.order", usual.coordinate_order)
    answers["coordinate_order"] = st.segmented_control(
        "Coordinates",
        orders,
        format_func=_words,
        required=True,
        key=f"{name}.order",
        on_change=_keep,
        args=(f"{name}.order",),
    )
    answers["coordinate_range"] = _range_field("Range of coordinates", usual.coordinate_range, f"{name}.range")
    outputs = st.container()
    if known.get("activation") == "sine":
        with st.container(horizontal=True):
            answers["first_omega_0"] = _number_field("First ω₀", f"{name}.first", usual.first_omega_0)
            answers["omega_0"] = _number_field("Later ω₀", f"{name}.later", usual.omega_0)
    guess, why = _guess(file, {**known, **answers}, usual.output_range)
    with outputs:
        answers["output_range"] = _range_field(OUTPUTS, guess, f"{name}.outputs.{guess}", why)
    return {field: value for field, value in answers.items() if value is not None}


def _guess(file: "OpenedFile", answers: dict[str, Any], usual: "Range") -> "tuple[Range, str]":
    """The range that the outputs have with these answers, and why; the usual one while no network can be built."""
    from ngcore.upload import Hints
    from ngcore.upload.conventions import OWN_OUTPUTS, guess_output_range

    try:
        network = build_once(file, Hints(**{**answers, "output_range": OWN_OUTPUTS})).network
    except NeuralGraphError:
        return usual, ""
    return guess_output_range(network, usual)


def _range_field(label: str, usual: "Range", name: str, why: str = "") -> "Range | None":
    common = dict.fromkeys([usual, (-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5)])
    _start(name, usual)
    return st.selectbox(
        label,
        list(common),
        key=name,
        on_change=_keep,
        args=(name,),
        format_func=lambda ends: f"{ends[0]:g}, {ends[1]:g}",
        help=plain(_sentence(f"suggested: {why}")) if why else None,
    )


def _words(choice: str) -> str:
    return WORDS.get(choice, choice)


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}." if reason else ""
