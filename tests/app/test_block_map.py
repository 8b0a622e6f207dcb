"""The blocks of a graph as units: names, parts, depth, and the links between them."""

import pytest
from dag_architectures import DAGS


def units_of(name):
    from app.block_map import block_map

    return block_map(DAGS[name])


@pytest.mark.parametrize("name", DAGS)
def test_every_node_block_is_in_one_unit_and_names_differ(name):
    from ngcore.graph import graph_structure

    units = units_of(name)
    blocks = sorted(block for unit in units.units for block in unit.blocks)
    assert blocks == list(range(len(graph_structure(DAGS[name]).node_blocks)))
    names = [unit.name for unit in units.units]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", DAGS)
def test_all_links_but_recurrences_lead_down(name):
    units = units_of(name)
    for link in units.links:
        is_down = units.depth[link.source] < units.depth[link.target]
        assert is_down != link.is_backward
        assert is_down or any(kind in ("recurrent", "product") for kind in link.kinds)
    assert any(link.is_backward for link in units.links) == (name in ("rnn_tanh", "rnn_relu", "lstm", "gru"))


@pytest.mark.parametrize("name", DAGS)
def test_no_two_units_stand_in_one_place(name):
    units = units_of(name)
    assert len(set(zip(units.depth, units.rank, strict=True))) == len(units.units)


@pytest.mark.parametrize("name", DAGS)
def test_the_links_hold_all_edges(name):
    from ngcore.graph import graph_structure

    assert sum(link.num_edges for link in units_of(name).links) == graph_structure(DAGS[name]).num_edges


def test_the_parts_of_an_attention_are_named_and_grouped():
    parts = {unit.label: unit.group for unit in units_of("vision transformer").units if unit.group}
    assert parts == dict.fromkeys(["query", "key", "value", "query · key", "scores", "attended"], "attention, 2 heads")


def test_the_attentions_of_two_blocks_have_titles_of_their_own():
    groups = {unit.group for unit in units_of("transformer").units if unit.group}
    assert groups == {"attention, 3 heads (1)", "attention, 3 heads (2)"}


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("lstm", ["i", "f", "g", "o", "hidden", "cell"]),
        ("gru", ["r", "z", "n", "hn", "reset", "hidden"]),
        ("rnn_tanh", ["h"]),
    ],
)
def test_the_gates_of_a_recurrence_are_named(cell, parts):
    units = units_of(cell).units
    assert [unit.label for unit in units if unit.group and unit.group.endswith(" 3")] == parts


def test_keys_that_heads_share_are_one_unit():
    units = {unit.label: unit for unit in units_of("grouped keys and rotary positions").units if unit.group}
    assert {label: unit.size for label, unit in units.items()} == {
        "query": 16,
        "key": 8,
        "value": 8,
        "query · key": 16,
        "scores": 4,
        "attended": 16,
    }


def test_the_path_of_a_module_names_its_block_and_that_of_its_attention():
    from app.block_map import block_map
    from ngcore.networks import Architecture, Attend, Linear, Step

    path = "encoder.layers.0.attn"
    projections = [Step(Linear(4, 4), (0,), f"{path}.{name}") for name in ("q_proj", "k_proj", "v_proj")]
    steps = (*projections, Step(Attend(2), (1, 2, 3)), Step(Linear(4, 2), (4,), "head"))
    units = block_map(Architecture(((4, 3),), steps, (5,))).units
    assert units[1].name == "encoder.layers.0.attn.q_proj · query"
    assert units[1].group == "encoder.layers.0.attn, 2 heads"


def test_a_chain_keeps_the_names_of_its_layers():
    from app.block_map import block_map
    from ngcore.networks import mlp

    assert [unit.name for unit in block_map(mlp((2, 5, 5, 1))).units] == ["input", "layer 1", "layer 2", "output"]


def test_constants_stand_just_before_what_reads_them():
    units = units_of("vision transformer")
    depth = {unit.kind: units.depth[number] for number, unit in enumerate(units.units)}
    assert depth["constant"] > 0


def test_a_long_name_keeps_its_end():
    from app.block_names import shortened

    assert shortened("encoder.layers.0.linear1", 16) == "enco…s.0.linear1"
    assert shortened("short", 16) == "short"
