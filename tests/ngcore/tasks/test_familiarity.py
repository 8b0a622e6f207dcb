"""What is unlike the networks that a model knows is said; the networks that it knows are left in peace."""

import numpy as np
import pytest
import torch

from ngcore.inr.siren import initial_siren
from ngcore.networks import Network, mlp, siren, small_cnn
from ngcore.paths import ASSETS
from ngcore.tasks import find_differences, find_ranges
from ngcore.tasks.familiarity import describe
from ngcore.zoo import Zoo

ZOOS = ("mnist-inrs", "fashion-mnist-inrs", "cifar10-inrs")


class HalfZoo(Zoo):
    """Every second network of a zoo."""

    def rows(self, **chosen):
        return super().rows(**chosen)[::2]


def card_of(*architectures, kind="ng-sweep"):
    model = {"config": {"kind": kind}, "architectures": [architecture.to_dict() for architecture in architectures]}
    return {"name": "m", "model": model}


@pytest.fixture(scope="module", params=ZOOS)
def known(request):
    """A shipped zoo, its architecture, the ranges of one half of it, and networks of the other half."""
    zoo = Zoo.open(ASSETS / "zoos" / request.param)
    (architecture,) = zoo.architectures.values()
    others = zoo.rows()[1::2]
    sample = others[np.linspace(0, len(others) - 1, 150).astype(int)]
    return architecture, find_ranges(HalfZoo.open(zoo.folder), architecture), zoo.networks(sample)


def test_fewer_than_one_in_a_hundred_of_the_shipped_networks_is_called_unlike_the_others(known):
    architecture, ranges, networks = known
    called = [i for i in range(len(networks)) if find_differences(card_of(architecture), networks[i], ranges)]
    assert len(called) < len(networks) / 100


def test_untrained_sirens_are_called_unlike_those_that_were_trained(known):
    architecture, ranges, _ = known
    fresh = initial_siren(architecture, 0, 20, seed=3)
    assert all(find_differences(card_of(architecture), fresh[i], ranges) for i in range(20))


@pytest.mark.parametrize("size", [0.0, 1e6])
def test_zeros_and_huge_weights_are_unlike_any(known, size):
    architecture, ranges, networks = known
    other = networks[0].map(lambda tensor: tensor.sign() * size)
    assert "The weights in 0.weight are of size" in find_differences(card_of(architecture), other, ranges)[0]


def test_a_picture_far_too_bright_is_called_by_its_values():
    from ngcore.inr import edit_weights

    zoo = Zoo.open(ASSETS / "zoos" / "mnist-inrs")
    (architecture,) = zoo.architectures.values()
    network = edit_weights(zoo.networks([0]), "brighten", 4.0)
    sentence = find_differences(card_of(architecture), network, find_ranges(zoo, architecture))[-1]
    assert sentence.startswith("The darkest value of its picture is 0.")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (siren((2, 32, 32, 1), omega_0=20.0), "2-32-32-1 sine with ω₀ 20"),
        (siren((2, 64, 64, 1)), "2-64-64-1 sine with ω₀ 30"),
        (siren((2, 32, 32, 32, 1)), "2-32-32-32-1 sine with ω₀ 30"),
    ],
)
def test_another_architecture_is_named_beside_the_known_one(other, said):
    (sentence,) = find_differences(card_of(siren()), initial_siren(other, 0, 1, seed=0), None)
    assert sentence == (
        f"This network is {said}; the model was trained on 2-32-32-1 sine with ω₀ 30. "
        "It may be wrong however sure it is."
    )


def test_models_that_grow_surer_on_wider_networks_are_said_to():
    wide = initial_siren(siren((2, 64, 64, 1)), 0, 1, seed=0)
    assert "right 19% of the time" in find_differences(card_of(siren(), kind="ng-t"), wide, None)[0]
    assert "right 19%" not in find_differences(card_of(siren(), kind="ng-sweep"), wide, None)[0]


def test_networks_that_differ_by_strides_alone_are_told_apart_in_words():
    (known, other) = small_cnn((1, 4, 4)), small_cnn((1, 4, 4), stride=1)
    flat = torch.zeros(1, other.num_parameters)
    (sentence,) = find_differences(card_of(known), Network.unflatten(other, flat), None)
    assert sentence.startswith("This network has other strides, norms or skips; the model was trained on CNN 1-4-4")


def test_a_known_architecture_without_its_zoo_is_taken_as_it_is():
    assert find_differences(card_of(siren()), initial_siren(siren(), 0, 1, seed=0), None) == []


def test_a_zoo_without_an_architecture_has_no_ranges_for_it(inrs):
    assert find_ranges(inrs, siren((2, 9, 1))) is None
    assert describe(small_cnn()) == "CNN 1-16-16-16-10 relu"


def test_a_model_of_many_architectures_is_expected_to_read_others_of_the_families_it_knows():
    known = [mlp((4, width, 3)) for width in range(2, 24)]
    other = Network.unflatten(mlp((4, 30, 3)), torch.zeros(1, mlp((4, 30, 3)).num_parameters))
    assert find_differences(card_of(*known), other, None) == []
    assert "the model was trained on 4-2-3 relu, 4-3-3 relu, " in find_differences(card_of(*known[:3]), other, None)[0]
    cnn = Network.unflatten(small_cnn(), torch.zeros(1, small_cnn().num_parameters))
    assert find_differences(card_of(*known), cnn, None) == [
        "This network is of the family CNNs; the model was trained on MLPs."
    ]
