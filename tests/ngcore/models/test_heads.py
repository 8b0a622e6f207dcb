"""What the heads read and how they scale."""

import torch
from example_architectures import VECTORS
from tiny_models import tiny_config

from ngcore.graph import graph_structure
from ngcore.models import InputSpec
from ngcore.models.heads import GraphHead, ParameterHead
from ngcore.networks import siren

SIREN = siren((2, 4, 3, 2))
STRUCTURE = graph_structure(SIREN)


def random_features(structure, count=2):
    nodes = torch.randn(count, structure.num_nodes, 8, dtype=torch.float64)
    return nodes, [torch.randn(count, *structure.edge_shape(b), 6, dtype=torch.float64) for b in structure.edge_blocks]


def graph_head(architectures=(SIREN,), **changes):
    return GraphHead(tiny_config("ng-gnn", **changes), InputSpec.of(architectures)).double()


def parameter_head(architecture=SIREN):
    head = ParameterHead(tiny_config("ng-gnn-edit"), InputSpec.of([architecture])).double()
    for linear in (head.edge_out, head.node_out):
        linear.reset_parameters()
    return head


def test_answers_have_one_row_a_network():
    head, (nodes, _) = graph_head(), random_features(STRUCTURE, 5)
    assert head.embed(STRUCTURE, nodes).shape == (5, 8)
    assert head(STRUCTURE, nodes).shape == (5, 3)
    torch.testing.assert_close(head.out(head.embed(STRUCTURE, nodes)), head(STRUCTURE, nodes))


def test_a_head_that_reads_outputs_alone_does_not_see_hidden_neurons():
    nodes, _ = random_features(STRUCTURE)
    changed = nodes.clone()
    changed[:, :9] += 1
    reads_outputs, reads_all = graph_head(readout="outputs"), graph_head()
    assert torch.equal(reads_outputs(STRUCTURE, nodes), reads_outputs(STRUCTURE, changed))
    assert not torch.equal(reads_all(STRUCTURE, nodes), reads_all(STRUCTURE, changed))


def test_the_order_of_outputs_matters_and_that_of_hidden_neurons_does_not():
    head, (nodes, _) = graph_head(), random_features(STRUCTURE)
    hidden, outputs = nodes.clone(), nodes.clone()
    hidden[:, 2:6] = nodes[:, 2:6].flip(1)
    outputs[:, 9:] = nodes[:, 9:].flip(1)
    torch.testing.assert_close(head(STRUCTURE, hidden), head(STRUCTURE, nodes))
    assert not torch.allclose(head(STRUCTURE, outputs), head(STRUCTURE, nodes))


def test_networks_with_fewer_outputs_and_layers_are_read_too():
    small = graph_structure(siren((2, 4, 1)))
    head = graph_head((SIREN, siren((2, 4, 4, 4, 5))))
    assert head(small, random_features(small)[0]).isfinite().all()


def test_absent_outputs_are_zeros_behind_those_that_are_there():
    small = graph_structure(siren((2, 4, 1)))
    head, (nodes, _) = graph_head((SIREN, siren((2, 4, 3))), readout="outputs"), random_features(small)
    head.mlp = torch.nn.Identity()
    read = head.embed(small, nodes)
    assert torch.equal(read[:, :8], nodes[:, -1])
    assert read.shape == (2, 24) and not read[:, 8:].any()


def test_an_untrained_parameter_head_changes_nothing():
    head = ParameterHead(tiny_config("ng-gnn-edit"), InputSpec.of([SIREN])).double()
    assert not head(STRUCTURE, *random_features(STRUCTURE)).flatten().any()


def test_a_change_is_the_scaled_map_of_its_edge_or_node():
    """Hidden neuron 1 is node 3; the weight to it from input 0 is edge [0, 0, 0, 1] of block 0."""
    head, (nodes, edges) = parameter_head(), random_features(STRUCTURE)
    with torch.no_grad():
        head.scales.copy_(torch.arange(8).view(4, 2))
    change = head(STRUCTURE, nodes, edges)
    torch.testing.assert_close(change.parameters["0.weight"][1, 1, 0], 2 * head.edge_out(edges[0][1, 0, 0, 1])[0])
    torch.testing.assert_close(change.parameters["0.bias"][1, 1], 3 * head.node_out(nodes[1, 3])[0])
    torch.testing.assert_close(change.parameters["4.bias"][1, 1], 7 * head.node_out(nodes[1, 10])[0])


def test_every_layer_has_scales_of_its_own_for_weights_and_biases():
    head, features = parameter_head(), random_features(STRUCTURE)
    rows = {"0": 1, "2": 2, "4": 3}
    for name in SIREN.parameter_shapes:
        layer, parameter = name.split(".")
        with torch.no_grad():
            head.scales.fill_(0.01)
            head.scales[rows[layer], int(parameter == "bias")] = 0
        change = head(STRUCTURE, *features).parameters
        assert [other for other, tensor in change.items() if not tensor.any()] == [name]


def test_scales_start_at_a_hundredth():
    torch.testing.assert_close(parameter_head().scales.float(), torch.full((4, 2), 0.01))


def test_changes_of_networks_with_batch_normalisation_leave_running_statistics_alone():
    architecture = VECTORS["norms"]
    change = parameter_head(architecture)(
        graph_structure(architecture), *random_features(graph_structure(architecture))
    )
    still = {name for name, tensor in change.parameters.items() if not tensor.any()}
    assert still == {"1.running_mean", "1.running_var"}
