"""Attribution: both methods against each other, hand-worked cases, captum, and the symmetries of networks."""

import dataclasses
import itertools
import json
import math

import pytest
import torch
from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients
from dag_architectures import DAGS
from example_architectures import ARCHITECTURES
from tiny_models import tiny_model

from ngcore.errors import CheckpointError, ShapeMismatchError
from ngcore.graph import graph_structure
from ngcore.networks import Network, draw_permutation, mlp, node_permutations, permute_hidden, siren, small_cnn
from ngcore.tasks import explain_by_gradient, explain_by_occlusion, load_checkpoint
from ngcore.tasks.attribution import (
    PART_KINDS,
    answer_of,
    gradient_times_input,
    log_odds,
    occlude,
    parts_of,
)
from ngcore.tasks.parts import edge_parts, layer_names, layer_parts, neuron_parts
from ngcore.testing import random_network

FAMILIES = {**ARCHITECTURES, **DAGS}


def linear_answer(network):
    """An answer that is a fixed weighted sum of all parameters."""
    factors = torch.randn(network.architecture.num_parameters, generator=torch.Generator().manual_seed(3))
    return network.flatten() @ factors.to(network.dtype)


def curved_answer(network):
    """An answer that is not linear."""
    return (network.flatten() @ torch.linspace(-1, 1, network.architecture.num_parameters).to(network.dtype)).tanh()


def occluded(answer, network, kind, fill="zero"):
    parts = parts_of(network, kind)
    return occlude(answer, network, parts, range(parts.count), fill=fill)


@pytest.mark.parametrize("name", FAMILIES)
def test_of_a_linear_answer_occlusion_is_gradient_times_input(name):
    network = random_network(FAMILIES[name])
    for fill, kind in itertools.product(("zero", "mean"), PART_KINDS):
        shares = gradient_times_input(linear_answer, network, fill=fill).flatten()
        expected = parts_of(network, kind).sums(shares)[0]
        torch.testing.assert_close(occluded(linear_answer, network, kind, fill), expected, rtol=1e-9, atol=1e-9)


def test_shares_of_a_linear_answer_add_up_to_it():
    network = random_network(small_cnn((1, 3, 4)), 3)
    shares = gradient_times_input(linear_answer, network).flatten().sum(dim=1)
    torch.testing.assert_close(shares, linear_answer(network))


def test_integrated_gradients_of_a_curved_answer_add_up_to_the_difference():
    network = random_network(mlp((2, 3, 1)))
    total = gradient_times_input(curved_answer, network, steps=300).flatten().sum()
    assert float(total) == pytest.approx(float(curved_answer(network)), abs=1e-2)
    once = gradient_times_input(curved_answer, network).flatten().sum()
    assert abs(float(once - curved_answer(network))) > 0.05


def test_parts_of_a_small_network_are_those_on_paper():
    """2-3-1: W₁ (3, 2) at 0–5, b₁ at 6–8, W₂ (1, 3) at 9–11, b₂ at 12. The second hidden neuron: W₁'s row 1, b, W₂."""
    architecture = mlp((2, 3, 1))
    neurons = neuron_parts(architecture)
    found = [neurons.places(number).tolist() for number in range(neurons.count)]
    assert [2, 3, 7, 10] in found
    assert [0, 2, 4] in found  # the first input: its outgoing weights
    assert [9, 10, 11, 12] in found  # the output
    layers = layer_parts(architecture)
    assert layer_names(architecture) == ("0", "2")
    assert [layers.places(i).tolist() for i in range(2)] == [list(range(9)), list(range(9, 13))]
    edges = edge_parts(architecture)
    assert [edges.places(i).tolist() for i in range(9)] == [[0], [2], [4], [1], [3], [5], [9], [10], [11]]


def test_a_recurrent_weight_of_a_neuron_to_itself_counts_once():
    network = random_network(FAMILIES["rnn_tanh"])
    for kind in PART_KINDS:
        parts = parts_of(network, kind)
        pairs = set(zip(parts.part.tolist(), parts.place.tolist(), strict=True))
        assert len(pairs) == len(parts.part)


