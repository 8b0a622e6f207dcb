"""The graph as an SVG file: well-formed, complete, with a key, and safe whatever names it is given."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def view():
    import torch

    from app.graph_view import view_of
    from ngcore.networks import siren
    from ngcore.testing import random_network

    return view_of(random_network(siren((2, 5, 4, 1)), dtype=torch.float32))


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def test_every_neuron_and_every_chosen_edge_is_drawn_with_names_and_a_key(view):
    from app.charts.graph_svg import draw_graph_svg

    root = ET.fromstring(draw_graph_svg(view, view.strongest(17), title="mine"))
    assert len(list(root.iter(f"{SVG}circle"))) == view.num_nodes + len(view.layers)  # the key has a dot a layer
    assert len(list(root.iter(f"{SVG}line"))) == 17
    assert {"mine", "layer 1 · sine", "weight", "output"} <= set(texts(root))


def test_the_sign_of_an_edge_is_its_colour_its_size_the_width_and_the_strongest_lie_on_top(view):
    from app.charts.graph_svg import draw_graph_svg
    from app.charts.theme import LIGHT

    strongest = view.strongest(40)
    lines = list(ET.fromstring(draw_graph_svg(view, strongest, title="t")).iter(f"{SVG}line"))
    values = sorted(view.value[strongest].tolist(), key=abs)
    assert [line.get("stroke") for line in lines] == [LIGHT.negative if v < 0 else LIGHT.positive for v in values]
    assert {LIGHT.negative, LIGHT.positive} == {line.get("stroke") for line in lines}
    widths = [float(line.get("stroke-width")) for line in lines]
    assert widths == sorted(widths) and widths[0] < widths[-1]


def test_neurons_coloured_by_numbers_have_a_scale(view):
    from app.charts.graph_svg import NodeValues, draw_graph_svg

    values = np.linspace(0, 2, view.num_nodes)
    drawn = draw_graph_svg(view, view.strongest(5), title="t", nodes=NodeValues("size", values, 2.0))
    root = ET.fromstring(drawn)
    assert {"neurons: size", "−2", "+2"} <= set(texts(root)) and "url(#nodes)" in drawn
    assert len(list(root.iter(f"{SVG}circle"))) == view.num_nodes


def test_names_are_escaped(view):
    from app.charts.graph_svg import draw_graph_svg

    evil = '"><script>alert(1)</script>&'
    drawn = draw_graph_svg(view, view.strongest(5), title=evil, edge_title=evil)
    root = ET.fromstring(drawn)
    assert "<script" not in drawn and not list(root.iter(f"{SVG}script"))
    assert texts(root).count(evil) == 2


def test_skip_connections_are_dashed_curves():
    import torch

    from app.charts.graph_svg import draw_graph_svg
    from app.graph_view import view_of
    from ngcore.networks import Activation, Linear, Skip, chain
    from ngcore.testing import random_network

    layers = (Linear(2, 3), Activation("relu"), Linear(3, 3), Linear(3, 1))
    view = view_of(random_network(chain((2,), layers, (Skip(2, 3),)), dtype=torch.float32))
    root = ET.fromstring(draw_graph_svg(view, view.strongest(4), title="t"))
    assert len(list(root.iter(f"{SVG}path"))) == 3
