"""The layered drawing: what it shows, and that hidden structure of the options fits the browser."""

import json

import numpy as np
import pytest


@pytest.fixture
def view():
    from app.graph_view import view_of
    from ngcore.networks import siren
    from ngcore.testing import random_network

    return view_of(random_network(siren((2, 5, 5, 1))))


def series(view, count, **options):
    from app.charts.network_graph import draw_network_graph
    from app.charts.theme import LIGHT

    return draw_network_graph(view, view.strongest(count), theme=LIGHT, **options)["series"][0]


def test_only_the_strongest_edges_are_drawn_the_strongest_on_top(view):
    sizes = [abs(link["value"]) for link in series(view, 7)["links"]]
    strongest = np.sort(np.abs(view.value))[-7:]
    assert sizes == pytest.approx(strongest.tolist(), rel=1e-3)


def test_the_sign_decides_the_colour_and_the_size_the_width(view):
    from app.charts.theme import LIGHT

    links = series(view, 40)["links"]
    assert {(link["value"] < 0, link["lineStyle"]["color"]) for link in links} == {
        (True, LIGHT.negative),
        (False, LIGHT.positive),
    }
    widths = [link["lineStyle"]["width"] for link in links]
    assert widths == sorted(widths)


def test_layers_stand_in_columns_from_left_to_right(view):
    from app.charts.network_graph import positions

    columns = [set(positions(view)[layer.start : layer.start + layer.size, 0]) for layer in view.layers]
    assert all(len(column) == 1 for column in columns)
    assert [max(column) for column in columns] == sorted(max(column) for column in columns)


def test_neurons_of_a_wide_layer_have_places_of_their_own_beside_the_others():
    from app.charts.network_graph import positions
    from app.graph_view import view_of
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    view = view_of(random_network(mlp((300, 64, 10))))
    place = positions(view)
    assert len({tuple(point) for point in place.round(6).tolist()}) == view.num_nodes
    ends = [(place[view.node_layer == i, 0].min(), place[view.node_layer == i, 0].max()) for i in range(3)]
    assert ends[0][1] < ends[1][0] and ends[1][1] < ends[2][0]


def test_the_options_are_plain_json_and_name_every_neuron_once(view):
    options = series(view, 40, node_values=view.bias)
    ids = [node["id"] for node in json.loads(json.dumps(options))["data"]]
    assert len(ids) == len(set(ids)) == view.num_nodes + len(view.layers)
