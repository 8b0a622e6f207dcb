"""A model whose answers do not depend on how often neurons are duplicated, nor on how their weights are split."""

import pytest
import torch
from dag_architectures import DAGS
from tiny_models import tiny_config, tiny_model

from ngcore.errors import NeuralGraphError
from ngcore.models import build_model, preset, width_stable_copy
from ngcore.models.config import SweepConfig
from ngcore.models.fans import FanScale
from ngcore.models.rows import rows_by_depth
from ngcore.networks import (
    Activation,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Skip,
    chain,
    mlp,
    siren,
    small_cnn,
    wide_spaces,
    widen,
)
from ngcore.testing import random_network

RELU = Activation("relu")
STABLE = "ng-sweep-width-stable"


def residual_cnn():
    layers = (Conv2d(2, 4, padding=(1, 1)), RELU, Conv2d(4, 4, padding=(1, 1), groups=4), RELU, BatchNorm(4))
    return chain((2, 3, 3), (*layers, Flatten(), Linear(36, 5), RELU, Linear(5, 3)), (Skip(2, 4),))


CHAINS = (siren((2, 6, 5, 3)), mlp((3, 4, 4, 3), "tanh"), small_cnn((1, 3, 4), image_size=(6, 6)), residual_cnn())
WIDE_DAGS = [name for name, architecture in DAGS.items() if wide_spaces(architecture)]


def fitted(name, architecture, **changes):
    model = tiny_model(name, [architecture], **changes)
    model.fit_normalisation(random_network(architecture, 8, seed=5))
    return model


@pytest.mark.parametrize("split", ["equal", "unequal"])
@pytest.mark.parametrize("architecture", CHAINS, ids=lambda a: a.name)
def test_answers_about_widened_chains_are_the_same(architecture, split):
    network, model = random_network(architecture, 3), fitted(STABLE, architecture)
    expected = model(network)
    for factor in (2, 8):
        torch.testing.assert_close(model(widen(network, factor, split=split)), expected, rtol=0, atol=1e-10)
    assert (expected[0] - expected[1]).abs().max() > 1e-3


@pytest.mark.parametrize("name", WIDE_DAGS)
def test_answers_about_widened_dags_are_the_same(name):
    network = random_network(DAGS[name], 2)
    model = build_model(tiny_config(STABLE, rows="kind"), [DAGS[name]]).double().eval()
    model.fit_normalisation(random_network(DAGS[name], 8, seed=5))
    torch.testing.assert_close(model(widen(network, 3, split="unequal")), model(network), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["ng-sweep", "ng-gnn"])
def test_plain_models_do_see_the_width(name):
    network = random_network(CHAINS[0], 3)
    model = fitted(name, CHAINS[0])
    assert (model(widen(network, 8)) - model(network)).abs().max() > 1e-3


def test_at_the_width_of_the_corpus_it_is_the_plain_model():
    """Kernels are multiplied by √fan_in over its mean, which is 1 where all networks are alike."""
    networks = random_network(CHAINS[0], 8)
    plain, stable = (
        build_model(preset(name, d_node=8, d_hidden=8), [CHAINS[0]]).double().eval() for name in ("ng-sweep", STABLE)
    )
    for model in (plain, stable):
        model.fit_normalisation(networks)
    torch.testing.assert_close(stable(networks), plain(networks), rtol=1e-5, atol=1e-6)


def test_the_size_of_weights_by_hand():
    """Two inputs, weights 3 and −1: √(2 · (9 + 1) / 2) = √10; multiplied by √2 / √10 afterwards."""
    network = random_network(mlp((2, 1)), 1)
    network.parameters["0.weight"].copy_(torch.tensor([[[3.0, -1.0]]]))
    scale = FanScale(rows_by_depth(0)).double()
    scale.fit([network])
    assert scale.size.tolist() == pytest.approx([10**0.5])


def test_sweeping_back_and_reading_hidden_neurons_are_refused():
    with pytest.raises(NeuralGraphError, match="one sweep that outputs are read from in a width-stable model, got 2"):
        SweepConfig(is_width_stable=True, num_layers=2, readout="outputs")
    with pytest.raises(NeuralGraphError, match="readout 'all'"):
        SweepConfig(is_width_stable=True, num_layers=1, readout="all")


def test_a_trained_sweep_becomes_stable_without_training():
    """The same answers at its own width, and at eight times it, where it had others before."""
    networks = random_network(CHAINS[1], 4)
    model = tiny_model("ng-sweep", [CHAINS[1]], num_layers=1)
    copy = width_stable_copy(model, [CHAINS[1]])
    torch.testing.assert_close(copy(networks), model(networks), rtol=1e-6, atol=1e-6)
    wider = widen(networks, 8, split="unequal")
    torch.testing.assert_close(copy(wider), copy(networks), rtol=0, atol=1e-10)
    assert (model(wider) - model(networks)).abs().max() > 1e-3


def test_models_that_sweep_back_have_no_stable_copy():
    with pytest.raises(NeuralGraphError, match="Expected an NG-Sweep of one sweep that outputs are read from"):
        width_stable_copy(tiny_model("ng-sweep", [CHAINS[1]]), [CHAINS[1]])
