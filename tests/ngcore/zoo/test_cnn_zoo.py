"""Training small CNNs as a stack, and the zoo that is made of them."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ngcore.errors import NeuralGraphError, UnknownNameError, ZooError
from ngcore.networks import Network, small_cnn, to_module
from ngcore.zoo import cnn_zoo
from ngcore.zoo.cnn_runs import OPTIMISERS, CNNRun, draw_runs, initial_parameters
from ngcore.zoo.cnn_training import (
    CNNTrainConfig,
    ImageSplits,
    StackedOptimiser,
    measure,
    stacked_logits,
    train_stack,
    training_subset,
)
from ngcore.zoo.cnn_zoo import build_cnn_zoo, split_of_run, to_grey_splits
from ngcore.zoo.images import ImageSet
from ngcore.zoo.verification import find_problems

NAME = "cifar10-gs-cnns"
TINY = CNNTrainConfig(
    steps=20, batch_size=8, num_checkpoints=3, first_checkpoint=2, channels=(1, 4, 4, 4), compute_dtype="float64"
)


@pytest.fixture
def images():
    """Sixty coloured 8×8 images whose brightness tells their class, and thirty more."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 90)
    pixels = (labels[:, None, None, None] * 20 + random.integers(0, 60, (90, 8, 8, 3))).astype(np.uint8)
    names = tuple("0123456789")
    return ImageSet("cifar10", pixels[:60], labels[:60], pixels[60:], labels[60:], names)


@pytest.fixture
def data(images):
    return to_grey_splits(images)


@pytest.fixture
def small_groups(monkeypatch):
    """Groups of two runs, so that four runs make two groups."""
    monkeypatch.setattr(cnn_zoo, "GROUP_SIZE", 2)


def varied_runs(**fields):
    """Four runs of one group that differ in everything a run may differ in."""
    runs = draw_runs(0, group_size=4, num_runs=4, seed=1)
    optimisers = (*OPTIMISERS, "adam")
    dropouts = (0.0, 0.3, 0.0, 0.4)
    pairs = zip(runs, optimisers, dropouts, strict=True)
    return [
        dataclasses.replace(run, optimiser=optimiser, dropout=dropout, **{"length": 1.0, **fields})
        for run, optimiser, dropout in pairs
    ]


def random_stack(activation, count=3):
    architecture = small_cnn((1, 4, 4, 4), activation=activation, image_size=(8, 8))
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(count, architecture.num_parameters, generator=generator, dtype=torch.float64) / 2
    return Network.unflatten(architecture, flat)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "sigmoid"])
def test_the_fast_forward_pass_equals_the_networks(activation):
    network = random_stack(activation)
    images = torch.randn(5, 1, 8, 8, dtype=torch.float64)
    logits = stacked_logits(network, images, compute_dtype=torch.float64)
    torch.testing.assert_close(logits, network(images), atol=1e-12, rtol=0)


def test_measured_accuracy_and_loss_are_those_of_torchs_own_modules(data):
    network = random_stack("relu")
    images = data.test_images.double()
    accuracy, loss = measure(network, images, data.test_labels)
    for i in range(len(network)):
        logits = to_module(network[i])(images)
        assert accuracy[i] == (logits.argmax(1) == data.test_labels).double().mean()
        torch.testing.assert_close(loss[i], torch.nn.functional.cross_entropy(logits, data.test_labels))


def test_a_stack_trains_to_what_each_run_trains_to_alone(data):
    runs = varied_runs()
    together = list(train_stack(runs, data, TINY))
    for i, run in enumerate(runs):
        alone = list(train_stack([run], data, TINY))
        assert [checkpoint.step for checkpoint in alone] == [2, 6, 20]
        for stack, single in zip(together, alone, strict=True):
            torch.testing.assert_close(stack.network[i].flatten(), single.network.flatten(), atol=1e-8, rtol=0)
            assert stack.accuracy[i] == single.accuracy[0]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_stacked_optimiser_equals_torchs_own(optimiser):
    run = dataclasses.replace(varied_runs()[0], optimiser=optimiser, learning_rate=0.01, weight_decay=0.1)
    torchs = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
    }
    weights = torch.linspace(-1, 1, 5, dtype=torch.float64)[None]
    expected = weights.clone().requires_grad_()
    ours, reference = StackedOptimiser([run], weights), torchs[optimiser]([expected])
    for step in range(5):
        expected.grad = torch.sin(expected.detach() + step)
        ours.update(weights, torch.sin(weights + step))
        reference.step()
    torch.testing.assert_close(weights, expected.detach(), atol=1e-10, rtol=0)


