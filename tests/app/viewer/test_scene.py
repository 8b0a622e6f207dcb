"""The scene and the pictures of neurons: what the browser is told of a network."""

import numpy as np
import pytest
import torch
from dag_architectures import DAGS


def random(architecture, **chosen):
    from ngcore.testing import random_network

    return random_network(architecture, seed=2, dtype=torch.float32, **chosen)


def scene_of(network, names=()):
    from app.viewer.packing import unpack
    from app.viewer.scene import pack_scene

    return unpack(pack_scene(network, names))


def test_facts_and_arrays_survive_the_packing():
    from app.viewer.packing import pack, unpack

    arrays = {
        "a": np.arange(3, dtype=np.uint8),
        "b": np.linspace(0, 1, 5, dtype=np.float32),
        "none": np.zeros(0, np.int8),
    }
    facts, found = unpack(pack({"name": "é<b>", "list": [1, None]}, arrays))
    assert facts == {"name": "é<b>", "list": [1, None]}
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("name", DAGS)
def test_every_unit_says_where_it_stands_and_what_it_holds(name):
    from ngcore.graph import node_features

    network = random(DAGS[name])
    facts, arrays = scene_of(network)
    items = sum(unit["items"] for unit in facts["units"])
    assert len(arrays["places"]) == 2 * items
    assert arrays["bias"] == pytest.approx(node_features(network)[0, :, 0].numpy(), rel=1e-6)
    for unit in facts["units"]:
        glance = unit.get("glance")
        if glance:
            assert len(arrays["cells"]) >= glance["first"] + glance["rows"] * glance["columns"]
            assert sum(glance["counts"]) > 0


def test_fan_in_norms_are_those_of_the_rows_of_the_weight():
    from ngcore.networks import mlp

    network = random(mlp((6, 5, 4)))
    fan_in = scene_of(network)[1]["fan_in"]
    rows = [network.parameters[f"{name}.weight"][0].norm(dim=1).numpy() for name in ("0", "2")]
    assert fan_in == pytest.approx(np.concatenate([np.zeros(6), *rows]), rel=1e-5)


def test_the_matrix_of_a_layer_has_a_row_for_each_neuron_and_its_strongest_weight_is_the_darkest():
    from app.viewer.matrices import SIDE, glance

    matrix = np.zeros((10, 300), np.float32)
    matrix[3, 250] = -2.0
    found = glance(matrix)
    assert found.cells.shape == (10, SIDE)
    assert found.cells[3].min() == -127 and np.count_nonzero(found.cells) == 1
    assert found.largest == 2.0 and found.counts.tolist()[-1] == 1


def test_outputs_have_the_names_of_their_classes_and_coordinates_theirs():
    from ngcore.networks import mlp, siren

    facts, _ = scene_of(random(mlp((6, 5, 3))), ("cat", "<img src=x>", "d" * 500))
    assert [len(name) for name in facts["units"][-1]["names"]] == [3, 11, 120]
    facts, _ = scene_of(random(siren((2, 4, 3))))
    assert facts["units"][0]["names"] == ["x", "y"]
    assert facts["units"][-1]["names"] == ["red", "green", "blue"]


def test_networks_too_large_to_show_all_neurons_start_closed():
    from app.viewer.scene import opens_at_first
    from ngcore.networks import mlp

    assert opens_at_first(mlp((784, 512, 256, 10)))
    assert not opens_at_first(mlp((784, 4_000, 10)))
    assert not opens_at_first(mlp((64,) * 30))


def test_a_neuron_of_an_inr_is_the_picture_that_it_computes():
    from app.viewer.packing import unpack
    from app.viewer.pictures import TILE, pack_inr_pictures
    from ngcore.networks import siren

    network = random(siren((2, 6, 1)))
    point = np.array([0.25, -0.5], np.float32)
    _, arrays = unpack(pack_inr_pictures(network, point))
    tiles = arrays["tiles"].reshape(-1, TILE, TILE).astype(float)
    assert len(tiles) == 9 and arrays["has_tile"].all()
    assert (np.diff(tiles[0], axis=1) >= 0).all() and np.ptp(tiles[0], axis=0).max() == 0  # x grows to the right
    axis = torch.linspace(-1, 1, TILE)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    hidden = network.values(grid)[2][0, :, 3].reshape(TILE, TILE).numpy()
    assert np.corrcoef(hidden.ravel(), tiles[5].ravel())[0, 1] > 0.999
    assert arrays["values"][:2] == pytest.approx(point)


def test_a_channel_of_a_cnn_is_its_feature_map_and_its_value_the_mean():
    from app.graph_view import activations
    from app.viewer.packing import unpack
    from app.viewer.pictures import TILE, pack_activations
    from ngcore.networks import small_cnn

    network = random(small_cnn((1, 4, 4), image_size=(8, 8)))
    image = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8)).astype(np.float32)
    _, arrays = unpack(pack_activations(network, [image]))
    tiles = arrays["tiles"].reshape(-1, TILE, TILE).astype(float)
    assert np.corrcoef(tiles[0, ::4, ::4].ravel(), image.ravel())[0, 1] > 0.99
    assert arrays["values"] == pytest.approx(activations(network, [image]), rel=1e-5)
    assert arrays["has_tile"].tolist() == [1] * 9 + [0] * 10


@pytest.mark.parametrize("name", DAGS)
def test_activations_of_every_network_can_be_sent(name):
    from app.graph_view import activations
    from app.sample_inputs import random_inputs
    from app.viewer.packing import unpack
    from app.viewer.pictures import pack_activations

    network, inputs = random(DAGS[name]), [x[0] for x in random_inputs(DAGS[name], count=1)]
    _, arrays = unpack(pack_activations(network, inputs))
    assert arrays["values"] == pytest.approx(activations(network, inputs), rel=1e-4, abs=1e-6)
