"""The layered drawing: where neurons stand."""

import pytest


@pytest.fixture
def view():
    from app.graph_view import view_of
    from ngcore.networks import siren
    from ngcore.testing import random_network

    return view_of(random_network(siren((2, 5, 5, 1))))


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
