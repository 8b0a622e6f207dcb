"""Sweeps over the layers of a neural graph: a hand-worked case, signs, gradients, and what they can follow."""

import math

import pytest
import torch
from example_architectures import MAPS, VECTORS
from tiny_models import ANY_NETWORK, tiny_model

from ngcore.errors import ShapeMismatchError
from ngcore.graph import graph_structure, to_graph
from ngcore.models import PRESETS, InputSpec
from ngcore.models.sweeps import Sweep, free_signs
from ngcore.networks import Conv2d, Linear, Network, chain, flip_signs, mlp, siren, small_cnn
from ngcore.testing import random_network

SWEEPS = [name for name in ANY_NETWORK if PRESETS[name].kind == "ng-sweep"]
every_sweep = pytest.mark.parametrize("name", SWEEPS)


def sweep_of(architecture, direction):
    spec = InputSpec.of([architecture])
    return Sweep(1, spec=spec, rows=spec.rows("depth"), direction=direction, follows=False).double()


def as_network_does(sweep):
    """Set the maps of a sweep of width 1 to the identity, so that it computes sin(Σ w x + b) without scaling."""
    with torch.no_grad():
        for linear in sweep.message:
            linear.weight.fill_(1.0)
        for update in sweep.update:
            update.collected.weight.fill_(1.0)
            update.collected.bias.zero_()
            update.out.weight.fill_(1.0)
        sweep.bias_direction.fill_(1.0)


def test_a_sweep_forth_by_hand():
    """One neuron between one input and one output; every map is 1, the input's place is p = 0.7.

    x_0 = sin(0.7), x_1 = sin(2 x_0 + 0.5), x_2 = sin(−3 x_1 + 0.1); fan-in is 1, so nothing is divided.
    """
    architecture = siren((1, 1, 1))
    values = {"0.weight": [[[2.0]]], "0.bias": [[0.5]], "2.weight": [[[-3.0]]], "2.bias": [[0.1]]}
    network = Network(architecture, {name: torch.tensor(value).double() for name, value in values.items()})
    sweep = sweep_of(architecture, "forward")
    as_network_does(sweep)
    graph = to_graph(network)
    biases = [graph.node_features[:, [i]] for i in range(3)]
    positions = [torch.full((1, 1), 0.7).double(), torch.zeros(1, 1).double(), torch.zeros(1, 1).double()]
    states = sweep(graph.structure, list(graph.edge_features), biases, positions, None)
    first = math.sin(0.7)
    second = math.sin(2 * first + 0.5)
    expected = [first, second, math.sin(-3 * second + 0.1)]
    assert [state.item() for state in states] == pytest.approx(expected)


def test_a_sweep_back_reads_the_layers_in_reverse():
    """The input's state depends on the output's place, by way of both weights; the output's on no weight."""
    architecture = siren((1, 1, 1))
    network = random_network(architecture, 1)
    sweep = sweep_of(architecture, "reverse")
    as_network_does(sweep)
    weights, biases = (
        network.parameters,
        [0.0, network.parameters["0.bias"].item(), network.parameters["2.bias"].item()],
    )
    graph = to_graph(network)
    places = [torch.zeros(1, 1).double(), torch.zeros(1, 1).double(), torch.full((1, 1), 0.4).double()]
    states = sweep(
        graph.structure,
        list(graph.edge_features),
        [graph.node_features[:, [i]] for i in range(3)],
        places,
        None,
    )
    last = math.sin(0.4 + biases[2])
    middle = math.sin(weights["2.weight"].item() * last + biases[1])
    expected = [math.sin(weights["0.weight"].item() * middle), middle, last]
    assert [state.item() for state in states] == pytest.approx(expected)


def states_of(network, sweep, places):
    """The states after a first sweep with maps of 1, (neurons,) for each node block of one network."""
    as_network_does(sweep)
    graph = to_graph(network)
    biases = [graph.node_features[:, block.start : block.stop, :1] for block in graph.structure.node_blocks]
    positions = [torch.full((1, 1), place).double() for place in places]
    states = sweep(graph.structure, list(graph.edge_features), biases, positions, None)
    return [state[0, :, 0] for state in states]


def test_what_a_neuron_collects_is_divided_by_the_root_of_its_fan_in():
    """Two inputs at 0.7 with weights 2 and −3, bias 0.5: x_1 = sin((2 − 3) sin(0.7) / √2 + 0.5)."""
    architecture = chain((2,), (Linear(2, 1),))
    values = {"0.weight": torch.tensor([[[2.0, -3.0]]]).double(), "0.bias": torch.tensor([[0.5]]).double()}
    sweep = sweep_of(architecture, "forward")
    states = states_of(Network(architecture, values), sweep, [0.7, 0.0])
    assert states[1].item() == pytest.approx(math.sin((2 - 3) * math.sin(0.7) / 2**0.5 + 0.5))


def test_against_the_edges_it_is_the_root_of_its_fan_out():
    """One input to three outputs at 0.4, weights 2, −3 and 5: x_0 = sin((2 − 3 + 5) sin(0.4) / √3)."""
    architecture = chain((1,), (Linear(1, 3, bias=False),))
    network = Network(architecture, {"0.weight": torch.tensor([[[2.0], [-3.0], [5.0]]]).double()})
    sweep = sweep_of(architecture, "reverse")
    states = states_of(network, sweep, [0.0, 0.4])
    assert states[0].item() == pytest.approx(math.sin(4 * math.sin(0.4) / 3**0.5))


