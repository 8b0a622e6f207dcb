"""Models of every family read networks that are no chains: symmetry, layouts, gradients, and nothing overlooked."""

import pytest
import torch
from dag_architectures import DAGS, Steps
from example_architectures import ARCHITECTURES
from tiny_models import GRAPH_PRESETS, tiny_model

from ngcore.errors import ShapeMismatchError
from ngcore.models import PRESETS
from ngcore.networks import Embedding, Network
from ngcore.testing import assert_equivariant, assert_invariant, random_network

every_dag = pytest.mark.parametrize("dag", DAGS)
every_preset = pytest.mark.parametrize("name", [n for n in GRAPH_PRESETS if not PRESETS[n].to_dict()["num_probes"]])
CLOSE = {"atol": 1e-10, "rtol": 1e-10}


def rows(answer):
    """The answers of either head, one row a network."""
    return answer.flatten() if isinstance(answer, Network) else answer


@every_dag
@every_preset
def test_answers_follow_the_symmetries_of_the_network(name, dag):
    """Random sweeps over tens of random layers are chaotic: 1e-15 can grow to 0.1; small weights calm them."""
    check = assert_invariant if PRESETS[name].head == "invariant" else assert_equivariant
    network = random_network(DAGS[dag], 2)
    if "sweep" in name:
        network = network.map(lambda tensor: 0.3 * tensor)
    check(tiny_model(name, [DAGS[dag]]), network, tolerance=1e-6)


@every_dag
@pytest.mark.parametrize("name", ["ng-gnn", "ng-gnn-any", "ng-t", "ng-t-any", "ng-gnn-edit-any"])
def test_block_and_flat_layout_give_the_same_numbers(name, dag):
    model, network = tiny_model(name, [DAGS[dag]]), random_network(DAGS[dag], 2)
    torch.testing.assert_close(rows(model(network)), rows(model(network, flat=True)), **CLOSE)


@pytest.mark.parametrize("name", ["ng-gnn-any", "ng-t-any", "ng-sweep-any", "ng-gnn-edit-any"])
def test_a_network_alone_equals_itself_in_a_mixture(name):
    """Other networks of the batch, larger kernels and more inputs among them, have no influence."""
    architectures = [*DAGS.values(), ARCHITECTURES["siren"], ARCHITECTURES["batch norm cnn"]]
    model = tiny_model(name, architectures)
    stacks = [random_network(architecture, 1 + i % 2) for i, architecture in enumerate(architectures)]
    together = model(stacks)
    together = together if isinstance(together, list) else together.split([len(stack) for stack in stacks])
    for stack, answer in zip(stacks, together, strict=True):
        torch.testing.assert_close(rows(model(stack)), rows(answer), **CLOSE)


@every_dag
@pytest.mark.parametrize("name", ["ng-gnn-any", "ng-t-any", "ng-sweep-any"])
def test_every_number_of_a_network_makes_a_difference(name, dag):
    model = tiny_model(name, [DAGS[dag]])
    network = random_network(DAGS[dag], 1).map(lambda tensor: tensor.requires_grad_())
    answer = model(network)
    (answer * torch.linspace(1, 2, answer.numel()).view_as(answer)).sum().backward()
    unseen = {n: int((t.grad == 0).sum()) for n, t in network.parameters.items() if (t.grad == 0).any()}
    assert unseen == {}


@every_dag
@pytest.mark.parametrize("name", ["ng-gnn-any", "ng-t-any", "ng-sweep-any", "ng-gnn-edit-any", "ng-sweep-edit-any"])
def test_gradients_reach_every_parameter_of_a_model(name, dag):
    """But tables of what this network does not have: activations, kinds of edges, rows of layers."""
    model = tiny_model(name, [DAGS[dag]]).train()
    answer = rows(model(random_network(DAGS[dag], 2)))
    (answer * torch.linspace(1, 2, answer.numel()).view_as(answer)).sum().backward()
    without = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert not {n for n in without if not n.startswith(("sweeps", "heads"))}


def test_a_model_that_numbers_hidden_neurons_is_found_out():
    model, network = tiny_model("ng-gnn-any", [DAGS["transformer"]]), random_network(DAGS["transformer"], 2)
    encode = model.encoder.forward

    def numbered(*stack):
        nodes, edges = encode(*stack)
        return nodes + torch.linspace(0, 1, nodes.shape[1], dtype=nodes.dtype)[:, None], edges

    model.encoder.forward = numbered
    with pytest.raises(AssertionError, match="the same result for permuted networks"):
        assert_invariant(model, network)


@pytest.mark.parametrize("name", ["ng-gnn-64-probes", "ng-gnn-edit-64-probes", "ng-t-64-probes"])
@pytest.mark.parametrize("dag", ["transformer", "encoder and decoder", "lstm", "sequences and volumes"])
def test_tokens_and_several_inputs_are_probed(name, dag):
    check = assert_invariant if PRESETS[name].head == "invariant" else assert_equivariant
    check(tiny_model(name, [DAGS[dag]]), random_network(DAGS[dag], 2), tolerance=1e-6)


def test_networks_with_parts_that_a_model_does_not_know_are_refused():
    model = tiny_model("ng-gnn", [DAGS["rnn_tanh"]])
    with pytest.raises(ShapeMismatchError, match="built for, got product"):
        model(random_network(DAGS["lstm"]))


def test_a_vocabulary_that_is_too_large_is_refused_in_words():
    s = Steps((50_000, 4))
    spec = [s.end(s(Embedding(50_000, 2), 0))]
    with pytest.raises(ShapeMismatchError, match="each word of a vocabulary is one"):
        tiny_model("ng-gnn-any", spec)


@every_dag
def test_statistics_of_any_network_are_read(dag):
    from ngcore.models import build_model, preset

    model = build_model(preset("statnn", d_hidden=8), [DAGS[dag]]).double().eval()
    assert_invariant(model, random_network(DAGS[dag], 3))
