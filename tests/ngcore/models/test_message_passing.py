"""One layer of NG-GNN against its formulas, edge by edge."""

import math

import pytest
import torch
from example_architectures import VECTORS
from tiny_models import tiny_model

from ngcore.graph import BlockLayout, FlatLayout, block_edge_index, graph_structure
from ngcore.models.message_passing import MessagePassing, NodeBatchNorm, aggregate
from ngcore.networks import siren
from ngcore.testing import assert_invariant, random_network


def random_features(structure, d_node, d_edge, generator):
    nodes = torch.randn(1, structure.num_nodes, d_node, generator=generator, dtype=torch.float64)
    shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
    return nodes, [torch.randn(1, *s, d_edge, generator=generator, dtype=torch.float64) for s in shapes]


def statistics(messages, d):
    """Mean, min, max, std and the same amplified, of a list of messages (d,)."""
    m = torch.stack(messages) if messages else torch.zeros(1, d).double()
    std = (m.var(dim=0, correction=0) + 1e-5).sqrt()
    plain = torch.cat([m.mean(0), m.amin(0), m.amax(0), std])
    return torch.cat([plain, plain * math.log(1 + len(messages)) / math.log(33)])


def by_loops(layer, structure, nodes, edges):
    """x_j ← x_j + SiLU(Norm(Linear[x_j, received])), e_ij ← e_ij + Linear(SiLU(Linear e + C x_i + D x_j))."""
    d, ends = layer.d_node, layer.ends(nodes)
    new_edges = []
    received = [[[], []] for _ in nodes]
    for (i, j), edge in zip(block_edge_index(structure).T.tolist(), edges, strict=True):
        scale, shift = layer.scale(edge), layer.shift(edge)
        message = (scale) * (ends[i, : 2 * d] + ends[j, 2 * d : 4 * d]) + shift
        received[j][0].append(message[:d])
        received[i][1].append(message[d:])
        update = layer.edge_in(edge) + ends[i, 4 * d :][: layer.d_edge] + ends[j, 4 * d + layer.d_edge :]
        new_edges.append(edge + layer.edge_out(torch.nn.functional.silu(update)))
    inputs = [torch.cat([x, *(statistics(way, d) for way in ways)]) for x, ways in zip(nodes, received, strict=True)]
    updates = torch.nn.functional.silu(layer.norm(layer.post(torch.stack(inputs))))
    return nodes + updates, torch.stack(new_edges)


@pytest.mark.parametrize("name", ["mlp", "residual mlp", "norms"])
def test_a_layer_equals_its_formulas_written_as_loops(name, generator):
    structure = graph_structure(VECTORS[name])
    layer = MessagePassing(5, 4).double()
    nodes, edges = random_features(structure, 5, 4, generator)
    expected_nodes, expected_edges = by_loops(
        layer, structure, nodes[0], torch.cat([edge.flatten(0, 3) for edge in edges])
    )
    new_nodes, new_edges = layer(BlockLayout(structure), nodes, edges)
    torch.testing.assert_close(new_nodes[0], expected_nodes, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(torch.cat([edge.flatten(0, 3) for edge in new_edges]), expected_edges)


def test_the_last_layer_hands_its_edges_on_as_they_are(generator):
    structure = graph_structure(VECTORS["siren"])
    nodes, edges = random_features(structure, 5, 4, generator)
    layer = MessagePassing(5, 4, updates_edges=False).double()
    assert layer(BlockLayout(structure), nodes, edges)[1] is edges
    assert not hasattr(layer, "edge_in")


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_aggregates_equal_statistics_of_the_messages_in_both_layouts(direction, generator):
    structure = graph_structure(VECTORS["residual mlp"])
    nodes, messages = random_features(structure, 3, 3, generator)
    ends = block_edge_index(structure)[1 if direction == "forward" else 0].tolist()
    rows = torch.cat([message.flatten(0, 3) for message in messages])
    expected = torch.stack(
        [statistics([rows[e] for e, end in enumerate(ends) if end == n], 3) for n in range(structure.num_nodes)]
    )
    torch.testing.assert_close(aggregate(BlockLayout(structure), messages, direction, nodes)[0], expected)
    flat = FlatLayout([structure], [1], torch.device("cpu"))
    torch.testing.assert_close(aggregate(flat, flat.pack([nodes], [messages])[1], direction, nodes[0]), expected)


def test_dropout_is_for_training_alone(generator):
    structure = graph_structure(VECTORS["siren"])
    nodes, edges = random_features(structure, 5, 4, generator)
    layer, layout = MessagePassing(5, 4, dropout=0.5).double(), BlockLayout(structure)
    assert not torch.equal(layer(layout, nodes, edges)[0], layer(layout, nodes, edges)[0])
    layer.eval()
    assert torch.equal(layer(layout, nodes, edges)[0], layer(layout, nodes, edges)[0])


@pytest.mark.parametrize("norm", ["layer", "rms", "batch"])
def test_every_norm_of_the_nodes_gives_the_same_in_both_layouts_and_keeps_the_symmetry(norm):
    architecture = siren((2, 6, 5, 1))
    model, network = tiny_model("ng-gnn", [architecture], norm=norm), random_network(architecture, 3)
    assert_invariant(model, network)
    torch.testing.assert_close(model(network), model(network, flat=True), atol=1e-10, rtol=1e-10)


def test_batch_statistics_are_those_of_all_nodes_of_all_networks():
    norm = NodeBatchNorm(2).double().train()
    nodes = torch.tensor([[[1.0, 0.0], [3.0, 0.0]], [[5.0, 1.0], [7.0, 1.0]]], dtype=torch.float64)
    normalised = norm(nodes)
    assert normalised.shape == nodes.shape
    torch.testing.assert_close(normalised.mean(dim=(0, 1)), torch.zeros(2).double(), atol=1e-9, rtol=0)
    expected = (torch.tensor([1.0, 3.0, 5.0, 7.0]).double() - 4) / (5 + norm.eps) ** 0.5
    torch.testing.assert_close(normalised[..., 0].flatten(), expected)
