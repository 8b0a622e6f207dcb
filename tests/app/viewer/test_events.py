"""What the browser sends: what is well-formed is taken, all else is ignored."""

import pytest

LOOK = {
    "shape": "a",
    "open": [0, 2],
    "colour": "activation",
    "isFull": True,
    "k": 200,
    "least": 0.5,
    "isByLayer": False,
}
CHOSEN = {"key": "k", "node": 4, "count": 3}


def test_a_look_and_a_selection_are_read():
    from app.viewer.events import Chosen, chosen_of, count_of, look_of
    from app.viewer.looks import Look

    assert look_of(LOOK, shape="a", num_units=3) == Look(frozenset({0, 2}), "activation", True, 200, 0.5, False)
    at_first = {"shape": "a", "open": None, "colour": "", "isFull": False, "k": None, "least": 0, "isByLayer": True}
    assert look_of(at_first, shape="a", num_units=3) == Look()
    assert chosen_of(CHOSEN, key="k", num_nodes=5) == Chosen(4)
    assert chosen_of({**CHOSEN, "node": None}, key="k", num_nodes=5) == Chosen(None)
    assert count_of(CHOSEN) == count_of({**CHOSEN, "key": "other", "node": 99}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"shape": "b"},
        {"open": [3]},
        {"open": [-1]},
        {"open": [True]},
        {"open": ["0"]},
        {"open": "0"},
        {"open": [0, 0, 1, 1]},
        {"colour": "<script>"},
        {"colour": ["bias"]},
        {"isFull": 1},
        {"isFull": None},
        {"isByLayer": "yes"},
        {"k": 0},
        {"k": 1.5},
        {"k": True},
        {"k": 2_000_000},
        {"least": -1},
        {"least": float("nan")},
        {"least": float("inf")},
        {"least": None},
        {"least": "1"},
    ],
)
def test_a_look_of_anything_else_is_ignored(change):
    from app.viewer.events import look_of

    assert look_of({**LOOK, **change}, shape="a", num_units=3) is None


@pytest.mark.parametrize("sent", [None, 1, "x", [], {}])
def test_what_is_no_mapping_of_the_right_kind_is_ignored(sent):
    from app.viewer.events import chosen_of, count_of, look_of

    assert look_of(sent, shape="a", num_units=3) is None
    assert chosen_of(sent, key="k", num_nodes=5) is None
    assert count_of(sent) == 0


@pytest.mark.parametrize("count", [-1, 1e9, 2**31, "1", True, None])
def test_a_count_of_anything_else_is_none(count):
    from app.viewer.events import count_of

    assert count_of({**CHOSEN, "count": count}) == 0


@pytest.mark.parametrize("change", [{"key": "other"}, {"node": 5}, {"node": -1}, {"node": 1.0}, {"node": "1"}])
def test_a_selection_of_anything_else_is_ignored(change):
    from app.viewer.events import chosen_of

    assert chosen_of({**CHOSEN, **change}, key="k", num_nodes=5) is None