@pytest.mark.parametrize("name", FAMILIES)
def test_shares_move_with_the_neurons(name):
    """Attribution of a permuted network is the permuted attribution, for parameters and for the graph's nodes."""
    network = random_network(FAMILIES[name])
    permutation = draw_permutation(network, torch.Generator().manual_seed(1))
    moved = permute_hidden(network, permutation)
    model = tiny_model("ng-gnn", [network.architecture])

    def answer(networks):
        return model(networks)[:, 0]

    shares, of_moved = gradient_times_input(answer, network), gradient_times_input(answer, moved)
    expected = permute_hidden(shares, permutation)
    scale = float(shares.flatten().abs().max())
    torch.testing.assert_close(of_moved.flatten() / scale, expected.flatten() / scale, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def read():
    """A tiny classifier of SIRENs, a network, and the log-odds of a class."""
    network = random_network(siren((2, 5, 4, 1)))
    model = tiny_model("ng-gnn", [network.architecture])
    return network, lambda networks: log_odds(model(networks), 1)


def flat_answer(answer, architecture):
    return lambda flat: answer(Network.unflatten(architecture, flat))


def test_gradient_times_input_is_captums(read):
    network, answer = read
    oracle = InputXGradient(flat_answer(answer, network.architecture))
    expected = oracle.attribute(network.flatten().requires_grad_())
    torch.testing.assert_close(gradient_times_input(answer, network).flatten(), expected.detach())


def test_integrated_gradients_are_captums(read):
    network, answer = read
    oracle = IntegratedGradients(flat_answer(answer, network.architecture))
    expected = oracle.attribute(network.flatten(), n_steps=7, method="riemann_right")
    torch.testing.assert_close(gradient_times_input(answer, network, steps=7).flatten(), expected.detach())


def test_occlusion_of_layers_is_captums_feature_ablation(read):
    network, answer = read
    layers = layer_parts(network.architecture)
    mask = torch.zeros(1, network.architecture.num_parameters, dtype=torch.long)
    mask[0, layers.place] = torch.from_numpy(layers.part)
    oracle = FeatureAblation(flat_answer(answer, network.architecture))
    expected = oracle.attribute(network.flatten(), feature_mask=mask, perturbations_per_eval=1)
    found = occluded(answer, network, "layers")
    for layer in range(layers.count):
        torch.testing.assert_close(found[layer], expected[0, layers.places(layer)[0]])


def test_gradients_through_a_model_are_differences(read):
    """Each of a few parameters moved by 1e-6 of itself, up and down, changes the answer as its share says."""
    network, answer = read
    shares, flat = gradient_times_input(answer, network).flatten()[0], network.flatten()
    for place in (0, 12, 30, -1):
        moved = flat.repeat(2, 1)
        moved[:, place] *= torch.tensor([1 + 1e-6, 1 - 1e-6], dtype=flat.dtype)
        up, down = answer(Network.unflatten(network.architecture, moved)).detach()
        assert float(up - down) / 2e-6 == pytest.approx(float(shares[place]), rel=1e-4, abs=1e-6)


def test_a_checkpoint_is_explained_in_both_ways(checkpoints, tiny_zoos):
    from ngcore.zoo import Zoo

    network = Zoo.open(tiny_zoos / "tiny-inrs").networks([3])
    checkpoint = load_checkpoint(checkpoints / "tiny-classify", "cpu")
    by_gradient = explain_by_gradient(checkpoint, network)
    steps = []
    by_occlusion = explain_by_occlusion(
        checkpoint, network, kinds=PART_KINDS, progress=lambda done, total: steps.append((done, total))
    )
    assert by_gradient.answer == by_occlusion.answer
    assert by_gradient.explains.startswith("log-odds of class ")
    assert by_gradient.layers.keys() == by_occlusion.layers.keys() == {"0", "2", "4"}
    structure = graph_structure(network.architecture)
    for found in (by_gradient, by_occlusion):
        assert found.nodes.shape == (structure.num_nodes,)
        assert [tuple(part.shape) for part in found.edges] == [structure.edge_shape(b) for b in structure.edge_blocks]
        assert not found.nodes.isnan().any()
        shown = json.loads(json.dumps(found.to_dict(num_edges=5), allow_nan=False))
        assert len(shown["strongest_edges"]) == 5
    assert steps[-1] == (3 + 19 + 88, 3 + 19 + 88)
    edge = by_occlusion.strongest_edges(1)[0]
    assert abs(edge["share"]) == pytest.approx(max(float(part.abs().max()) for part in by_occlusion.edges))
    answer, _ = answer_of(checkpoint, network)
    total = by_gradient.parameters.flatten().sum()
    assert float(total) == pytest.approx(sum(by_gradient.layers.values()), abs=1e-5)
    assert float(answer(network)[0].detach()) == pytest.approx(by_gradient.answer)


def test_an_accuracy_is_explained_and_parts_that_are_too_many_are_left_out(checkpoints, tiny_zoos):
    from ngcore.zoo import Zoo

    network = Zoo.open(tiny_zoos / "tiny-cnns").networks([0])
    checkpoint = load_checkpoint(checkpoints / "tiny-predict", "cpu")
    found = explain_by_occlusion(checkpoint, network, kinds=("edges",), max_parts=10)
    assert (found.explains, 0 < found.answer < 1) == ("predicted accuracy", True)
    measured = torch.cat([part.flatten() for part in found.edges])
    assert int(measured.isfinite().sum()) == 10
    assert all(math.isnan(share) for share in found.layers.values())
    assert found.to_dict()["nodes"] == [None] * len(found.nodes)


def test_what_cannot_be_explained_is_refused(checkpoints, tiny_zoos):
    from ngcore.zoo import Zoo

    networks = Zoo.open(tiny_zoos / "tiny-inrs").networks([3, 4])
    classifier = load_checkpoint(checkpoints / "tiny-classify", "cpu")
    with pytest.raises(ShapeMismatchError, match="Expected one network to explain, got a stack of 2"):
        explain_by_gradient(classifier, networks)
    with pytest.raises(ShapeMismatchError, match="Expected a class from 0 to 2, got 3"):
        explain_by_gradient(classifier, networks[0], output=3)
    with pytest.raises(CheckpointError, match="a class or an accuracy"):
        explain_by_gradient(load_checkpoint(checkpoints / "tiny-edit", "cpu"), networks[0])


def test_nodes_follow_a_permutation(checkpoints, tiny_zoos):
    """In single precision: shares of the graph's nodes move as the neurons do."""
    from ngcore.zoo import Zoo

    network = Zoo.open(tiny_zoos / "tiny-cnns").networks([2])
    checkpoint = load_checkpoint(checkpoints / "tiny-predict", "cpu")
    permutation = draw_permutation(network, torch.Generator().manual_seed(1))
    before = explain_by_gradient(checkpoint, network)
    after = explain_by_gradient(checkpoint, permute_hidden(network, permutation))
    orders = node_permutations(network.architecture, permutation)
    scale = float(before.nodes.abs().max())
    for block in before.structure.node_blocks:
        own = before.nodes[block.start : block.stop][orders[block.value][0]]
        torch.testing.assert_close(after.nodes[block.start : block.stop] / scale, own / scale, rtol=0, atol=1e-4)
    assert dataclasses.asdict(before)["fill"] == "zero"