def test_a_run_sees_only_its_fraction_of_the_images(data):
    """Images outside the subset are replaced by NaN: had one been seen, the weights would be NaN."""
    runs = varied_runs(train_fraction=0.3)
    subset = training_subset(runs[0], 60, seed=TINY.seed)
    assert len(subset) == len(set(subset.tolist())) == 18
    hidden = torch.full_like(data.train_images, math.nan)
    hidden[subset] = data.train_images[subset]
    masked = ImageSplits(**{**vars(data), "train_images": hidden})
    pairs = zip(train_stack(runs, data, TINY), train_stack(runs, masked, TINY), strict=True)
    assert all(whole.network.equals(part.network) for whole, part in pairs)


def test_a_run_that_diverges_leaves_the_others_alone(data):
    runs = varied_runs(activation="relu")
    wild = [dataclasses.replace(runs[0], optimiser="sgd", learning_rate=1e200), *runs[1:]]
    calm, beside = list(train_stack(runs, data, TINY))[-1], list(train_stack(wild, data, TINY))[-1]
    assert beside.test_loss[0].isnan()
    assert beside.accuracy[0].isnan()
    torch.testing.assert_close(calm.network[1:].flatten(), beside.network[1:].flatten(), atol=1e-8, rtol=0)


def test_training_in_half_precision_reaches_the_same_loss(data):
    runs = varied_runs()
    exact = list(train_stack(runs, data, TINY))[-1]
    half = list(train_stack(runs, data, dataclasses.replace(TINY, compute_dtype="bfloat16")))[-1]
    assert half.network.dtype == torch.float32
    torch.testing.assert_close(half.train_loss, exact.train_loss, atol=0.1, rtol=0.05)


def test_a_run_depends_on_its_index_and_not_on_how_many_there_are():
    few = draw_runs(1, group_size=4, num_runs=6, seed=0)
    assert [run.index for run in few] == [4, 5]
    assert few == draw_runs(1, group_size=4, num_runs=100, seed=0)[:2]
    architecture = small_cnn((1, 4, 4))
    torch.testing.assert_close(
        initial_parameters(few, architecture, seed=0)[1:], initial_parameters(few[1:], architecture, seed=0)
    )


def test_grey_is_luma_scaled_to_plus_minus_one():
    """Black, white and pure green: 0, 255 and 0.587 · 255 = 149.685 become -1, 1 and 149.685 / 127.5 - 1 = 0.174."""
    pixels = np.array([[[[0, 0, 0], [255, 255, 255], [0, 255, 0]]]], dtype=np.uint8)
    splits = to_grey_splits(ImageSet("cifar10", pixels, np.array([0]), pixels, np.array([0]), ("a",)))
    torch.testing.assert_close(splits.train_images, torch.tensor([[[[-1.0, 1.0, 0.174]]]]))


def test_a_killed_build_goes_on_and_gives_the_same_bytes(images, small_groups, tmp_path):
    def kill(done, total):
        if done:
            raise KeyboardInterrupt

    whole = build_cnn_zoo(NAME, tmp_path / "whole", runs=4, config=TINY, images=images)
    with pytest.raises(KeyboardInterrupt):
        build_cnn_zoo(NAME, tmp_path / "killed", runs=4, config=TINY, images=images, progress=kill)
    assert not (tmp_path / "killed" / "card.json").exists()
    resumed = build_cnn_zoo(NAME, tmp_path / "killed", runs=4, config=TINY, images=images)
    files = sorted(path.name for path in whole.folder.iterdir())
    assert files == sorted(path.name for path in resumed.folder.iterdir())
    assert all((whole.folder / file).read_bytes() == (resumed.folder / file).read_bytes() for file in files)


