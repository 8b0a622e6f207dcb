"""What a strength of a trained edit is worth: measured as the pages edit, kept in cards, read between the points."""

import numpy as np
import pytest
import torch

from ngcore.tasks import EditStrengths, change_of_inrs, changed_by, load_checkpoint, measure_strengths
from ngcore.tasks.corpus import Corpus
from ngcore.zoo import Zoo


@pytest.fixture
def measured(tiny_zoos, checkpoints):
    """An editor, networks of its zoo, and what is measured on them."""
    checkpoint = load_checkpoint(checkpoints / "tiny-edit", "cpu")
    corpus = Corpus.load(Zoo.open(tiny_zoos / "tiny-inrs"), "test")
    return checkpoint, corpus, measure_strengths(checkpoint, corpus)


def test_errors_are_those_of_the_edited_networks_to_the_edited_pictures(measured):
    from ngcore.inr import edit_images, render

    checkpoint, corpus, found = measured
    (network,) = corpus.stacks
    images, change = render(network, (28, 28)).clamp(0, 1), change_of_inrs(checkpoint, network)
    for strength in (0.5, 2.0):
        edited = render(changed_by("tiny-edit", network, change, strength), (28, 28))
        target = edit_images(images, "dilate", strength)
        expected = [float((own - target).square().mean()) for own in (edited, render(network, (28, 28)))]
        assert found.once[strength] == pytest.approx(expected, rel=1e-4)
    assert (found.n, found.split, sorted(found.repeated)) == (len(corpus), "test", [2, 3])
    assert found.once[0.0][0] == found.once[0.0][1]


def test_a_repeated_edit_asks_the_model_again(measured):
    from ngcore.inr import edit_images, render

    checkpoint, corpus, found = measured
    (network,) = corpus.stacks
    target, moved = render(network, (28, 28)).clamp(0, 1), network
    for _ in range(2):
        moved = changed_by("tiny-edit", moved, change_of_inrs(checkpoint, moved), 1.0)
        target = edit_images(target, "dilate")
    expected = float((render(moved, (28, 28)) - target).square().mean())
    assert found.repeated[2][0] == pytest.approx(expected, rel=1e-4)


def test_a_card_gives_back_what_was_measured(measured):
    *_, found = measured
    assert EditStrengths.of_card({"strengths": found.to_dict()}) == found
    assert EditStrengths.of_card({}) is None


def strengths(shares):
    once = {key: (float(share), 1.0) for key, share in shares.items()}
    return EditStrengths(10, "validation", once, {2: (0.25, 1.0)})


def test_the_end_of_what_is_useful_lies_between_the_measured_strengths():
    assert strengths({0.0: 1, 0.5: 0.5, 1.0: 0.2, 1.5: 0.9, 2.0: 1.1}).useful_up_to == 1.75
    assert strengths({0.0: 1, 1.0: 0.2, 2.0: 0.9}).useful_up_to == 2
    assert strengths({0.0: 1, 0.25: 1.4, 1.0: 0.2, 2.0: 0.9}).useful_up_to == 2  # a faint edit may be worse than none
    assert strengths({0.0: 1, 1.0: 1.2, 2.0: 3.0}).useful_up_to == 1


def test_what_remains_is_read_off_between_the_measured_strengths():
    found = strengths({0.0: 1, 1.0: 0.2, 2.0: 1.0})
    assert found.remains(1.5) == pytest.approx(0.6) and found.remains(0.0) == 0 and found.remains(1.0) == 0.2
    assert found.remains_repeated(1) == 0.2 and found.remains_repeated(2) == 0.25 and found.remains_repeated(3) is None


def test_the_editors_that_ship_say_what_their_strengths_are_worth():
    from ngcore.paths import ASSETS
    from ngcore.training import read_card

    cards = [read_card(path.parent) for path in sorted((ASSETS / "checkpoints").glob("*/card.json"))]
    editors = [card for card in cards if card["task"] == "edit"]
    assert len(editors) >= 7
    for card in editors:
        found = EditStrengths.of_card(card)
        assert found is not None and found.n >= 500 and found.remains(1.0) < 0.5 < 1 < found.useful_up_to
        assert np.isfinite([*found.once.values(), *found.repeated.values()]).all()
        assert found.once[1.0] == pytest.approx(
            [card["metrics"]["validation"][name] for name in ("mse", "mse_unedited")], rel=0.2
        )
        assert torch.tensor(found.once[0.0]).unique().numel() == 1
