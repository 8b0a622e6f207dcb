"""A network from elsewhere is told which zoo it is most like."""

import pytest

from ngcore.networks import mlp, siren, small_cnn
from ngcore.paths import ASSETS
from ngcore.tasks import closest_zoo
from ngcore.testing import random_network
from ngcore.zoo import Zoo

INRS = ("mnist-inrs", "fashion-mnist-inrs", "cifar10-inrs")


@pytest.fixture(scope="module")
def zoos():
    return {name: Zoo.open(ASSETS / "zoos" / name) for name in (*INRS, "fashion-mnist-cnns", "cifar10-gs-cnns")}


@pytest.mark.parametrize("name", INRS)
def test_an_inr_is_most_like_the_zoo_of_such_pictures(zoos, name):
    test = zoos[name].networks(zoos[name].rows(split="test")[::29][:10])
    found = [closest_zoo(test[i], zoos) for i in range(len(test))]
    assert found.count(name) >= 8


def test_a_classifier_is_most_like_the_zoo_of_its_architecture(zoos):
    for name in ("fashion-mnist-cnns", "cifar10-gs-cnns"):
        assert closest_zoo(zoos[name].networks([0]), zoos) == name


def test_an_inr_of_another_width_still_has_a_zoo_and_a_network_of_other_inputs_has_none(zoos):
    assert closest_zoo(random_network(siren((2, 5, 1))), zoos) in INRS
    assert closest_zoo(random_network(mlp((7, 3, 5))), zoos) is None
    assert closest_zoo(random_network(small_cnn()), {}) is None
