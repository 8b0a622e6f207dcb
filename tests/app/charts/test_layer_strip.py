"""The layers of a network as boxes: which there are, their sizes, and hostile or long networks."""

from xml.etree import ElementTree

from app.charts.layer_strip import MAX_BOXES, boxes_of, draw_layer_strip
from app.charts.theme import DARK
from ngcore.networks import mlp, small_cnn


def test_boxes_are_the_values_that_layers_with_weights_or_new_shapes_lead_to():
    boxes = boxes_of(mlp((4, 3, 2)))
    assert [box.size for box in boxes] == ["4", "3", "2"]
    assert [box.made_by for box in boxes] == [(), ("linear", "relu"), ("linear",)]


def test_a_stride_shows_in_the_sizes():
    sizes = [box.shape for box in boxes_of(small_cnn())]
    assert len(sizes[0]) == 3 and len(sizes[-1]) == 1
    heights = [shape[1] for shape in sizes if len(shape) == 3]
    assert heights == sorted(heights, reverse=True)


def test_a_drawing_is_an_svg_with_a_box_for_each_and_long_networks_are_shortened():
    short = ElementTree.fromstring(draw_layer_strip(mlp((4, 3, 2)), theme=DARK))
    names = [element.tag.rpartition("}")[2] for element in short]
    assert names.count("rect") == 3 and names.count("path") == 2
    long = draw_layer_strip(mlp((3,) * 40), theme=DARK)
    assert long.count("<rect") == MAX_BOXES and "28 more" in long