def test_the_fan_of_a_channel_counts_the_entries_of_its_kernels():
    """Kernels of 1 × 2 over two channels at 0.7, all entries 0.5: x_1 = sin(4 · 0.5 sin(0.7) / √4)."""
    architecture = chain((2, 3, 3), (Conv2d(2, 1, (1, 2), bias=False),))
    network = Network(architecture, {"0.weight": torch.full((1, 1, 2, 1, 2), 0.5).double()})
    sweep = sweep_of(architecture, "forward")
    states = states_of(network, sweep, [0.7, 0.0])
    assert states[1].item() == pytest.approx(math.sin(2 * math.sin(0.7) / 2))


@pytest.mark.parametrize("num_outputs", [1, 2])
def test_absent_outputs_are_zeros_behind_those_that_are_there(num_outputs):
    model = tiny_model("ng-sweep", [siren((2, 6, 5, 3))])
    structure = graph_structure(siren((2, 4, num_outputs)))
    states = [torch.randn(2, block.size, 8, dtype=torch.float64) for block in structure.node_blocks]
    model.head.mlp = torch.nn.Identity()
    read = model.head.embed(structure, states)
    assert torch.equal(read[:, : 8 * num_outputs], states[-1].flatten(1))
    assert read.shape == (2, 24) and not read[:, 8 * num_outputs :].any()


@every_sweep
@pytest.mark.parametrize("architecture", [siren((2, 6, 5, 1)), VECTORS["residual mlp"], mlp((2, 4, 4, 1), "tanh")])
def test_answers_do_not_notice_flipped_signs(name, architecture, generator):
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    flipped = flip_signs(network, generator)
    answer, other = model(network), model(flipped)
    if isinstance(answer, Network):
        signs = {n: torch.sign(flipped.parameters[n] * network.parameters[n]) for n in network.parameters}
        answer, other = answer.flatten(), Network(architecture, {n: other.parameters[n] * signs[n] for n in signs})
        other = other.flatten()
    torch.testing.assert_close(answer, other, atol=1e-10, rtol=1e-10)


def test_signs_are_free_where_activations_are_odd_and_nothing_fixes_them():
    assert free_signs(graph_structure(siren((2, 4, 3, 1)))) == {1, 2}
    assert free_signs(graph_structure(mlp((2, 4, 3, 1), "relu"))) == set()
    assert free_signs(graph_structure(chain((2,), (Linear(2, 3),)))) == set()


@every_sweep
@pytest.mark.parametrize("architecture", [siren((2, 6, 5, 1)), small_cnn((1, 4, 5), num_classes=3, image_size=(7, 6))])
def test_gradients_reach_the_networks(name, architecture):
    model = tiny_model(name, [architecture]).train()
    network = random_network(architecture, 2).map(lambda tensor: tensor.requires_grad_())
    answer = model(network)
    answer = answer.flatten() if isinstance(answer, Network) else answer
    (answer * torch.linspace(1, 2, answer.numel()).view_as(answer)).sum().backward()
    assert all(tensor.grad.abs().sum() > 0 for tensor in network.parameters.values())


@every_sweep
def test_an_untrained_editor_changes_nothing_and_a_classifier_answers(name):
    from ngcore.models import build_model

    architecture = siren((2, 32, 32, 1))
    answer = build_model(PRESETS[name], [architecture]).eval()(random_network(architecture, 2, dtype=torch.float32))
    if isinstance(answer, Network):
        assert not answer.flatten().any()
    else:
        assert answer.std() > 0


def test_networks_of_other_outputs_are_refused():
    model = tiny_model("ng-sweep", [siren((2, 6, 5, 1))])
    with pytest.raises(ShapeMismatchError, match="at most 2 inputs and 1 outputs, got 2 and 3"):
        model(random_network(siren((2, 6, 5, 3)), 1))


def test_a_sweep_of_maps_reads_every_entry_of_a_kernel():
    architecture = MAPS["mixed kernels"]
    model, network = tiny_model("ng-sweep", [architecture]), random_network(architecture, 1)
    kernel = network.parameters["0.weight"].clone().requires_grad_()
    model(Network(architecture, {**network.parameters, "0.weight": kernel})).sum().backward()
    assert (kernel.grad != 0).all()


def test_with_probes_the_answer_is_the_mean_of_both_branches_and_training_looks_at_each_alone():
    architecture = siren((2, 6, 5, 1))
    model = tiny_model("ng-sweep-64-probes", [architecture])
    network = random_network(architecture, 400)
    own = model.head.out(model.embed(network)[:, : model.head.out.in_features])
    probed = model.outputs(network)
    assert torch.allclose(model(network), (own + probed) / 2)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    torch.manual_seed(0)
    answers = model(network)
    shares = [float((answers - kind).abs().amax(dim=1).lt(1e-9).double().mean()) for kind in (own, probed)]
    both = (answers - (own + probed) / 2).abs().amax(dim=1) < 1e-9
    assert shares == pytest.approx([0.25, 0.25], abs=0.08) and float(both.double().mean()) > 0.35


def test_noise_on_what_is_read_is_for_training_alone():
    architecture = siren((2, 6, 5, 1))
    model = tiny_model("ng-sweep", [architecture], input_noise=0.1)
    network = random_network(architecture, 2)
    assert torch.equal(model(network), model(network))
    model.train()
    read = [model.read(network).edges[1] for _ in range(200)]
    exact = model.eval().read(network).edges[1]
    noise = torch.stack(read) - exact
    assert float(noise.std()) == pytest.approx(0.1, rel=0.1) and float(noise.mean().abs()) < 0.01
