"""The zoos of many architectures and families: what is drawn for them, and building them from tiny images."""

import collections
import dataclasses

import numpy as np
import pytest

from ngcore.errors import ZooError
from ngcore.networks import Add, BatchNorm, Conv2d, cost_of
from ngcore.zoo import CLASSIFIER_ZOOS, family_draws, park_draws
from ngcore.zoo.classifier_zoo import build_classifier_zoo, draw_groups
from ngcore.zoo.drawing import even_places
from ngcore.zoo.images import ImageSet
from ngcore.zoo.preprocessing import to_colour_splits, to_grey_splits
from ngcore.zoo.stack_training import StackTrainConfig
from ngcore.zoo.verification import find_problems

PARK, FAMILIES = CLASSIFIER_ZOOS["cnn-park"], CLASSIFIER_ZOOS["fashion-families"]
TINY = StackTrainConfig(passes=8.0, num_checkpoints=2)


def groups_of(spec, count):
    """The first groups of a recipe, of one run each."""
    return draw_groups(dataclasses.replace(spec, group_size=1), count, spec.config)


@pytest.fixture(scope="module")
def park():
    return groups_of(PARK, 60)


@pytest.fixture(scope="module")
def families():
    return groups_of(FAMILIES, 150)


@pytest.fixture
def images():
    """Forty 28×28 images whose brightness tells their class, and twenty more."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 60)
    pixels = (labels[:, None, None] * 20 + random.integers(0, 60, (60, 28, 28))).astype(np.uint8)
    return ImageSet("fashion-mnist", pixels[:40], labels[:40], pixels[40:], labels[40:], tuple("0123456789"))


def build(folder, images, **options):
    return build_classifier_zoo("fashion-families", folder, images=images, config=TINY, **options)


def test_every_network_of_the_park_is_affordable_and_answers_ten_classes(park):
    for group in park:
        assert group.architecture.input_shapes == ((3, 32, 32),)
        assert group.architecture.output_shape == (10,)
        assert cost_of(group.architecture).multiply_adds <= park_draws.MAX_MULTIPLY_ADDS
        assert group.architecture.num_parameters <= park_draws.MAX_PARAMETERS


def test_the_park_covers_what_it_promises(park):
    seen = collections.defaultdict(set)
    for group in park:
        for name, value in group.traits.items():
            seen[name].add(value)
        layers = [step.layer for step in group.architecture.steps]
        convolutions = [layer for layer in layers if isinstance(layer, Conv2d)]
        seen["kernel"] |= {layer.kernel_size[0] for layer in convolutions}
        seen["channels"] |= {layer.out_channels for layer in convolutions}
        assert group.traits["residuals"] == sum(isinstance(layer, Add) for layer in layers)
        assert (group.traits["norm"] == "batch_norm") == any(isinstance(layer, BatchNorm) for layer in layers)
        assert bool(group.traits["depthwise"]) == any(layer.groups > 1 for layer in convolutions)
    assert seen["depth"] == set(range(2, 9))
    assert seen["kernel"] == {1, 3, 5, 7}
    assert min(seen["channels"]) == 4
    assert max(seen["channels"]) >= 32
    assert seen["activation"] == {"relu", "tanh", "gelu", "silu", "leaky_relu", "sigmoid", "mixed"}
    assert seen["head"] == {"gap", "flatten"}
    assert len(seen["projections"]) > 2


def test_families_take_turns_and_share_one_input(families):
    assert [group.traits["family"] for group in families[:5]] == list(family_draws.FAMILIES)
    assert {group.architecture.input_shapes for group in families} == {((1, 28, 28),)}
    low, high = family_draws.NUM_PARAMETERS
    assert all(low <= group.architecture.num_parameters <= high for group in families)
    columns = {"family", "depth", "width", "heads", "norm", "activation", "num_parameters"}
    assert all(columns <= group.traits.keys() for group in families)


def test_families_vary_in_depth_width_heads_norm_and_activation(families):
    for family in family_draws.FAMILIES:
        traits = [group.traits for group in families if group.traits["family"] == family]
        assert len({own["depth"] for own in traits}) >= 3
        assert len({own["norm"] for own in traits}) >= 2
        assert max(own["num_parameters"] for own in traits) > 25_000
        assert min(own["num_parameters"] for own in traits) < 6_000
        assert (len({own["heads"] for own in traits}) >= 3) == (family == "transformer")
        assert (len({own["activation"] for own in traits}) == 6) == (family not in ("gru", "lstm"))


@pytest.mark.parametrize("name", ["park", "families"])
def test_the_first_groups_are_a_fair_sample_of_all(name, request):
    """Means over the first quarter are those over all, within the noise of as many draws."""
    groups = request.getfixturevalue(name)
    first = groups[: len(groups) // 4]
    for value in (
        lambda group: group.traits["depth"],
        lambda group: np.log(group.runs[0].length),
        lambda group: group.runs[0].train_fraction,
        lambda group: group.traits["norm"] == "none",
    ):
        found, expected = [value(group) for group in first], [value(group) for group in groups]
        assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.3 * np.std(expected) + 1e-9)
    shares = collections.Counter(group.split for group in first)
    assert shares["train"] / len(first) == pytest.approx(0.7, abs=0.1)


def test_every_family_is_split_alike(families):
    for family in family_draws.FAMILIES:
        splits = [group.split for group in families if group.traits["family"] == family]
        assert [splits.count(split) for split in ("train", "validation", "test")] == [21, 3, 6]


def test_runs_of_a_group_share_images_and_length_and_differ_in_the_rest():
    (group, *_) = draw_groups(FAMILIES, 8, FAMILIES.config)
    assert [run.index for run in group.runs] == [0, 1, 2, 3]
    for shared in ("group", "train_fraction", "batch_size", "length"):
        assert len({getattr(run, shared) for run in group.runs}) == 1
    assert len({run.learning_rate for run in group.runs}) == 4


def test_a_run_does_not_depend_on_how_many_there_are():
    few, many = draw_groups(PARK, 6, PARK.config), draw_groups(PARK, 12, PARK.config)
    assert list(many[1].runs[:2]) == list(few[1].runs)
    assert (many[1].architecture, many[1].split) == (few[1].architecture, few[1].split)


def test_places_are_even_over_any_first_indices():
    for count in (10, 37, 100):
        places = [even_places(i, tuple("abcdefg"), seed=0) for i in range(count)]
        for name in "abcdefg":
            counts = np.histogram([place[name] for place in places], bins=5, range=(0, 1))[0]
            assert counts.max() - counts.min() <= 4


def test_a_zoo_of_families_has_labelled_checkpoints_of_every_architecture(images, tmp_path):
    zoo = build(tmp_path, images, runs=18)
    assert find_problems(zoo) == []
    assert len(zoo.architectures) == 5
    table = zoo.metadata
    assert set(table["family"]) == set(family_draws.FAMILIES)
    for _, rows in table.groupby("run"):
        assert rows["is_final"].equals(rows["step"] == rows["step"].max())
        assert rows["architecture"].nunique() == 1
    columns = {"family", "depth", "width", "heads", "norm", "activation", "num_parameters", "label_noise"}
    columns |= {"train_fraction", "optimiser", "learning_rate", "weight_decay", "init", "dropout", "run", "group"}
    columns |= {"step", "is_final", "accuracy", "test_loss", "train_accuracy", "train_loss"}
    assert columns <= set(table.columns)
    for key, architecture in zoo.architectures.items():
        network, rows = zoo.load(key)
        assert set(rows["num_parameters"]) == {architecture.num_parameters}
        answers = network(to_grey_splits(images).test_images).argmax(-1).numpy()
        np.testing.assert_allclose(rows["accuracy"], (answers == images.test_labels).mean(1), atol=1e-6)


def test_a_killed_build_of_families_goes_on_and_gives_the_same_bytes(images, tmp_path):
    def kill(done, total):
        if done:
            raise KeyboardInterrupt

    whole = build(tmp_path / "whole", images, runs=8)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "killed", images, runs=8, progress=kill)
    assert not (tmp_path / "killed" / "card.json").exists()
    resumed = build(tmp_path / "killed", images, runs=8)
    files = sorted(path.name for path in whole.folder.iterdir())
    assert files == sorted(path.name for path in resumed.folder.iterdir())
    assert all((whole.folder / file).read_bytes() == (resumed.folder / file).read_bytes() for file in files)


def test_a_folder_of_another_recipe_is_refused(images, tmp_path):
    build(tmp_path, images, runs=1)
    other = dataclasses.replace(TINY, passes=2.0)
    with pytest.raises(ZooError, match="Expected the recipe of the build"):
        build_classifier_zoo("fashion-families", tmp_path, images=images, config=other, runs=1)


def test_the_park_is_built_from_colour_images(tmp_path):
    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (24, 32, 32, 3), np.uint8), np.arange(24) % 10
    images = ImageSet("cifar10", pixels, labels, pixels, labels, tuple("0123456789"))
    zoo = build_classifier_zoo("cnn-park", tmp_path, images=images, config=TINY, runs=5)
    assert find_problems(zoo) == []
    assert set(zoo.metadata["family"]) == {"cnn"}
    assert zoo.metadata["run"].nunique() == 5


def test_colours_are_scaled_to_plus_minus_one():
    pixels = np.array([[[[0, 51, 255]]]], dtype=np.uint8)
    splits = to_colour_splits(ImageSet("cifar10", pixels, np.array([0]), pixels, np.array([0]), ("a",)))
    np.testing.assert_allclose(splits.train_images.flatten(), [-1.0, -0.6, 1.0], atol=1e-6)
