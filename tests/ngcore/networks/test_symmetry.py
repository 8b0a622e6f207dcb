"""Permuting, flipping and rescaling hidden neurons: parameters change, functions do not."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    Activation,
    Add,
    Architecture,
    BatchNorm,
    Concat,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    Network,
    Permutation,
    Skip,
    Slice,
    Step,
    chain,
    draw_permutation,
    flip_signs,
    mlp,
    node_permutations,
    permute_hidden,
    rescale,
    scale_spaces,
    sign_spaces,
    siren,
    small_cnn,
    symmetry_spaces,
)
from ngcore.testing import random_network

RELU, TANH, SINE = Activation("relu"), Activation("tanh"), Activation("sine", omega_0=5.0)


def conv(n_in, n_out, groups=1, size=3):
    return Conv2d(n_in, n_out, (size, size), padding=(size // 2, size // 2), groups=groups)


def residual_mlp(function):
    """Values: 0 input, 1-2 first hidden, 3-4 second, 5 their sum with value 2, 6 output."""
    layers = (Linear(2, 5), function, Linear(5, 7), function, Linear(7, 5), Linear(5, 3))
    return chain((2,), layers, (Skip(2, 5),))


def residual_cnn(function, norm):
    """Convolutions in a residual block, depthwise and grouped ones, then Flatten and two Linears."""
    layers = (conv(3, 8), norm, function, conv(8, 8, groups=8), conv(8, 8), function, conv(8, 12, groups=4))
    layers += (function, conv(12, 4, groups=2, size=1), function, Flatten(), Linear(4 * 20, 6), function, Linear(6, 2))
    return chain((3, 4, 5), layers, (Skip(3, 5), Skip(3, 6)))


ARCHITECTURES = {
    "siren": siren((2, 6, 6, 1)),
    "residual mlp": residual_mlp(Activation("gelu")),
    "small cnn": small_cnn((1, 4, 4), num_classes=3, image_size=(6, 6), activation="silu"),
    "batch norm cnn": residual_cnn(RELU, BatchNorm(8)),
    "layer norm cnn": residual_cnn(Activation("sigmoid"), LayerNorm(8)),
    "norms after flatten": chain(
        (2, 3, 4),
        (conv(2, 5), Flatten(), LayerNorm(60), RELU, BatchNorm(60), Linear(60, 60), TANH, Linear(60, 2)),
        (Skip(3, 5),),
    ),
    "skip across flatten": chain(
        (2, 3, 4), (conv(2, 3), conv(3, 5), Flatten(), Linear(60, 60), Linear(60, 2)), (Skip(3, 4),)
    ),
    "channel multiplier": chain((3, 4, 4), (conv(3, 4), conv(4, 8, groups=4), RELU, conv(8, 4, groups=4), conv(4, 2))),
    "skip to the output": chain((3,), (Linear(3, 4), TANH, Linear(4, 3)), (Skip(0, 3),)),
}


def inputs_for(architecture, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, *architecture.input_shape, generator=generator, dtype=torch.float64)


def assert_same_function(network, other, tolerance=1e-10):
    x = inputs_for(network.architecture)
    torch.testing.assert_close(other(x), network(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_permuting_hidden_neurons_leaves_the_function_unchanged(architecture, generator):
    network = random_network(architecture, 3)
    permuted = permute_hidden(network, draw_permutation(network, generator))
    assert_same_function(network, permuted)
    assert not permuted.equals(network)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_permutation_and_its_inverse_give_back_every_bit(architecture, generator):
    network = random_network(architecture, 3)
    permutation = draw_permutation(network, generator)
    assert permute_hidden(permute_hidden(network, permutation), permutation.inverse()).equals(network)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_value_of_a_permuted_network_is_the_permuted_value(architecture, generator):
    network = random_network(architecture, 3)
    permutation = draw_permutation(network, generator)
    nodes = node_permutations(architecture, permutation)
    values = network.values(inputs_for(architecture))
    permuted_values = permute_hidden(network, permutation).values(inputs_for(architecture))
    assert list(nodes) == list(range(len(values)))
    for k, (value, permuted) in enumerate(zip(values, permuted_values, strict=True)):
        expected = torch.stack([value[i][:, nodes[k][i]] for i in range(3)])
        torch.testing.assert_close(permuted, expected, rtol=1e-10, atol=1e-10)


def test_each_network_of_a_stack_and_each_space_gets_a_permutation_of_its_own(generator):
    network = random_network(siren((2, 32, 32, 1)), 4)
    orders = [order for order in draw_permutation(network, generator).orders if order.shape[1] == 32]
    rows = [tuple(row.tolist()) for order in orders for row in order]
    assert len(set(rows)) == 8
    assert all(sorted(row) == list(range(32)) for row in rows)


def test_permuting_a_stack_equals_permuting_each_network_alone(generator):
    network = random_network(ARCHITECTURES["batch norm cnn"], 3)
    permutation = draw_permutation(network, generator)
    alone = [
        permute_hidden(network[i], Permutation(tuple(order[i : i + 1] for order in permutation.orders)))
        for i in range(3)
    ]
    assert Network.cat(alone).equals(permute_hidden(network, permutation))


def test_a_2_2_1_network_by_hand():
    """Hidden neurons a, b with W1 = [[1, 2], [3, 4]], b1 = [5, 6], W2 = [[7, 8]] are exchanged.

    The rows of W1 and b1 and the columns of W2 exchange: W1 = [[3, 4], [1, 2]], b1 = [6, 5], W2 = [[8, 7]].
    At x = (1, -1): before, 7 relu(1 - 2 + 5) + 8 relu(3 - 4 + 6) + 9 = 28 + 40 + 9 = 77; after, 8 · 5 + 7 · 4 + 9 = 77.
    """
    parameters = {
        "0.weight": torch.tensor([[[1.0, 2], [3, 4]]]),
        "0.bias": torch.tensor([[5.0, 6]]),
        "2.weight": torch.tensor([[[7.0, 8]]]),
        "2.bias": torch.tensor([[9.0]]),
    }
    network = Network(mlp((2, 2, 1)), parameters)
    exchange = Permutation((torch.tensor([[0, 1]]), torch.tensor([[1, 0]]), torch.tensor([[0]])))
    permuted = permute_hidden(network, exchange)
    assert permuted.parameters["0.weight"].tolist() == [[[3, 4], [1, 2]]]
    assert permuted.parameters["0.bias"].tolist() == [[6, 5]]
    assert permuted.parameters["2.weight"].tolist() == [[[8, 7]]]
    x = torch.tensor([[1.0, -1.0]])
    assert network(x).item() == permuted(x).item() == 77


def test_activations_norms_pooling_and_depthwise_convolutions_keep_the_space():
    layers = (conv(3, 4), BatchNorm(4), RELU, conv(4, 4, groups=4), LayerNorm(4), GlobalAveragePool(), Linear(4, 2))
    spaces = symmetry_spaces(chain((3, 5, 5), layers))
    assert [(space.size, space.is_fixed) for space in spaces.spaces] == [(3, True), (4, False), (2, True)]
    assert spaces.spaces[1].values == (1, 2, 3, 4, 5, 6)


def test_a_skip_merges_the_spaces_of_its_ends():
    """Value 6 is the sum of values 5 and 2."""
    spaces = symmetry_spaces(residual_mlp(RELU)).spaces
    assert [space.values for space in spaces] == [(0,), (1, 2, 5, 6), (3, 4), (7,)]


def test_flatten_keeps_the_space_and_counts_positions():
    spaces = symmetry_spaces(chain((1, 4, 5), (conv(1, 3), Flatten(), Linear(60, 2))))
    assert [(space.size, space.values) for space in spaces.spaces] == [(1, (0,)), (3, (1, 2)), (2, (3,))]
    assert spaces.of_channels(2).tolist() == [1] * 60


def test_a_skip_that_reaches_input_or_output_fixes_the_space():
    architecture = chain((4,), (Linear(4, 4), RELU, Linear(4, 5), Linear(5, 2)), (Skip(0, 1),))
    assert [space.is_fixed for space in symmetry_spaces(architecture).spaces] == [True, False, True]


def test_a_skip_across_flatten_ties_the_neurons_of_a_linear_to_the_channels_of_the_map():
    """Values 5 and 6 of twelve neurons at each of five channels: a channel moves with its twelve neurons."""
    spaces = symmetry_spaces(ARCHITECTURES["skip across flatten"])
    free = [(space.size, space.values) for space in spaces.spaces if not space.is_fixed]
    assert free == [(3, (1,)), (5, (2, 3, 4, 5))]
    assert np.bincount(spaces.of_channels(4)).max() == 60


def test_a_run_of_neurons_that_only_some_values_hold_is_a_space_of_its_own():
    """Of four neurons two are read by one Linear and all four by another."""
    steps = (Step(Linear(2, 4), (0,), "a"), Step(Slice(0, 2), (1,)), Step(Linear(2, 3), (2,), "b"))
    steps += (Step(Linear(4, 3), (1,), "c"), Step(Add(), (3, 4)), Step(Linear(3, 1), (5,), "d"))
    spaces = symmetry_spaces(Architecture(((2,),), steps, (6,))).spaces
    assert [(space.size, space.is_fixed) for space in spaces] == [
        (2, True),
        (2, False),
        (2, False),
        (3, False),
        (1, True),
    ]


def test_a_value_that_stands_twice_side_by_side_and_is_cut_across_is_fixed_where_it_does_not_fit():
    """Neurons 4 and 5 of one copy and 0 … 3 of the other are read together, so none may leave its part."""
    steps = (Step(Linear(3, 6), (0,), "a"), Step(Activation("gelu"), (1,)), Step(Concat(), (1, 2)))
    steps += (Step(Slice(4, 10), (3,)), Step(Linear(6, 2), (4,), "b"))
    architecture = Architecture(((3,),), steps, (5,))
    generator = torch.Generator().manual_seed(0)
    network = random_network(architecture, 3)
    permutation = draw_permutation(network, generator)
    assert_same_function(network, permute_hidden(network, permutation))
    order = node_permutations(architecture, permutation)[1]
    assert ((order < 4) == (torch.arange(6) < 4)).all()


def test_groups_move_as_blocks_only_where_all_their_spaces_are_free(generator):
    """Groups of a hidden 4 → 8 → 4 pair exchange as a whole; beside the input they stay in place."""
    free = random_network(ARCHITECTURES["channel multiplier"], 20)
    first, second = draw_permutation(free, generator).orders[1:3]
    assert torch.equal(first.repeat_interleave(2, dim=1), second // 2)
    assert (first != torch.arange(4)).any()
    pinned = random_network(chain((4, 3, 3), (conv(4, 8, groups=4), RELU, conv(8, 2))), 20)
    order = draw_permutation(pinned, generator).orders[1]
    assert torch.equal(order // 2, torch.arange(4).repeat_interleave(2).expand(20, -1))
    assert (order != torch.arange(8)).any()


def test_spaces_between_unlike_groups_are_cut_at_both_their_boundaries():
    layers = (conv(1, 12), conv(12, 12, groups=4), conv(12, 12, groups=6), conv(12, 2))
    spaces = symmetry_spaces(chain((1, 3, 3), layers)).spaces
    assert spaces[2].blocks == (2, 1, 1, 2, 2, 1, 1, 2)
    assert {space.family for space in spaces} == {None}


@pytest.mark.parametrize("function", [SINE, TANH, Activation("none")])
@pytest.mark.parametrize("make", [residual_mlp, lambda f: residual_cnn(f, f)], ids=["mlp", "cnn"])
def test_flipping_signs_of_odd_neurons_leaves_the_function_unchanged(make, function, generator):
    network = random_network(make(function), 3)
    flipped = flip_signs(network, generator)
    assert_same_function(network, flipped)
    assert not flipped.equals(network)
    torch.testing.assert_close(flipped.flatten().abs(), network.flatten().abs(), rtol=0, atol=0)


@pytest.mark.parametrize("function", [RELU, Activation("leaky_relu", negative_slope=0.2), Activation("none")])
@pytest.mark.parametrize("make", [residual_mlp, lambda f: residual_cnn(f, f)], ids=["mlp", "cnn"])
def test_rescaling_homogeneous_neurons_leaves_the_function_unchanged(make, function, generator):
    network = random_network(make(function), 3)
    rescaled = rescale(network, generator)
    assert_same_function(network, rescaled)
    assert not torch.allclose(rescaled.flatten(), network.flatten())


def test_explicit_signs_negate_a_neuron_and_flipping_twice_gives_back_every_bit():
    network = random_network(siren((2, 3, 1)), 1)
    signs = {1: torch.tensor([[1.0, -1.0, 1.0]])}
    flipped = flip_signs(network, signs)
    assert torch.equal(flipped.parameters["0.weight"][0, 1], -network.parameters["0.weight"][0, 1])
    assert torch.equal(flipped.parameters["0.bias"][0, 1], -network.parameters["0.bias"][0, 1])
    assert torch.equal(flipped.parameters["2.weight"][0, :, 1], -network.parameters["2.weight"][0, :, 1])
    assert torch.equal(flipped.parameters["0.weight"][0, 0], network.parameters["0.weight"][0, 0])
    assert flip_signs(flipped, signs).equals(network)


def test_explicit_scales_multiply_a_neuron():
    network = random_network(mlp((2, 2, 1)), 1)
    rescaled = rescale(network, {1: torch.tensor([[4.0, 1.0]])})
    assert torch.equal(rescaled.parameters["0.bias"][0, 0], 4 * network.parameters["0.bias"][0, 0])
    assert torch.equal(rescaled.parameters["2.weight"][0, :, 0], network.parameters["2.weight"][0, :, 0] / 4)


def test_only_fitting_activations_and_no_norms_allow_signs_and_scales():
    assert sign_spaces(siren((2, 3, 3, 1))) == (1, 2)
    assert scale_spaces(siren((2, 3, 3, 1))) == ()
    assert sign_spaces(mlp((2, 3, 1))) == ()
    assert scale_spaces(mlp((2, 3, 1))) == (1,)
    normed = chain((2,), (Linear(2, 3), BatchNorm(3), RELU, Linear(3, 4), TANH, LayerNorm(4), Linear(4, 1)))
    assert sign_spaces(normed) == scale_spaces(normed) == ()
    assert sign_spaces(residual_mlp(SINE)) == (1, 2)


@st.composite
def architecture_fields(draw):
    """Perceptrons with random widths, activations, norms, missing biases and skips between values of one width."""
    width = draw(st.integers(2, 5))
    linear = st.fixed_dictionaries(
        {
            "kind": st.just("linear"),
            "in_features": st.just(width),
            "out_features": st.just(width),
            "bias": st.booleans(),
        }
    )
    functions = st.sampled_from(["relu", "gelu", "silu", "tanh", "sine", "leaky_relu"])
    activation = st.fixed_dictionaries({"kind": st.just("activation"), "function": functions})
    norm = st.fixed_dictionaries(
        {"kind": st.sampled_from(["batch_norm", "layer_norm"]), "num_features": st.just(width)}
    )
    body = draw(st.lists(st.one_of(linear, activation, norm), max_size=4))
    first = {"kind": "linear", "in_features": 2, "out_features": width}
    last = {"kind": "linear", "in_features": width, "out_features": 1}
    ends = draw(st.lists(st.tuples(st.integers(1, len(body) + 1), st.integers(1, len(body) + 1)), max_size=3))
    skips = [{"source": source, "target": target} for source, target in ends if source < target]
    return {"input_shape": [2], "layers": [first, *body, last], "skips": skips}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(architecture_fields(), st.integers(0, 1000))
def test_symmetries_hold_for_random_architectures(fields, seed):
    generator = torch.Generator().manual_seed(seed)
    network = random_network(Architecture.from_dict(fields), 2, seed=seed)
    permutation = draw_permutation(network, generator)
    permuted = permute_hidden(network, permutation)
    assert permute_hidden(permuted, permutation.inverse()).equals(network)
    for other in (permuted, flip_signs(network, generator), rescale(network, generator)):
        assert_same_function(network, other, tolerance=1e-8)


def test_gradients_flow_through_permutations(generator):
    network = random_network(mlp((2, 3, 1)), 2).map(lambda tensor: tensor.requires_grad_())
    permute_hidden(network, draw_permutation(network, generator)).flatten().sum().backward()
    assert all((tensor.grad == 1).all() for tensor in network.parameters.values())


def test_permutations_of_another_architecture_or_stack_are_refused(generator):
    network = random_network(mlp((2, 3, 1)), 2)
    permutation = draw_permutation(random_network(mlp((2, 4, 1)), 2), generator)
    with pytest.raises(ShapeMismatchError, match=r"spaces of sizes \[2, 3, 1\], got \[2, 4, 1\]"):
        permute_hidden(network, permutation)
    with pytest.raises(ShapeMismatchError, match="Expected permutations of 2 networks, got 1"):
        permute_hidden(network, draw_permutation(network[0], generator))


def test_a_permutation_that_breaks_groups_is_refused():
    network = random_network(chain((1, 3, 3), (conv(1, 4), conv(4, 4, groups=2), conv(4, 1))), 1)
    orders = (torch.tensor([[0]]), torch.tensor([[0, 2, 1, 3]]), torch.tensor([[0, 1, 2, 3]]), torch.tensor([[0]]))
    with pytest.raises(ShapeMismatchError, match=r"keeps the groups of '1\.weight' together"):
        permute_hidden(network, Permutation(orders))


def test_signs_and_scales_that_do_not_fit_are_refused():
    network = random_network(siren((2, 3, 1)), 1)
    with pytest.raises(ArchitectureError, match=r"symmetry that flips signs in spaces \[1\], got \[0\]"):
        flip_signs(network, {0: torch.ones(1, 2)})
    with pytest.raises(ShapeMismatchError, match=r"shape \(1, 3\) in space 1, got \(1, 2\)"):
        flip_signs(network, {1: torch.ones(1, 2)})
    with pytest.raises(ShapeMismatchError, match=r"signs of \+1 and -1"):
        flip_signs(network, {1: torch.full((1, 3), 2.0)})
    with pytest.raises(ArchitectureError, match=r"rescales spaces \[\], got \[1\]"):
        rescale(network, {1: torch.ones(1, 3)})
    with pytest.raises(ShapeMismatchError, match="positive scales"):
        rescale(random_network(mlp((2, 3, 1))), {1: torch.tensor([[1.0, 0.0, 1.0]])})
