"""The graph models, whole: their symmetry, their two layouts, independence of the batch, and gradients."""

import pytest
import torch
from example_architectures import ARCHITECTURES, MAPS, VECTORS
from tiny_models import EQUIVARIANT, GRAPH_PRESETS, INVARIANT, LAYOUT_PRESETS, tiny_model

from ngcore.models import PRESETS, build_model
from ngcore.networks import Activation, Linear, Network, chain, mlp, siren, small_cnn
from ngcore.testing import assert_equivariant, assert_invariant, random_network

CLOSE = {torch.float64: {"atol": 1e-10, "rtol": 1e-10}, torch.float32: {"atol": 1e-5, "rtol": 1e-5}}
READ_TWO_INPUTS = [VECTORS[name] for name in ("siren", "residual mlp", "norms", "no biases")]
READ_MAPS = [ARCHITECTURES[name] for name in ("grouped", "mixed kernels", "batch norm cnn", "flatten first", "strides")]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
every_preset = pytest.mark.parametrize("name", GRAPH_PRESETS)
every_preset_with_layouts = pytest.mark.parametrize("name", LAYOUT_PRESETS)


def rows(answer):
    """The answers of either head, one row a network."""
    return answer.flatten() if isinstance(answer, Network) else answer


def mixed_batch(name):
    """Three stacks of different architectures that a model of this preset can read."""
    architectures = READ_TWO_INPUTS if PRESETS[name].num_probes else [*READ_MAPS, *READ_TWO_INPUTS]
    return architectures, [random_network(a, 1 + i % 3, seed=i) for i, a in enumerate(architectures)]


@every_architecture
@pytest.mark.parametrize("name", INVARIANT)
def test_answers_do_not_notice_permutations(name, architecture):
    assert_invariant(tiny_model(name, [architecture]), random_network(architecture, 2))


@every_architecture
@pytest.mark.parametrize("name", EQUIVARIANT)
def test_changes_of_permuted_networks_are_permuted_changes(name, architecture):
    assert_equivariant(tiny_model(name, [architecture]), random_network(architecture, 2))


@every_preset
def test_embeddings_do_not_notice_permutations_and_have_one_row_a_network(name):
    architecture = siren((2, 6, 5, 1))
    model, network = tiny_model(name, [architecture]), random_network(architecture, 3)
    has_two_branches = name == "ng-sweep-64-probes" or getattr(PRESETS[name], "joins_outputs", False)
    assert model.embed(network).shape == (3, 16 if has_two_branches else 8)
    assert_invariant(model.embed, network)


@every_architecture
@every_preset_with_layouts
def test_block_and_flat_layout_give_the_same_numbers(name, architecture):
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    torch.testing.assert_close(rows(model(network)), rows(model(network, flat=True)), **CLOSE[torch.float64])


@every_preset_with_layouts
def test_block_and_flat_layout_agree_in_single_precision(name):
    architecture = siren((2, 32, 32, 1))
    model = tiny_model(name, [architecture], dtype=torch.float32)
    network = random_network(architecture, 2, dtype=torch.float32)
    block, flat = rows(model(network)), rows(model(network, flat=True))
    torch.testing.assert_close(block, flat, atol=1e-4 * block.detach().abs().max().item(), rtol=1e-5)


@every_preset
def test_a_network_alone_equals_itself_among_larger_ones(name):
    architectures, stacks = mixed_batch(name)
    model = tiny_model(name, architectures)
    together = model(stacks)
    together = together if isinstance(together, list) else together.split([len(stack) for stack in stacks])
    for stack, answer in zip(stacks, together, strict=True):
        torch.testing.assert_close(rows(model(stack)), rows(answer), **CLOSE[torch.float64])


@every_preset
def test_embeddings_of_a_mixed_batch_equal_those_of_its_stacks(name):
    architectures, stacks = mixed_batch(name)
    model = tiny_model(name, architectures)
    alone = torch.cat([model.embed(stack) for stack in stacks])
    torch.testing.assert_close(model.embed(stacks), alone, **CLOSE[torch.float64])


@pytest.mark.parametrize("architecture", [VECTORS["norms"], MAPS["batch norm cnn"]], ids=["norms", "cnn"])
@every_preset
def test_a_stack_equals_its_networks_one_by_one(name, architecture):
    model, network = tiny_model(name, [architecture]), random_network(architecture, 3)
    alone = torch.cat([rows(model(network[i])) for i in range(3)])
    torch.testing.assert_close(rows(model(network)), alone, **CLOSE[torch.float64])


