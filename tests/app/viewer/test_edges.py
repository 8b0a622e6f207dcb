"""The edges that the viewer is sent: the strongest of every layer, sorted, within a budget."""

import numpy as np
import pytest
import torch
from dag_architectures import DAGS


def packed(network, budget=60_000, *, numbers=None):
    """Blocks as rows of facts, and (sources, targets, values) of each."""
    from app.viewer.edges import pack_edges, wanted_blocks
    from app.viewer.packing import unpack

    numbers = wanted_blocks(network.architecture, frozenset()) if numbers is None else numbers
    facts, arrays = unpack(pack_edges(network, numbers, budget))
    texels = arrays["edges"].reshape(-1, 2)
    found = []
    for _, first, held, _, _ in facts["blocks"]:
        own = texels[first : first + held]
        found.append((own[:, 0] & 0xFFFF, own[:, 0] >> 16, own[:, 1].copy().view(np.float32)))
    return facts["blocks"], found


def random(architecture):
    from ngcore.testing import random_network

    return random_network(architecture, seed=2, dtype=torch.float32)


def test_a_budget_is_shared_by_layers_and_small_ones_are_sent_whole():
    from app.graph_view import shares

    assert shares([10, 1_000, 1_000], 410) == [10, 200, 200]
    assert shares([5, 5], 100) == [5, 5]
    assert shares([], 100) == []
    assert sum(shares([7, 300, 5_000, 90], 1_000)) == 1_000


def test_every_layer_keeps_its_strongest_edges_the_first_one_too():
    from ngcore.networks import mlp

    network = random(mlp((100, 40, 20, 5)))
    weight = network.parameters["0.weight"]
    network = network.map(lambda tensor: tensor * 1e-3 if tensor is weight else tensor)  # weak beside all other layers
    rows, edges = packed(network, 300)
    assert [row[2] for row in rows] == [100, 100, 100]
    for (_, _, values), name in zip(edges, ("0", "2", "4"), strict=True):
        sizes = network.parameters[f"{name}.weight"].abs().flatten().sort(descending=True).values
        assert np.abs(values) == pytest.approx(sizes[:100].numpy())


@pytest.mark.parametrize("name", DAGS)
def test_edges_join_the_neurons_that_the_graph_joins_with_the_same_values(name):
    from app.block_map import block_map
    from app.graph_view import view_of
    from ngcore.graph import graph_structure

    network = random(DAGS[name])
    view, structure, units = view_of(network), graph_structure(DAGS[name]), block_map(DAGS[name])
    starts = [structure.node_blocks[unit.blocks[0]].start for unit in units.units]
    expected = {}
    for source, target, block, value in zip(view.source, view.target, view.block, view.value, strict=True):
        expected[int(block), int(source), int(target)] = float(value)
    rows, edges = packed(network)
    for (number, *_), (sources, targets, values) in zip(rows, edges, strict=True):
        block = structure.edge_blocks[number]
        ends = [starts[units.of_block[end]] for end in (block.source, block.target)]
        for source, target, value in zip(sources.tolist(), targets.tolist(), values.tolist(), strict=True):
            found = expected.pop((number, ends[0] + source, ends[1] + target))
            assert value == pytest.approx(found, rel=1e-5)
    assert not expected


def test_of_a_large_network_only_edges_between_open_layers_are_sent(monkeypatch):
    from app.viewer import edges
    from ngcore.networks import mlp

    architecture = mlp((4, 5, 6, 7))
    monkeypatch.setattr(edges, "PACK_ALL", 10)
    assert edges.wanted_blocks(architecture, frozenset()) == []
    assert edges.wanted_blocks(architecture, frozenset({1, 2})) == [1]
    assert edges.wanted_blocks(architecture, frozenset({0, 1, 2, 3})) == [0, 1, 2]


def test_edges_between_groups_have_the_norms_of_their_weights():
    from ngcore.networks import mlp

    network = random(mlp((2, 5_000, 1)))
    (row, _), ((sources, targets, values), _) = packed(network)
    assert row[3] == 2 * 2_500
    weight = network.parameters["0.weight"][0].double()
    norms = weight.unflatten(0, (2_500, 2)).square().sum(dim=1).sqrt()
    expected = norms[torch.from_numpy(targets.astype(int)), torch.from_numpy(sources.astype(int))]
    assert np.abs(values) == pytest.approx(expected.numpy(), rel=1e-5)


@pytest.mark.parametrize("size", [0.0, 3e38])
def test_weights_of_any_size_can_be_sent(size):
    from ngcore.networks import mlp

    network = random(mlp((3, 4, 2))).map(lambda tensor: tensor.sign() * size)
    rows, edges = packed(network)
    assert [row[2] for row in rows] == [12, 8]
    assert all(np.isfinite(values).all() for _, _, values in edges)
    assert all(np.isfinite(row[4]) for row in rows)
