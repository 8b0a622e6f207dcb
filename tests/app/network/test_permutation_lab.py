"""The shuffle: other weights, the same function."""

import torch


def test_a_shuffle_moves_weights_and_leaves_the_outputs():
    from app.network.permutation_lab import shuffle
    from app.sample_inputs import random_inputs
    from ngcore.networks import siren
    from ngcore.testing import random_network

    network = random_network(siren((2, 16, 16, 1), omega_0=1.0))
    inputs = [torch.from_numpy(x).double() for x in random_inputs(network.architecture)]
    result = shuffle(network, inputs, seed=1)
    assert result.hidden == 32 and result.moved > 20
    assert result.largest_change > 0.1
    assert result.drift.relative < 1e-12
    assert torch.allclose(result.network(*inputs), network(*inputs))


def test_a_model_that_reads_weights_in_their_order_is_found_out():
    from app.network.permutation_lab import model_drift
    from ngcore.networks import siren
    from ngcore.testing import random_network

    network = random_network(siren((2, 16, 1)))
    assert model_drift(lambda stack: stack.flatten()[:, :5], network, seed=1).error > 0.01
    assert model_drift(lambda stack: stack.flatten().sum(1), network, seed=1).relative < 1e-12


def test_a_module_whose_inputs_have_channels_last_is_shuffled_like_any_other():
    from module_families import FAMILIES

    from app.network.permutation_lab import shuffle
    from app.sample_inputs import random_inputs
    from ngcore.networks import from_module

    module, inputs = FAMILIES["gru/both ways"]()
    network = from_module(module, *inputs)
    drawn = [torch.from_numpy(x).double() for x in random_inputs(network.architecture)]
    assert shuffle(network, drawn, seed=1).drift.relative < 1e-12