def test_a_zoo_has_labelled_checkpoints_split_by_run(images, small_groups, tmp_path):
    seen = []
    zoo = build_cnn_zoo(
        NAME, tmp_path, runs=4, config=TINY, images=images, progress=lambda *counts: seen.append(counts)
    )
    assert seen == [(0, 4), (2, 4), (4, 4)]
    assert find_problems(zoo) == []
    assert len(zoo) == 12
    assert {architecture.name for architecture in zoo.architectures.values()} == {
        "CNN 1-4-4-4-10 relu",
        "CNN 1-4-4-4-10 tanh",
    }
    for run, rows in zoo.metadata.groupby("run"):
        assert set(rows["split"]) == {split_of_run(run)}
        assert len(rows) == len(set(rows["step"])) == 3
    columns = {"learning_rate", "init_scale", "dropout", "weight_decay", "train_fraction", "optimiser", "activation"}
    assert columns <= set(zoo.metadata.columns)


def test_labels_are_the_test_accuracies_of_the_stored_networks(images, small_groups, tmp_path):
    zoo = build_cnn_zoo(NAME, tmp_path, runs=2, config=TINY, images=images)
    data = to_grey_splits(images)
    network, rows = zoo.load(next(iter(zoo.architectures)))
    correct = network(data.test_images).argmax(-1) == data.test_labels
    np.testing.assert_allclose(rows["accuracy"], correct.double().mean(1), atol=1e-12)


def test_a_diverged_run_keeps_its_finite_checkpoints_alone(images, small_groups, tmp_path, monkeypatch):
    def draw(*args, **kwargs):
        first, *others = draw_runs(*args, **kwargs)
        return [dataclasses.replace(first, optimiser="sgd", learning_rate=1e60), *others]

    monkeypatch.setattr(cnn_zoo, "draw_runs", draw)
    zoo = build_cnn_zoo(NAME, tmp_path, runs=2, config=TINY, images=images)
    counts = zoo.metadata["run"].value_counts()
    assert counts.get(0, 0) < counts[1] == 3
    assert np.isfinite(zoo.metadata[["accuracy", "test_loss", "train_loss"]]).all(axis=None)


def test_runs_split_seventy_ten_twenty():
    splits = [split_of_run(run) for run in range(10_000)]
    shares = [splits.count(split) / len(splits) for split in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.02)


def test_what_cannot_be_built_is_refused_with_the_reason(images, small_groups, tmp_path):
    with pytest.raises(UnknownNameError, match=r"Unknown CNN zoo 'cifar11'; choose from: cifar10-gs-cnns."):
        build_cnn_zoo("cifar11", tmp_path)
    with pytest.raises(NeuralGraphError, match=r"Expected at least 1 run, got 0."):
        build_cnn_zoo(NAME, tmp_path, runs=0)
    with pytest.raises(NeuralGraphError, match="Expected at least 2 checkpoints, the first between step 1 and 5"):
        CNNTrainConfig(steps=20, first_checkpoint=10)
    with pytest.raises(UnknownNameError, match=r"Unknown optimiser 'lion'; choose from: adam, rmsprop, sgd."):
        dataclasses.replace(varied_runs()[0], optimiser="lion")
    build_cnn_zoo(NAME, tmp_path, runs=1, config=TINY, images=images)
    with pytest.raises(ZooError, match="Expected the recipe of the build"):
        build_cnn_zoo(NAME, tmp_path, runs=1, config=dataclasses.replace(TINY, seed=1), images=images)


def test_runs_of_several_groups_are_refused(data):
    runs: list[CNNRun] = [draw_runs(group, group_size=1, num_runs=2, seed=0)[0] for group in range(2)]
    with pytest.raises(NeuralGraphError, match=r"Expected runs of one group, got groups \[0, 1\]."):
        next(train_stack(runs, data, TINY))