@every_preset
def test_an_all_zero_network_gets_a_finite_answer_and_gradient(name):
    architecture = siren((2, 6, 5, 1))
    model = tiny_model(name, [architecture])
    network = random_network(architecture, 2).map(torch.zeros_like)
    answer = rows(model(network))
    answer.square().sum().backward()
    assert answer.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", ["ng-gnn", "ng-t"])
def test_edges_of_weight_zero_carry_messages(name):
    """With zero weights everywhere, the output node still learns of the first hidden layer's bias, two edges away."""
    architecture = mlp((2, 3, 3, 1))
    model = tiny_model(name, [architecture], readout="outputs")
    network = random_network(architecture).map(torch.zeros_like)
    moved = Network(architecture, {**network.parameters, "0.bias": torch.ones(1, 3).double()})
    assert (model(network) - model(moved)).abs().max() > 1e-6


@every_preset
def test_the_activation_makes_a_difference(name):
    architectures = [mlp((2, 4, 1), "relu"), mlp((2, 4, 1), "tanh")]
    model = tiny_model(name, architectures)
    first = random_network(architectures[0])
    second = Network(architectures[1], first.parameters)
    assert (rows(model(first)) - rows(model(second))).abs().max() > 1e-6


def test_without_probes_the_activation_is_seen_by_its_embedding_alone():
    architectures = [mlp((2, 4, 1), "relu"), mlp((2, 4, 1), "tanh")]
    model = tiny_model("ng-gnn", architectures)
    torch.nn.init.zeros_(model.encoder.activation_embedding.weight)
    first = random_network(architectures[0])
    assert torch.equal(model(first), model(Network(architectures[1], first.parameters)))


@every_preset_with_layouts
@pytest.mark.parametrize("architecture", [siren((2, 6, 5, 1)), small_cnn((1, 4, 5), num_classes=3, image_size=(7, 6))])
@pytest.mark.parametrize("flat", [False, True])
def test_gradients_reach_every_parameter_and_the_networks(name, architecture, flat):
    model = tiny_model(name, [architecture]).train()
    network = random_network(architecture, 2).map(lambda tensor: tensor.requires_grad_())
    answer = rows(model(network, flat=flat))
    (answer * torch.linspace(1, 2, answer.numel()).view_as(answer)).sum().backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []
    assert all(tensor.grad.abs().sum() > 0 for tensor in network.parameters.values())


@every_preset_with_layouts
def test_gradients_of_both_layouts_agree(name):
    architecture = VECTORS["residual mlp"]
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    gradients = [
        torch.autograd.grad(rows(model(network, flat=flat)).square().sum(), list(model.parameters()), allow_unused=True)
        for flat in (False, True)
    ]
    torch.testing.assert_close(*gradients, atol=1e-8, rtol=1e-8)


@every_preset
def test_networks_deeper_than_the_model_was_built_for_are_read(name):
    model = tiny_model(name, [siren((2, 6, 5, 1))])
    assert rows(model(random_network(siren((2, 4, 4, 4, 4, 1)), 2))).isfinite().all()


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].kind.startswith("ng-")])
def test_every_preset_answers_at_full_size(name):
    architecture = siren((2, 32, 32, 1))
    model = build_model(PRESETS[name], [architecture]).eval()
    network = random_network(architecture, 2, dtype=torch.float32)
    with torch.no_grad():
        answer = model(network)
    assert rows(answer).isfinite().all()
    assert answer.architecture == architecture if isinstance(answer, Network) else answer.shape == (2, 1)


def test_output_neurons_are_told_apart_by_their_place():
    architecture = chain((2,), (Linear(2, 4), Activation("relu"), Linear(4, 2)))
    model, network = tiny_model("ng-gnn", [architecture]), random_network(architecture)
    swapped = {name: tensor.flip(1) if name.startswith("2.") else tensor for name, tensor in network.parameters.items()}
    assert (model(network) - model(Network(architecture, swapped))).abs().max() > 1e-6


@pytest.mark.parametrize("name", EQUIVARIANT)
@pytest.mark.parametrize("architecture", [VECTORS["norms"], MAPS["batch norm cnn"]], ids=["norms", "cnn"])
def test_the_change_of_a_network_leaves_running_statistics_alone(name, architecture):
    change = tiny_model(name, [architecture])(random_network(architecture, 2))
    still = {n for n, tensor in change.parameters.items() if not tensor.any()}
    assert still == {n for n in change.parameters if "running" in n}
