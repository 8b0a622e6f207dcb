"""A lesson as one goes through it: text, a link that sets up the page, something to try, and a question."""

import streamlit as st

from app import cached, page_table, state
from app.address import Parameter
from app.components.mirrored import mirrored
from app.learn.lessons import LESSONS, Lesson, Question, Step
from app.state import Selection


def parse_lesson(text: str) -> str | None:
    """Key of the lesson that an address names, by its key or, as older ones do, by its title; None for no lesson."""
    return next((key for key, lesson in LESSONS.items() if text in (key, lesson.title)), None)


LESSON = Parameter("lesson", parse_lesson, str)


def choose_lesson() -> str:
    """Key of the lesson that the user has chosen, or the address names."""
    chosen = LESSON.get() or next(iter(LESSONS))
    LESSON.set(chosen)
    st.segmented_control(
        "Lesson",
        list(LESSONS),
        format_func=lambda key: LESSONS[key].title,
        required=True,
        **mirrored("learn.lesson", chosen, LESSON.set),
    )
    return chosen


def play(key: str) -> None:
    """Show a lesson from its first step to its last."""
    lesson = LESSONS[key]
    st.markdown(lesson.summary)
    place = st.empty()
    for number, step in enumerate(lesson.steps, start=1):
        with st.container(border=True):
            _step(step, number, f"learn.{key}.{number}")
    right = num_right(key)
    total = len(lesson.steps)
    place.progress(right / total, text=f"{right} of {total} questions answered" if right < total else "All answered")
    if right == total:
        _what_next(key)


def num_right(key: str) -> int:
    """How many questions of a lesson have been answered rightly."""
    return sum(
        st.session_state.get(f"learn.{key}.{number}") == step.question.options[step.question.right]
        for number, step in enumerate(LESSONS[key].steps, start=1)
    )


def _step(step: Step, number: int, key: str) -> None:
    st.header(f"{number}. {step.title}")
    st.markdown(step.text)
    entry = page_table.TABLE[step.page]
    if _is_possible(step):
        st.page_link(
            page_table.page(step.page),
            label=f"Open {entry.title}, set up for this step",
            icon=f":material/{entry.icon}:",
            query_params=dict(step.address),
        )
        st.markdown(f"**Try this:** {step.task}")
    else:
        st.caption("The network of this step is not installed here; try it with another one.")
        st.page_link(page_table.page(step.page), icon=f":material/{entry.icon}:")
    _ask(step.question, key)


def _is_possible(step: Step) -> bool:
    """Whether the network that a step is about is here."""
    key = step.address.get(state.QUERY_PARAMETER)
    selection = Selection.parse(key) if key else None
    return selection is None or cached.exists(selection)


def _ask(question: Question, key: str) -> None:
    answer = st.radio(question.text, question.options, index=None, key=key, persist_state="session")
    if answer is None:
        return
    if answer == question.options[question.right]:
        st.success(question.why, icon=":material/check:")
    else:
        st.info("Not quite. Look again, and choose another answer.", icon=":material/replay:")


def _what_next(key: str) -> None:
    """The lesson after this one; back to Home after the last."""
    keys = list(LESSONS)
    following = keys[keys.index(key) + 1 :]
    if following:
        lesson: Lesson = LESSONS[following[0]]
        st.button(
            f"Next lesson: {lesson.title}", type="primary", key="learn.next", on_click=LESSON.set, args=(following[0],)
        )
    else:
        st.success("That was the last lesson. Now bring networks of your own.", icon=":material/school:")
