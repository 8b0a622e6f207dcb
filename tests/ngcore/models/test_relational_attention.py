"""One layer of NG-T against its formulas, edge by edge."""

import math

import pytest
import torch
from example_architectures import VECTORS

from ngcore.graph import BlockLayout, FlatLayout, block_edge_index, graph_structure
from ngcore.models.relational_attention import RelationalAttention
from ngcore.networks import mlp

D_NODE, D_EDGE, WIDTHS = 6, 4, {"d_attention": 8, "num_heads": 2}


def random_features(structure, generator):
    nodes = torch.randn(1, structure.num_nodes, D_NODE, generator=generator, dtype=torch.float64)
    shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
    return nodes, [torch.randn(1, *s, D_EDGE, generator=generator, dtype=torch.float64) for s in shapes]


def attended_by_loops(layer, structure, nodes, edges):
    """Σ softmax(q · k / √d) v over the edges of each node, in both directions in one softmax, head by head."""
    index, rows = block_edge_index(structure).T.tolist(), torch.cat([edge.flatten(0, 3) for edge in edges])
    query, key, value = layer.node_projection(nodes).chunk(3, dim=-1)
    result = []
    for own in range(len(nodes)):
        logits, values = [], []
        for (source, target), edge in zip(index, rows, strict=True):
            for way, here, there in (("forth", target, source), ("back", source, target)):
                if here == own:
                    edge_query, edge_key, modulation = layer.edge_projection[way](edge).chunk(3)
                    product = (query[own] + edge_query) * (key[there] + edge_key)
                    logits.append(product.view(2, 4).sum(1) / math.sqrt(4))
                    of_edge = torch.einsum("e,hed->hd", edge, layer.edge_value[way].weight)
                    values.append((value[there] * (1 + modulation)).view(2, 4) + of_edge)
        weights = torch.stack(logits).softmax(dim=0)
        result.append((weights[:, :, None] * torch.stack(values)).sum(0).flatten())
    return torch.stack(result)


@pytest.mark.parametrize("architecture", [mlp((2, 2, 1)), VECTORS["residual mlp"], VECTORS["norms"]])
def test_attention_equals_its_formulas_written_as_loops(architecture, generator):
    structure = graph_structure(architecture)
    layer = RelationalAttention(D_NODE, D_EDGE, **WIDTHS).double()
    nodes, edges = random_features(structure, generator)
    attended = attended_by_loops(layer, structure, nodes[0], edges)
    expected = layer.attention_norm(nodes[0] + layer.out(attended))
    expected = layer.mlp_norm(expected + layer.mlp(expected))
    new_nodes, new_edges = layer(BlockLayout(structure), nodes, edges)
    torch.testing.assert_close(new_nodes[0], expected, atol=1e-10, rtol=1e-10)
    of_source, of_target = layer.edge_ends(expected).chunk(2, dim=-1)
    source, target = block_edge_index(structure)
    rows = torch.cat([edge.flatten(0, 3) for edge in edges])
    hidden = torch.nn.functional.gelu(layer.edge_in(rows) + of_source[source] + of_target[target])
    expected_edges = layer.edge_norm(rows + layer.edge_out(hidden))
    torch.testing.assert_close(torch.cat([edge.flatten(0, 3) for edge in new_edges]), expected_edges)


def test_huge_logits_stay_finite(generator):
    structure = graph_structure(mlp((2, 3, 1)))
    layer = RelationalAttention(D_NODE, D_EDGE, **WIDTHS).double()
    nodes, edges = random_features(structure, generator)
    new_nodes, _ = layer(BlockLayout(structure), 1e3 * nodes, [1e3 * edge for edge in edges])
    assert new_nodes.isfinite().all()


def test_the_last_layer_leaves_edges_alone_in_both_layouts(generator):
    structure = graph_structure(mlp((2, 3, 1)))
    nodes, edges = random_features(structure, generator)
    layer = RelationalAttention(D_NODE, D_EDGE, updates_edges=False, **WIDTHS).double()
    flat = FlatLayout([structure], [1], torch.device("cpu"))
    by_block, same = layer(BlockLayout(structure), nodes, edges)
    by_flat, _ = layer(flat, *flat.pack([nodes], [edges]))
    torch.testing.assert_close(by_block[0], by_flat)
    assert same is edges
