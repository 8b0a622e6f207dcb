"""Architectures of steps in files: those of ours come back, damaged and hostile ones are refused in words."""

import copy
import json
import random

import pytest
from dag_architectures import DAGS

VALUES = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**30, -(10**30), 1e308, 1.5, "", "x", "mean", "nan"),
    *("a" * 1000, "\x00", "../x", [], [0], [1, 1], [[]], [1] * 100, [10**6] * 4, {}, {"kind": "linear"}),
)


@pytest.mark.parametrize("name", DAGS)
def test_a_network_of_steps_comes_back_bit_for_bit(name):
    import torch

    from ngcore.testing import random_network
    from ngcore.upload import export_network, read_network

    network = random_network(DAGS[name], seed=1, dtype=torch.float32)
    upload = read_network(export_network(network), filename="network.safetensors")
    assert upload.network.equals(network)
    assert upload.network.architecture.id == network.architecture.id


@pytest.mark.parametrize("name", DAGS)
def test_a_network_of_steps_of_ones_own_file_comes_back_bit_for_bit(name, tmp_path):
    import torch

    from ngcore.testing import random_network
    from ngcore.upload.export import export_network, import_network

    network = random_network(DAGS[name], seed=1, dtype=torch.float32)
    export_network(network, tmp_path / "network.safetensors")
    assert import_network(tmp_path / "network.safetensors").equals(network)


def spelled(**changed):
    """The text of a small network of steps with some of its fields changed."""
    linear = {"kind": "linear", "in_features": 3, "out_features": 2, "bias": True}
    steps = [
        {"layer": linear, "reads": [0], "name": "a"},
        {"layer": linear, "reads": [0], "name": "b"},
        {"layer": {"kind": "add"}, "reads": [1, 2], "name": ""},
    ]
    return json.dumps({"input_shapes": [[3]], "steps": steps, "outputs": [3], **changed})


def step(**changed):
    layer = {"kind": "linear", "in_features": 3, "out_features": 2, "bias": True}
    return {"layer": layer, "reads": [0], "name": "a", **changed}


def layer(kind, **fields):
    return step(layer={"kind": kind, **fields})


HOSTILE = {
    "reads what comes later": spelled(steps=[step(reads=[1])]),
    "reads what is not there": spelled(steps=[step(reads=[9])]),
    "reads a negative value": spelled(steps=[step(reads=[-1])]),
    "reads nothing": spelled(steps=[step(reads=[])]),
    "reads itself as text": spelled(steps=[step(reads="0")]),
    "reads a truth value": spelled(steps=[step(reads=[False])]),
    "reads a million values": spelled(steps=[step(reads=[0] * 1_000_000)]),
    "a million steps": spelled(steps=[{}] * 1_000_000),
    "no steps to speak of": spelled(steps=None),
    "no outputs": spelled(outputs=[]),
    "an output that is not there": spelled(outputs=[10**9]),
    "no inputs": spelled(input_shapes=[]),
    "an input of no axes": spelled(input_shapes=[[]]),
    "an input of nine axes": spelled(input_shapes=[[3] * 9]),
    "a gigantic input": spelled(input_shapes=[[10**18]]),
    "a negative input": spelled(input_shapes=[[-3]]),
    "an extra field": spelled(code="import os"),
    "an extra field of a step": spelled(steps=[step(hook="os.system")]),
    "an extra field of a layer": spelled(steps=[layer("add", __class__="x")]),
    "an unknown layer": spelled(steps=[layer("eval")]),
    "a kind that is a list": spelled(steps=[step(layer={"kind": ["linear"]})]),
    "a name that is a number": spelled(steps=[step(name=3)]),
    "a name without end": spelled(steps=[step(name="a" * 100_000)]),
    "ties that do not agree": spelled(steps=[step(), step(layer={**step()["layer"], "out_features": 5})]),
    "an unknown reduction": spelled(steps=[layer("position_pool", reduction="eval", axes_pooled=[1], keepdim=False)]),
    "an axis pooled twice": spelled(
        input_shapes=[[3, 4]],
        steps=[layer("position_pool", reduction="mean", axes_pooled=[1, 1], keepdim=False)],
        outputs=[1],
    ),
    "an unknown cell": spelled(
        input_shapes=[[3, 4]],
        steps=[
            layer(
                "recurrence",
                cell="exec",
                input_size=3,
                hidden_size=2,
                bias=True,
                is_reversed=False,
                returns="hidden",
            )
        ],
        outputs=[1],
    ),
    "a gigantic constant": spelled(steps=[{**layer("constant", shape=[10**15, 10**15], is_learned=True), "reads": []}]),
    "heads that do not divide": spelled(
        input_shapes=[[3, 4]],
        steps=[step(layer={"kind": "attend", "num_heads": 7, "num_kv_heads": 2, "is_causal": False, "scale": None})],
    ),
    "infinity": spelled(input_shapes=[[float("inf")]]),
    "both spellings": json.dumps({**json.loads(spelled()), "layers": [], "skips": [], "input_shape": [3]}),
    "depth": '{"input_shapes":' + "[" * 100_000 + "]" * 100_000 + "}",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_spelling_is_refused_in_one_short_sentence(case):
    from ngcore.errors import UnsupportedNetworkError
    from ngcore.upload.export import parse_architecture

    with pytest.raises(UnsupportedNetworkError, match=r"^The architecture in the file cannot be used: ") as caught:
        parse_architecture(HOSTILE[case])
    assert len(str(caught.value)) < 600


def test_the_spelling_that_the_hostile_ones_are_made_of_is_fine():
    from ngcore.upload.export import parse_architecture

    assert parse_architecture(spelled()).output_shape == (2,)


def test_a_name_of_a_step_cannot_carry_control_characters_onto_a_terminal():
    from ngcore.errors import UnsupportedNetworkError
    from ngcore.upload.export import check_parameters, parse_architecture

    architecture = parse_architecture(spelled(steps=[step(name="\x1b[31mred")], outputs=[1]))
    with pytest.raises(UnsupportedNetworkError) as caught:
        check_parameters(architecture, {})
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", DAGS)
def test_a_damaged_spelling_is_read_or_refused_and_what_is_read_runs_and_is_drawn(name):
    """A fixed number of damages, the same every time."""
    import torch

    from app.block_map import block_map
    from ngcore.errors import UnsupportedNetworkError
    from ngcore.networks.random_inputs import draw_inputs
    from ngcore.testing import random_network
    from ngcore.upload.export import parse_architecture

    draws = random.Random(name)
    for _ in range(150):
        text = json.dumps(damaged(DAGS[name].to_dict(), draws))
        try:
            architecture = parse_architecture(text)
        except UnsupportedNetworkError:
            continue
        if architecture.num_parameters > 100_000 or sum(map(prod, architecture.shapes)) > 1_000_000:
            continue  # refused by its cost when a file is read
        random_network(architecture, dtype=torch.float32)(*draw_inputs(architecture, 2, torch.Generator()))
        assert block_map(architecture).units


def prod(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def places(node, path=()):
    """Paths to everything inside nested lists and dictionaries."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def damaged(fields, draws):
    """A copy with one thing replaced, removed or moved by one."""
    fields = copy.deepcopy(fields)
    *path, last = draws.choice(list(places(fields)))
    node = fields
    for key in path:
        node = node[key]
    is_number = type(node[last]) in (int, float)
    if is_number and draws.random() < 0.5:
        node[last] += draws.choice([-1, 1, 2])
    elif draws.random() < 0.2:
        del node[last]
    else:
        node[last] = draws.choice(VALUES)
    return fields
