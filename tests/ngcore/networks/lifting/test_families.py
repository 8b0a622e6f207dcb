"""Modules of every family come in whole: the same function, and the original state dict back bit for bit."""

import functools

import pytest
import torch
from module_families import FAMILIES
from torch.utils._pytree import tree_leaves

from ngcore.graph import to_graph, to_network
from ngcore.networks import Network, draw_permutation, from_module, permute_hidden, to_module, to_state_dict


@functools.cache
def read(name):
    """The module of a family, its inputs, and the network that it is read as."""
    module, inputs = FAMILIES[name]()
    return module, inputs, from_module(module, *inputs)


def answers_of(network, inputs):
    """What one network answers, as a list."""
    made = network(*inputs)
    return [one[0] for one in ([made] if isinstance(made, torch.Tensor) else made)]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_network_computes_what_the_module_does_for_a_batch_of_any_size(name):
    module, inputs, network = read(name)
    three = [torch.cat([x, x[:1]]) for x in inputs]
    with torch.no_grad():
        expected = tree_leaves(module(*three))
    for answer, wanted in zip(answers_of(network, three), expected, strict=True):
        torch.testing.assert_close(answer, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_state_dict_comes_back_bit_for_bit(name):
    module, _, network = read(name)
    state, original = to_state_dict(network), module.state_dict()
    assert list(state) == list(original)
    for key, tensor in original.items():
        assert state[key].dtype == tensor.dtype
        assert torch.equal(state[key], tensor)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_is_in_the_network(name):
    module, _, network = read(name)
    coverage = network.origin.coverage
    assert coverage.is_complete
    assert coverage.num_covered == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", list(FAMILIES)[::5])
def test_reading_a_module_twice_gives_one_structure(name):
    module, inputs, network = read(name)
    assert from_module(module, *inputs).architecture.id == network.architecture.id


@pytest.mark.parametrize("name", [name for name in FAMILIES if "norm" not in name and "gated" not in name])
def test_the_state_dict_of_a_permuted_network_makes_the_module_compute_the_same(name):
    module, inputs, network = read(name)
    permuted = permute_hidden(network, draw_permutation(network, torch.Generator().manual_seed(1)))
    with torch.no_grad():
        before = tree_leaves(module(*inputs))
        again = FAMILIES[name]()[0]
        again.load_state_dict(to_state_dict(permuted))
        after = tree_leaves(again(*inputs))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_module_made_of_the_network_computes_the_same_and_comes_back(name):
    _, inputs, network = read(name)
    made = to_module(network)
    with torch.no_grad():
        answers = tree_leaves(made(*inputs))
    for answer, wanted in zip(answers, answers_of(network, inputs), strict=True):
        torch.testing.assert_close(answer, wanted, rtol=1e-9, atol=1e-9)
    assert from_module(made, *inputs).equals(network)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_graph_of_a_module_is_exact(name):
    _, _, network = read(name)
    assert to_network(to_graph(network)).equals(network)


def test_networks_that_were_never_a_module_give_their_own_parameters():
    _, _, network = read("gpt/tied")
    bare = Network(network.architecture, network.parameters)
    assert list(to_state_dict(bare)) == list(network.parameters)
