"""Networks that are no chains: what a permutation, a sign or a scale does to every value, and which are not claimed."""

import pytest
import torch
from dag_architectures import DAGS, Steps, dag_inputs

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    Architecture,
    Attend,
    Linear,
    Network,
    Step,
    align,
    draw_permutation,
    flip_signs,
    permute_hidden,
    rescale,
    symmetry_spaces,
)
from ngcore.networks.symmetry import Orders
from ngcore.testing import random_network


def outputs_of(network, inputs):
    outputs = network(*inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def assert_same_function(network, other):
    inputs = dag_inputs(network.architecture)
    for one, two in zip(outputs_of(network, inputs), outputs_of(other, inputs), strict=True):
        torch.testing.assert_close(two, one, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", DAGS)
def test_every_value_of_a_permuted_network_is_the_permuted_value(name, generator):
    architecture = DAGS[name]
    network = random_network(architecture, 2)
    permutation = draw_permutation(network, generator)
    orders, inputs = Orders(architecture, permutation), dag_inputs(architecture)
    values, moved = network.values(*inputs), permute_hidden(network, permutation).values(*inputs)
    for number, (value, own) in enumerate(zip(values, moved, strict=True)):
        if number in architecture.token_values:
            continue
        for axis in range(len(architecture.shapes[number])):
            order = orders.of(number, axis)
            value = torch.stack([part.index_select(axis + 1, row) for part, row in zip(value, order, strict=True)])
        torch.testing.assert_close(own, value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", DAGS)
def test_a_permutation_moves_weights_and_its_inverse_gives_back_every_bit(name, generator):
    network = random_network(DAGS[name], 2)
    permutation = draw_permutation(network, generator)
    moved = permute_hidden(network, permutation)
    assert not moved.equals(network)
    assert permute_hidden(moved, permutation.inverse()).equals(network)


@pytest.mark.parametrize("name", DAGS)
def test_signs_and_scales_that_are_claimed_leave_the_function_unchanged(name, generator):
    network = random_network(DAGS[name], 2)
    assert_same_function(network, flip_signs(network, generator))
    assert_same_function(network, rescale(network, generator))


@pytest.mark.parametrize("name", DAGS)
def test_an_architecture_survives_its_fields_with_its_id(name):
    again = Architecture.from_dict(DAGS[name].to_dict())
    assert again == DAGS[name]
    assert again.id == DAGS[name].id


@pytest.mark.parametrize("name", DAGS)
def test_a_permuted_copy_is_aligned_back(name, generator):
    network = random_network(DAGS[name], 1)
    permuted = permute_hidden(network, draw_permutation(network, generator))
    aligned = align(permuted, network)
    assert_same_function(aligned, network)
    before, after = ((other.flatten() - network.flatten()).norm() for other in (permuted, aligned))
    assert after <= before


def test_heads_move_as_wholes_and_queries_with_their_keys(generator):
    """Two heads of three: queries and keys have one order, values another, the heads of both the same."""
    s = Steps((4, 5))
    q, k, v = (s(Linear(4, 6), 0, name=name) for name in "qkv")
    architecture = s.end(s(Linear(6, 2), s(Attend(2), q, k, v), name="o"))
    network = random_network(architecture, 40)
    orders = Orders(architecture, draw_permutation(network, generator))
    query, key, value = (orders.of(i) for i in (1, 2, 3))
    assert torch.equal(query, key)
    assert torch.equal(query // 3, value // 3)
    assert torch.equal(query[:, ::3] // 3, query[:, 2::3] // 3)
    assert not torch.equal(query, value)
    assert {tuple(row) for row in (query[:, ::3] // 3).tolist()} == {(0, 1), (1, 0)}


def test_permuting_queries_alone_changes_the_function(generator):
    """So the spaces of queries and keys must be one: a permutation of the queries alone is no symmetry."""
    architecture = DAGS["encoder and decoder"]
    network = random_network(architecture, 1)
    queries = next(i for i, step in enumerate(architecture.steps) if isinstance(step.layer, Attend))
    name = architecture.steps[architecture.steps[queries].reads[0] - architecture.num_inputs].name
    order = torch.tensor([1, 0, 2, 3])
    changed = {key: network.parameters[key][:, order] for key in (f"{name}.weight", f"{name}.bias")}
    moved = Network(architecture, network.parameters | changed)
    inputs = dag_inputs(architecture)
    assert (moved(*inputs) - network(*inputs)).abs().max() > 1e-3


def test_tied_weights_have_the_order_of_all_places_where_they_are_used():
    """The rows of a tied embedding are tokens, which are inputs and outputs, so only its columns move."""
    architecture = DAGS["transformer"]
    spaces = symmetry_spaces(architecture)
    assert all(spaces.spaces[number].is_fixed for number in spaces.of_channels(0))
    residual = {int(number) for number in spaces.of_channels(1)}
    assert len(residual) == 1
    assert spaces.spaces[residual.pop()].size == 12


def test_rotary_positions_keep_the_order_within_a_head(generator):
    architecture = DAGS["grouped keys and rotary positions"]
    network = random_network(architecture, 20)
    orders = Orders(architecture, draw_permutation(network, generator))
    attend = next(step for step in architecture.steps if isinstance(step.layer, Attend))
    keys, values = orders.of(attend.reads[1]), orders.of(attend.reads[2])
    assert torch.equal(keys % 4, (torch.arange(8) % 4).expand(20, -1))
    assert torch.equal(keys // 4, values // 4)
    assert (keys[:, 0] == 4).any()
    assert (values % 4 != torch.arange(8) % 4).any()


def given_last(input_orders=((1, 0),), output_orders=((1, 0),)):
    """A Linear at five positions, whose callers have the channels last."""
    return Architecture(((3, 5),), (Step(Linear(3, 2), (0,), "a"),), (1,), input_orders, output_orders)


def test_callers_may_have_the_axes_in_another_order_than_values():
    network = random_network(given_last(), 2)
    x = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert network.architecture.given_shapes == ((5, 3),)
    for i, own in enumerate(network(x)):
        weight, bias = network.parameters["a.weight"][i], network.parameters["a.bias"][i]
        torch.testing.assert_close(own, torch.nn.functional.linear(x, weight, bias), rtol=1e-10, atol=1e-10)
    assert torch.equal(network(x.expand(2, *x.shape)), network(x))
    assert torch.equal(network.values(x.mT)[-1].mT, network(x))


def test_the_order_in_which_callers_have_axes_is_part_of_an_architecture():
    architecture = given_last()
    plain = given_last((), ())
    assert Architecture.from_dict(architecture.to_dict()) == architecture
    assert architecture.id != plain.id
    assert "input_orders" not in plain.to_dict()


def test_orders_and_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ArchitectureError, match="orders of the axes"):
        given_last(((0, 2),))
    with pytest.raises(ShapeMismatchError, match=r"shape \(batch, \*\(5, 3\)\), got \(4, 3, 5\)"):
        random_network(given_last())(torch.zeros(4, 3, 5, dtype=torch.float64))
