"""Gathering and aggregating: block and flat layout agree in values and gradients, and both with loops over edges."""

import pytest
import torch
from example_architectures import ARCHITECTURES

from ngcore.graph import BlockLayout, FlatLayout, block_edge_index, graph_structure, map_edges
from ngcore.graph.layout import AxisMoments
from ngcore.networks import mlp

COUNT, WIDTH = 2, 3

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
directions = pytest.mark.parametrize("direction", ["forward", "reverse"])


def layouts(architecture):
    structure = graph_structure(architecture)
    return BlockLayout(structure), FlatLayout([structure], [COUNT], torch.device("cpu"))


def random_values(structure, generator):
    """Node values and edge values in the block layout, all with gradients."""
    nodes = torch.randn(COUNT, structure.num_nodes, WIDTH, generator=generator, dtype=torch.float64)
    edges = [
        torch.randn(COUNT, *structure.edge_shape(block), WIDTH, generator=generator, dtype=torch.float64)
        for block in structure.edge_blocks
    ]
    return nodes.requires_grad_(), [edge.requires_grad_() for edge in edges]


def one_pass(layout, nodes, edges, direction, reduction):
    """Gather from both ends, join with the edges, reduce, and the moments of the same messages."""
    messages = map_edges(lambda e, s, t: e * (1 + s) + t, edges, layout.at_source(nodes), layout.at_target(nodes * 2))
    reduced = layout.reduce(*((messages, None) if direction == "forward" else (None, messages)), reduction)
    both = layout.reduce(messages, map_edges(torch.sin, messages), reduction)
    return torch.cat([reduced, both, *layout.moments(messages, direction)], dim=-1), messages


@every_architecture
@directions
@pytest.mark.parametrize("reduction", ["sum", "max"])
def test_block_and_flat_layout_agree_in_values_and_gradients(architecture, direction, reduction, generator):
    block, flat = layouts(architecture)
    nodes, edges = random_values(block.structure, generator)
    by_block, block_messages = one_pass(block, nodes, edges, direction, reduction)
    packed_nodes, packed_edges = flat.pack([nodes], [edges])
    flat_result, flat_messages = one_pass(flat, packed_nodes, packed_edges, direction, reduction)
    ((by_flat, unpacked),) = flat.unpack(flat_result, flat_messages)
    torch.testing.assert_close(by_block, by_flat)
    torch.testing.assert_close(block_messages, unpacked)
    weight = torch.randn(by_block.shape, generator=generator, dtype=torch.float64)
    wanted = [nodes, *edges]
    torch.testing.assert_close(
        torch.autograd.grad((by_block * weight).sum(), wanted), torch.autograd.grad((by_flat * weight).sum(), wanted)
    )


@every_architecture
@directions
def test_reductions_equal_loops_over_the_edges(architecture, direction, generator):
    layout, _ = layouts(architecture)
    structure = layout.structure
    _, edges = random_values(structure, generator)
    flat = torch.cat([edge.detach().flatten(1, 3) for edge in edges], dim=1)
    ends = block_edge_index(structure)[1 if direction == "forward" else 0].tolist()
    received = [[flat[:, e] for e, end in enumerate(ends) if end == node] for node in range(structure.num_nodes)]
    empty = [torch.zeros(COUNT, WIDTH).double()] * 4
    expected = [
        [m.sum(0), m.square().sum(0), m.amax(0), m.amin(0)] if rows and (m := torch.stack(rows)) is not None else empty
        for rows in received
    ]
    moments = layout.moments(edges, direction)
    for number, moment in enumerate(moments):
        torch.testing.assert_close(moment.detach(), torch.stack([row[number] for row in expected], dim=1))
    counts = layout.num_messages(direction, flat).flatten().tolist()
    assert counts == [len(rows) for rows in received]


@every_architecture
@directions
def test_degrees_of_both_layouts_agree(architecture, direction):
    block, flat = layouts(architecture)
    like = torch.zeros((), dtype=torch.float64)
    counts = block.num_messages(direction, like)
    assert counts.dtype == like.dtype
    assert torch.equal(counts.repeat(COUNT, 1), flat.num_messages(direction, like))


