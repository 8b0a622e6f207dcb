"""What the browser sends: what is well-formed is taken, all else is ignored."""

import pytest

WISH = {"shape": "a", "open": [0, 2], "colour": "activation", "isFull": True}
CHOSEN = {"key": "k", "node": 4, "count": 3}


def test_a_wish_and_a_selection_are_read():
    from app.viewer.events import Chosen, Wish, chosen_of, wish_of

    assert wish_of(WISH, shape="a", num_units=3) == Wish(frozenset({0, 2}), "activation", is_full=True)
    assert chosen_of(CHOSEN, key="k", num_nodes=5) == Chosen(4, 3)
    assert chosen_of({**CHOSEN, "node": None}, key="k", num_nodes=5) == Chosen(None, 3)


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
    ],
)
def test_a_wish_of_anything_else_is_ignored(change):
    from app.viewer.events import wish_of

    assert wish_of({**WISH, **change}, shape="a", num_units=3) is None


@pytest.mark.parametrize("sent", [None, 1, "x", [], {}])
def test_what_is_no_mapping_of_the_right_kind_is_ignored(sent):
    from app.viewer.events import chosen_of, wish_of

    assert wish_of(sent, shape="a", num_units=3) is None
    assert chosen_of(sent, key="k", num_nodes=5) is None


@pytest.mark.parametrize(
    "change", [{"key": "other"}, {"node": 5}, {"node": -1}, {"node": 1.0}, {"node": "1"}, {"count": -1}, {"count": 1e9}]
)
def test_a_selection_of_anything_else_is_ignored(change):
    from app.viewer.events import chosen_of

    assert chosen_of({**CHOSEN, **change}, key="k", num_nodes=5) is None
