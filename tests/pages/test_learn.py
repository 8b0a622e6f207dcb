"""The lessons: every link opens what it says, every question has one right answer, and progress is kept."""

import pytest

from app import page_table
from app.learn.lessons import LESSONS
from app.partner import Partner
from app.predict.accuracy import TABS as PREDICT_TABS
from app.studio.chain import parse_chain
from ngcore.tasks.checkpoints import find_checkpoint
from ngcore.zoo import Zoo, find_zoo

STEPS = [(key, number, step) for key, lesson in LESSONS.items() for number, step in enumerate(lesson.steps, start=1)]
TABS = {
    "network_tab": ("Graph", "Weights", "Shuffle", "Export"),
    "lab_tab": ("Symmetry", "Probes", "Extremes"),
    "predict_tab": PREDICT_TABS,
}


@pytest.mark.parametrize(("key", "number", "step"), STEPS, ids=[f"{key}-{number}" for key, number, _ in STEPS])
def test_a_step_names_what_ships(key, number, step):
    assert step.page in page_table.TABLE
    for name, value in step.address.items():
        match name:
            case "net":
                assert value in Zoo.open(find_zoo(value.partition("/")[0]))
            case "edits":
                chain = parse_chain(value)
                assert chain and all(find_checkpoint(edit.model) for edit in chain)
            case "with":
                assert Partner.parse(value) is not None
            case "worth_zoo":
                assert find_zoo(value)
            case _:
                assert value in TABS[name]
    assert len(set(step.question.options)) == len(step.question.options) == 3
    assert 0 <= step.question.right < 3


def answer(app, key, number, option):
    return app.radio(key=f"learn.{key}.{number}").set_value(option).run()


def test_answers_are_judged_and_kept_and_the_next_lesson_follows(open_page):
    app = open_page("learn")
    assert not app.exception and not app.error
    lesson = LESSONS["graph"]
    first = lesson.steps[0].question
    answer(app, "graph", 1, first.options[0])
    assert any(info.value.startswith("Not quite") for info in app.info) and not app.success
    for number, step in enumerate(lesson.steps, start=1):
        answer(app, "graph", number, step.question.options[step.question.right])
    assert [box.value for box in app.success] == [step.question.why for step in lesson.steps]
    app.button(key="learn.next").click().run()
    assert not app.exception
    assert app.radio(key="learn.probes.1").value is None
    assert app.query_params["lesson"] == "probes"


@pytest.mark.parametrize("named", ["editing", LESSONS["editing"].title], ids=["key", "title, as in older links"])
def test_an_address_opens_its_lesson_and_names_it_by_its_key(open_page, named):
    app = open_page("learn", address={"lesson": named})
    assert not app.exception and not app.error
    assert app.radio(key="learn.editing.1") is not None
    assert app.query_params["lesson"] == "editing"


def test_an_unknown_lesson_opens_the_first(open_page):
    app = open_page("learn", address={"lesson": "<b>"})
    assert not app.exception and not app.error
    assert app.radio(key="learn.graph.1") is not None