def test_gathering_and_reducing_on_a_2_2_1_network_by_hand():
    """Inputs 1, 2, hidden 3, 4, output 5, and every edge sends its source's value to its target.

    Each hidden neuron receives 1 and 2: sum 3, sum of squares 5, maximum 2, minimum 1. The output receives 3 and 4:
    7, 25, 4, 3. The inputs receive nothing: 0.
    """
    layout = BlockLayout(graph_structure(mlp((2, 2, 1))))
    nodes = torch.tensor([1.0, 2, 3, 4, 5]).view(1, 5, 1)
    ones = [torch.ones(1, 1, 2, 2, 1), torch.ones(1, 1, 2, 1, 1)]
    messages = map_edges(torch.mul, ones, layout.at_source(nodes))
    moments = torch.cat(layout.moments(messages, "forward"), dim=-1)
    assert moments[0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [3, 5, 2, 1], [3, 5, 2, 1], [7, 25, 4, 3]]
    assert layout.reduce(messages, None, "sum").flatten().tolist() == [0, 0, 3, 3, 7]
    assert layout.num_messages("reverse", nodes).flatten().tolist() == [2, 2, 1, 1, 0]


@pytest.mark.parametrize("names", [("mlp", "siren", "no biases"), ("batch norm cnn", "grouped", "siren")])
@directions
def test_a_mixed_flat_batch_equals_its_stacks_alone(names, direction, generator):
    structures = [graph_structure(ARCHITECTURES[name]) for name in names]
    values = [random_values(structure, generator) for structure in structures]
    mixed = FlatLayout(structures, [COUNT] * len(names), torch.device("cpu"))
    packed = mixed.pack([nodes for nodes, _ in values], [edges for _, edges in values])
    result, messages = one_pass(mixed, *packed, direction, "max")
    for structure, (nodes, edges), (own, own_edges) in zip(
        structures, values, mixed.unpack(result, messages), strict=True
    ):
        alone, alone_messages = one_pass(BlockLayout(structure), nodes, edges, direction, "max")
        torch.testing.assert_close(own, alone)
        torch.testing.assert_close(own_edges, alone_messages)


@every_architecture
def test_packing_is_undone_by_unpacking(architecture, generator):
    _, flat = layouts(architecture)
    nodes, edges = random_values(flat.structures[0], generator)
    ((own_nodes, own_edges),) = flat.unpack(*flat.pack([nodes], [edges]))
    assert torch.equal(own_nodes, nodes)
    assert all(torch.equal(own, edge) for own, edge in zip(own_edges, edges, strict=True))
    assert flat.unpack(flat.pack([nodes], [edges])[0])[0][1] == []


@pytest.mark.parametrize("axis", [2, 3])
def test_moments_over_an_axis_have_correct_gradients(axis, generator):
    x = torch.randn(2, 2, 3, 4, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: AxisMoments.apply(x, axis), (x,))


def test_moments_of_half_precision_messages_are_summed_in_full_precision():
    x = torch.full((1, 1, 3000, 1, 1), 0.1, dtype=torch.bfloat16)
    total, squares, largest, smallest = AxisMoments.apply(x, 2)
    assert total.dtype == squares.dtype == torch.float32
    assert total.item() == pytest.approx(3000 * x[0, 0, 0, 0, 0].item(), rel=1e-5)
    assert largest == smallest == x[0, 0, 0]


def test_entries_that_tie_for_an_extremum_share_its_gradient() -> None:
    """Of (2, 2, 1) the maximum 2 is shared by two entries, the minimum 1 has one: gradients (½, ½, 0) and (0, 0, 1)."""
    x = torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64).view(1, 1, 3, 1, 1).requires_grad_()
    _, _, largest, smallest = AxisMoments.apply(x, 2)
    (of_largest,) = torch.autograd.grad(largest.sum(), x, retain_graph=True)
    (of_smallest,) = torch.autograd.grad(smallest.sum(), x)
    assert of_largest.flatten().tolist() == [0.5, 0.5, 0.0]
    assert of_smallest.flatten().tolist() == [0.0, 0.0, 1.0]
