"""Chains of edits: adding, removing, moving and changing steps, and going back and forth."""

import pytest

from app.studio.chain import (
    MAX_STEPS,
    History,
    Step,
    added,
    chain_text,
    changed,
    describe,
    moved,
    parse_chain,
    removed,
    state_names,
)


@pytest.fixture
def chain():
    """Rotate, invert, rotate."""
    return added(added(added((), "rotate"), "invert"), "rotate")


def edits(chain):
    return [step.edit for step in chain]


def test_steps_of_the_same_edit_can_be_told_apart(chain):
    assert [step.id for step in chain] == [1, 2, 3]
    assert [step.id for step in added(removed(chain, 2), "mirror")] == [1, 3, 4]


def test_a_full_chain_takes_no_further_step():
    full = tuple(Step("invert", id=i) for i in range(MAX_STEPS))
    assert added(full, "mirror") == full


@pytest.mark.parametrize(
    ("step", "by", "expected"), [(2, -1, [2, 1, 3]), (2, 1, [1, 3, 2]), (1, -1, [1, 2, 3]), (3, 9, [1, 2, 3])]
)
def test_a_step_moves_as_far_as_the_ends_allow(chain, step, by, expected):
    assert [one.id for one in moved(chain, step, by)] == expected


def test_a_step_that_is_not_there_is_neither_moved_nor_removed_nor_changed(chain):
    assert moved(chain, 9, 1) == removed(chain, 9) == changed(chain, 9, strength=0.5) == chain


def test_strength_and_model_of_one_step_change(chain):
    other = changed(changed(chain, 3, strength=0.5), 3, model="tiny")
    assert other[:2] == chain[:2] and (other[2].strength, other[2].model, other[2].edit) == (0.5, "tiny", "rotate")


def test_all_changes_are_undone_and_redone_until_another_one_is_made(chain):
    history = History().to(chain[:1]).to(chain[:2]).to(chain)
    assert edits(history.undone().now) == ["rotate", "invert"]
    assert history.undone().undone().redone().redone() == history
    branched = history.undone().to(())
    assert branched.now == () and branched.redone() is branched
    assert branched.undone().now == chain[:2]
    assert History().undone() == History()


def test_a_change_that_changes_nothing_leaves_no_trace(chain):
    history = History().to(chain)
    assert history.to(moved(chain, 1, -1)) is history


def test_steps_and_states_are_described_in_words(chain):
    assert describe(changed(chain[:1], 1, model="tiny")) == ["1. rotate, strength 1, by tiny"]
    assert state_names(chain[:2]) == ["Start", "1. Rotate", "2. Invert"]


@pytest.mark.parametrize(
    "chain",
    [
        (),
        (Step("rotate", 0.5), Step("dilate", model="mnist-dilate-ng-sweep"), Step("dilate", 2.0, "fitting on")),
        tuple(Step("invert", 0.05) for _ in range(MAX_STEPS)),
    ],
)
def test_a_chain_survives_the_way_through_an_address(chain):
    found = parse_chain(chain_text(chain))
    assert found == chain and [step.id for step in found] == list(range(1, len(chain) + 1))


@pytest.mark.parametrize(
    "text",
    [
        "rotate",
        "rotate*",
        "rotate*2.01",
        "rotate*-1",
        "rotate*nan",
        "rotate*1e3",
        "explode*1",
        "rotate*1@",
        "rotate*1@../../etc",
        "rotate*1@<b>",
        "rotate*1~",
        "~".join(["rotate*1"] * (MAX_STEPS + 1)),
    ],
)
def test_a_text_that_is_no_chain_is_not_believed(text):
    assert parse_chain(text) is None
