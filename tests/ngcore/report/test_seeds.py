"""Figures of other seeds in the card of a checkpoint."""

import pytest

from ngcore.errors import CheckpointError
from ngcore.report.seeds import join_seeds, over_seeds
from ngcore.tasks import train_recipe
from ngcore.training import read_card, read_weights


@pytest.fixture
def trained(recipes, inrs, tmp_path, monkeypatch):
    """A function that trains a tiny recipe with a seed, and says where."""
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))

    def train(seed, name="tiny-classify", limit=None):
        folder = tmp_path / f"{name}-seed{seed}-{limit}"
        train_recipe(name, out=folder, zoo_folder=inrs.folder, device="cpu", seed=seed, limit=limit)
        return folder

    return train


def test_joined_figures_stand_beside_those_of_the_weights_that_ship(trained):
    first, second, third = (trained(seed) for seed in (0, 1, 2))
    weights = read_weights(first)
    card = join_seeds(first, [third, second], out=first)
    assert card == read_card(first)
    assert [repeat["seed"] for repeat in card["repeats"]] == [1, 2]
    assert card["repeats"][0]["metrics"] == read_card(second)["metrics"]
    assert all(weights[name].equal(tensor) for name, tensor in read_weights(first).items())
    assert join_seeds(first, [second, third], out=first) == card


def test_mean_and_deviation_are_over_all_seeds():
    card = {
        "metrics": {"test": {"accuracy": 0.9}},
        "repeats": [{"metrics": {"test": {"accuracy": value}}} for value in (0.8, 1.0)],
    }
    assert over_seeds(card, "test", "accuracy") == (pytest.approx(0.9), pytest.approx(0.1), 3)
    assert over_seeds({"metrics": card["metrics"]}, "test", "accuracy") == (0.9, None, 1)


def test_checkpoints_of_another_training_or_of_the_same_seed_are_refused(trained):
    first = trained(0)
    with pytest.raises(CheckpointError, match=r"another seed in .*, got seed 0 again"):
        join_seeds(first, [first], out=first)
    with pytest.raises(CheckpointError, match=r"got one that differs in preset, task, parameters, training"):
        join_seeds(first, [trained(1, name="tiny-edit")], out=first)
