"""Training small CNNs as a stack, and the zoo that is made of them."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ngcore.errors import NeuralGraphError, UnknownNameError, ZooError
from ngcore.networks import Activation, Network, small_cnn, to_module
from ngcore.networks.forward import apply_layer
from ngcore.zoo.classifier_recipes import CLASSIFIER_ZOOS
from ngcore.zoo.classifier_zoo import build_classifier_zoo
from ngcore.zoo.cnn_runs import (
    ACTIVATIONS,
    BATCH_SIZES,
    INIT_KINDS,
    KINDS_WITH_STD,
    CNNRun,
    draw_runs,
    initial_parameters,
)
from ngcore.zoo.cnn_stack import loss_gradient, stacked_logits
from ngcore.zoo.cnn_training import (
    CNNTrainConfig,
    ImageSplits,
    StackedOptimiser,
    measure,
    minibatches,
    train_stack,
    training_subset,
)
from ngcore.zoo.groups import Group, split_of_group
from ngcore.zoo.images import ImageSet
from ngcore.zoo.preprocessing import to_grey_splits
from ngcore.zoo.runs import OPTIMISERS
from ngcore.zoo.verification import find_problems

NAME = "cifar10-gs-cnns"
TINY = CNNTrainConfig(passes=8.0, channels=(1, 4, 4, 4), compute_dtype="float64")
LONG = dataclasses.replace(TINY, passes=100.0)  # for drawn runs, whose batches are of 64 images or more


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
    monkeypatch.setitem(CLASSIFIER_ZOOS, NAME, dataclasses.replace(CLASSIFIER_ZOOS[NAME], group_size=2))


def varied_runs(**fields):
    """Four runs of one group that differ in everything a run may differ in."""
    runs = draw_runs(0, group_size=4, num_runs=4, seed=1)
    optimisers = (*OPTIMISERS, "adam")
    dropouts = (0.0, 0.3, 0.0, 0.4)
    pairs = zip(runs, optimisers, dropouts, strict=True)
    shared = {"length": 1.0, "train_fraction": 0.8, "batch_size": 24, **fields}
    return [
        dataclasses.replace(run, optimiser=optimiser, dropout=dropout, **shared) for run, optimiser, dropout in pairs
    ]


def random_stack(activation, count=3):
    architecture = small_cnn((1, 4, 4, 4), activation=activation, image_size=(8, 8))
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(count, architecture.num_parameters, generator=generator, dtype=torch.float64) / 2
    return Network.unflatten(architecture, flat)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_fast_forward_pass_equals_the_networks(activation):
    network = random_stack(activation)
    images = torch.randn(37, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(stacked_logits(network, images), network(images), atol=1e-12, rtol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_fast_gradient_equals_that_of_autograd(activation, data):
    """Thirty-seven images make several chunks, the last one not full; some channels of some images are dropped."""
    network = random_stack(activation)
    images, labels = data.train_images[:37].double(), data.train_labels[:37]
    generator = torch.Generator().manual_seed(1)
    keep = [(torch.rand(37, 3 * 4, 1, 1, generator=generator) > 0.3).double() / 0.7 for _ in range(2)]
    gradient = loss_gradient(network, images, labels, keep=keep, compute_dtype=torch.float64)
    leaf = network.flatten().requires_grad_()
    total = reference_losses(Network.unflatten(network.architecture, leaf), images, labels, keep).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(total, leaf)[0], atol=1e-12, rtol=0)


def reference_losses(network, images, labels, keep=()):
    """Mean cross-entropy of each network, by torch's own layers, with factors on the last activations' channels."""
    losses = []
    for i in range(len(network)):
        x, activations = images, 0
        for position, layer in enumerate(network.architecture.layers):
            own = {name: network.parameters[f"{position}.{name}"][i : i + 1] for name in layer.parameter_shapes()}
            x = apply_layer(layer, own, x[None])[0]
            if isinstance(layer, Activation):
                activations += 1
                if keep and activations > 1:
                    x = x * keep[activations - 2].view(len(x), len(network), -1, 1, 1)[:, i]
        losses.append(torch.nn.functional.cross_entropy(x, labels))
    return torch.stack(losses)


def test_training_equals_a_plain_loop_of_torchs_own_optimisers(data):
    """Three steps of each optimiser on the same minibatches, from the same weights, in float64."""
    runs = [dataclasses.replace(run, dropout=0.0, length=0.125) for run in varied_runs()]
    ends = list(train_stack(runs, data, TINY))[-1]
    subset = training_subset(runs[0], 60, seed=TINY.seed)
    batches = minibatches(runs[0], subset, seed=TINY.seed)
    used = [next(batches) for _ in range(ends.step)]
    images = data.train_images.double()
    for i, run in enumerate(runs):
        leaf = initial_parameters([run], ends.network.architecture, seed=TINY.seed).double().requires_grad_()
        optimiser = torchs_optimiser(run, [leaf])
        for batch in used:
            optimiser.zero_grad()
            network = Network.unflatten(ends.network.architecture, leaf)
            reference_losses(network, images[batch], data.train_labels[batch]).sum().backward()
            optimiser.step()
        torch.testing.assert_close(ends.network[i].flatten(), leaf.detach(), atol=1e-9, rtol=0)


def torchs_optimiser(run, parameters):
    """The optimiser of a run as torch has it."""
    options = {"lr": run.learning_rate, "weight_decay": run.weight_decay}
    match run.optimiser:
        case "adam":
            return torch.optim.Adam(parameters, **options)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, **options)
        case _:
            return torch.optim.SGD(parameters, momentum=0.9, **options)


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
        assert [checkpoint.step for checkpoint in alone] == [1, 3, 5, 10, 20]
        for stack, single in zip(together, alone, strict=True):
            torch.testing.assert_close(stack.network[i].flatten(), single.network.flatten(), atol=1e-8, rtol=0)
            assert stack.accuracy[i] == single.accuracy[0]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_stacked_optimiser_equals_torchs_own(optimiser):
    run = dataclasses.replace(varied_runs()[0], optimiser=optimiser, learning_rate=0.01, weight_decay=0.1)
    weights = torch.linspace(-1, 1, 5, dtype=torch.float64)[None]
    expected = weights.clone().requires_grad_()
    ours, reference = StackedOptimiser([run], weights), torchs_optimiser(run, [expected])
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


@pytest.mark.parametrize("kind", INIT_KINDS)
def test_initial_weights_have_the_spread_of_their_kind(kind):
    """Of the 16 → 16 convolution: fan-in 144 and fan-out 144; an orthogonal matrix 16 × 144 has entries of 1 / 144."""
    architecture = small_cnn((1, 16, 16, 16))
    run = dataclasses.replace(draw_runs(0, group_size=1, num_runs=1, seed=0)[0], init_kind=kind, init_std=0.2)
    network = Network.unflatten(architecture, initial_parameters([run], architecture, seed=0))
    expected = {
        "he_normal": math.sqrt(2 / 144),
        "glorot_normal": math.sqrt(1 / 144),
        "orthogonal": math.sqrt(1 / 144),
        "normal": 0.2,
        "truncated_normal": 0.2 * 0.8796,  # the standard deviation of a normal cut at two of its own
    }
    assert network.parameters["2.weight"].std().item() == pytest.approx(expected[kind], rel=0.05)
    assert not network.parameters["2.bias"].any()


def test_what_varies_lies_in_the_ranges_of_the_small_cnn_zoo():
    runs = [run for group in range(96) for run in draw_runs(group, group_size=8, num_runs=768, seed=0)]
    assert all(5e-4 <= run.learning_rate <= 5e-2 for run in runs)
    assert all(1e-8 <= run.weight_decay <= 1e-2 for run in runs)
    assert all(0 <= run.dropout <= 0.7 for run in runs)
    assert all(
        0.01 <= run.init_std <= 0.5 if run.init_kind in KINDS_WITH_STD else math.isnan(run.init_std) for run in runs
    )
    assert {run.optimiser for run in runs} == set(OPTIMISERS)
    assert {run.init_kind for run in runs} == set(INIT_KINDS)
    assert {run.batch_size for run in runs} == set(BATCH_SIZES)
    assert max(run.length for run in runs) * CNNTrainConfig().passes >= 20


def test_every_24_groups_hold_each_activation_with_each_train_fraction_once():
    for start in (0, 24, 48):
        groups = [draw_runs(group, group_size=1, num_runs=99, seed=3)[0] for group in range(start, start + 24)]
        assert len({(run.activation, run.train_fraction) for run in groups}) == 24


def test_the_first_groups_are_a_fair_sample_of_lengths_and_batch_sizes():
    groups = [draw_runs(group, group_size=1, num_runs=999, seed=0)[0] for group in range(256)]
    lengths = [math.log(run.length / math.sqrt(run.train_fraction)) for run in groups]
    assert np.mean(lengths[:32]) == pytest.approx(np.mean(lengths), abs=0.05)
    assert all(sum(run.batch_size == size for run in groups[:32]) in range(6, 11) for size in BATCH_SIZES)


@pytest.mark.parametrize("name", ["cifar10-gs-cnns", "fashion-mnist-cnns"])
def test_every_run_of_a_recipe_has_at_least_six_checkpoints_and_the_last_is_its_end(name):
    config = CLASSIFIER_ZOOS[name].config
    for group in range(64):
        (run,) = draw_runs(group, group_size=1, num_runs=99, seed=0)
        steps = config.checkpoint_steps(run, 50_000)
        assert len(steps) >= 6
        assert steps[-1] == round(config.passes * run.length * 50_000 / run.batch_size)


def test_grey_is_luma_scaled_to_plus_minus_one():
    """Black, white and pure green: 0, 255 and 0.587 · 255 = 149.685 become -1, 1 and 149.685 / 127.5 - 1 = 0.174."""
    pixels = np.array([[[[0, 0, 0], [255, 255, 255], [0, 255, 0]]]], dtype=np.uint8)
    splits = to_grey_splits(ImageSet("cifar10", pixels, np.array([0]), pixels, np.array([0]), ("a",)))
    torch.testing.assert_close(splits.train_images, torch.tensor([[[[-1.0, 1.0, 0.174]]]]))


def test_a_killed_build_goes_on_and_gives_the_same_bytes(images, small_groups, tmp_path):
    def kill(done, total):
        if done:
            raise KeyboardInterrupt

    whole = build_classifier_zoo(NAME, tmp_path / "whole", runs=4, config=LONG, images=images)
    with pytest.raises(KeyboardInterrupt):
        build_classifier_zoo(NAME, tmp_path / "killed", runs=4, config=LONG, images=images, progress=kill)
    assert not (tmp_path / "killed" / "card.json").exists()
    resumed = build_classifier_zoo(NAME, tmp_path / "killed", runs=4, config=LONG, images=images)
    files = sorted(path.name for path in whole.folder.iterdir())
    assert files == sorted(path.name for path in resumed.folder.iterdir())
    assert all((whole.folder / file).read_bytes() == (resumed.folder / file).read_bytes() for file in files)


def test_a_zoo_has_labelled_checkpoints_split_by_group(images, small_groups, tmp_path):
    seen = []
    zoo = build_classifier_zoo(
        NAME, tmp_path, runs=4, config=LONG, images=images, progress=lambda *counts: seen.append(counts)
    )
    assert seen == [(0, 4), (2, 4), (4, 4)]
    assert find_problems(zoo) == []
    assert {architecture.name for architecture in zoo.architectures.values()} == {
        "CNN 1-4-4-4-10 relu",
        "CNN 1-4-4-4-10 tanh",
    }
    for group, rows in zoo.metadata.groupby("group"):
        assert set(rows["split"]) == {split_of_group(group, seed=TINY.seed)}
        assert rows["is_final"].equals(rows["step"] == rows["step"].max())
        assert rows["is_final"].sum() == rows["run"].nunique() == 2
    columns = {"learning_rate", "init_std", "dropout", "weight_decay", "train_fraction", "batch_size", "optimiser"}
    assert columns <= set(zoo.metadata.columns)


def test_labels_are_the_test_accuracies_of_the_stored_networks(images, small_groups, tmp_path):
    zoo = build_classifier_zoo(NAME, tmp_path, runs=2, config=LONG, images=images)
    data = to_grey_splits(images)
    network, rows = zoo.load(next(iter(zoo.architectures)))
    correct = network(data.test_images).argmax(-1) == data.test_labels
    np.testing.assert_allclose(rows["accuracy"], correct.double().mean(1), atol=1e-12)


def test_a_diverged_run_keeps_its_finite_checkpoints_alone(images, small_groups, tmp_path, monkeypatch):
    spec = CLASSIFIER_ZOOS[NAME]

    def draw(*args):
        group = spec.draw(*args)
        first, *others = group.runs
        wild = dataclasses.replace(first, optimiser="sgd", learning_rate=1e60)
        return Group(runs=[wild, *others], split=group.split)

    monkeypatch.setitem(CLASSIFIER_ZOOS, NAME, dataclasses.replace(spec, draw=draw))
    zoo = build_classifier_zoo(NAME, tmp_path, runs=2, config=LONG, images=images)
    counts = zoo.metadata["run"].value_counts()
    assert counts.get(0, 0) < counts[1]
    assert np.isfinite(zoo.metadata[["accuracy", "test_loss", "train_loss"]]).all(axis=None)


def test_of_every_ten_groups_seven_train_one_validates_and_two_test():
    for start in (0, 10, 50):
        splits = [split_of_group(group, seed=0) for group in range(start, start + 10)]
        assert [splits.count(split) for split in ("train", "validation", "test")] == [7, 1, 2]


def test_what_cannot_be_built_is_refused_with_the_reason(images, small_groups, tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"Unknown zoo of classifiers 'cifar11'; choose from: cifar10-gs-cnns, cnn-park, fash"
    ):
        build_classifier_zoo("cifar11", tmp_path)
    with pytest.raises(NeuralGraphError, match=r"Expected at least 1 run, got 0."):
        build_classifier_zoo(NAME, tmp_path, runs=0)
    with pytest.raises(
        NeuralGraphError, match=r"Expected at least 2 checkpoints and more than 0 passes .* got 7 and 0"
    ):
        CNNTrainConfig(passes=0.0)
    with pytest.raises(UnknownNameError, match=r"Unknown optimiser 'lion'; choose from: adam, rmsprop, sgd."):
        dataclasses.replace(varied_runs()[0], optimiser="lion")
    build_classifier_zoo(NAME, tmp_path, runs=1, config=LONG, images=images)
    with pytest.raises(ZooError, match="Expected the recipe of the build"):
        build_classifier_zoo(NAME, tmp_path, runs=1, config=dataclasses.replace(LONG, seed=1), images=images)


def test_runs_of_several_groups_are_refused(data):
    runs: list[CNNRun] = [draw_runs(group, group_size=1, num_runs=2, seed=0)[0] for group in range(2)]
    with pytest.raises(NeuralGraphError, match=r"Expected runs of one group, got groups \[0, 1\]."):
        next(train_stack(runs, data, TINY))
