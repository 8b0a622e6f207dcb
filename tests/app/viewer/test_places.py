"""The layout of the viewer: blocks from left to right, lines beside them, neurons in their places."""

import itertools

import numpy as np
import pytest
from dag_architectures import DAGS


def layout_of(architecture):
    from app.viewer.places import layout_of

    return layout_of(architecture)


def deep_mlp():
    from ngcore.networks import mlp

    return mlp((2,) * 60)


def overlaps(one, other):
    wide, high = (one.width + other.width) / 2, (one.height + other.height) / 2
    return abs(one.x - other.x) < wide - 1e-6 and abs(one.y - other.y) < high - 1e-6


def crosses(box, start, end):
    """Whether a straight line passes through a box."""
    for share in np.linspace(0, 1, 101):
        x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
        if abs(x - box.x) < box.width / 2 - 1 and abs(y - box.y) < box.height / 2 - 1:
            return True
    return False


@pytest.mark.parametrize("name", DAGS)
def test_blocks_never_overlap_and_depth_grows_to_the_right(name):
    from app.block_map import block_map

    layout, units = layout_of(DAGS[name]), block_map(DAGS[name])
    assert not any(overlaps(one, other) for one, other in itertools.combinations(layout.boxes, 2))
    for link in units.links:
        if units.depth[link.source] < units.depth[link.target]:
            source, target = layout.boxes[link.source], layout.boxes[link.target]
            assert source.x + source.width / 2 < target.x - target.width / 2


@pytest.mark.parametrize("name", DAGS)
def test_no_line_passes_through_a_block_that_it_does_not_join(name):
    from app.block_map import block_map

    layout, units = layout_of(DAGS[name]), block_map(DAGS[name])
    for link, way in zip(units.links, layout.ways, strict=True):
        source, target = layout.boxes[link.source], layout.boxes[link.target]
        points = [(source.x + source.width / 2, source.y), *way, (target.x - target.width / 2, target.y)]
        others = [box for i, box in enumerate(layout.boxes) if i not in (link.source, link.target)]
        for start, end in itertools.pairwise(points):
            assert not any(crosses(box, start, end) for box in others), (link, start, end)


@pytest.mark.parametrize("name", DAGS)
def test_every_neuron_has_a_place_of_its_own_in_its_block(name):
    layout = layout_of(DAGS[name])
    places = layout.positions()
    assert len({tuple(place) for place in places.round(3).tolist()}) == layout.num_items
    for box, grid, start in zip(layout.boxes, layout.grids, layout.starts, strict=True):
        own = places[start : start + grid.items] - (box.x, box.y)
        assert (np.abs(own) <= (box.width / 2, box.height / 2)).all()


def test_pixels_stand_as_the_image_that_they_are():
    from ngcore.networks import mlp

    for size, side in ((784, 28), (3 * 16 * 16, 16)):
        layout = layout_of(mlp((size, 12, 10)))
        x, y = layout.positions()[:size].T
        assert layout.grids[0].side == side
        assert (np.diff(x[:side]) > 0).all() and np.ptp(y[:side]) == 0  # a row of pixels
        assert y[side] > y[0] and x[side] == x[0]
        assert y[side * side] > y[side * side - 1] if size > side * side else True  # the next channel is below


def test_a_layer_of_very_many_neurons_is_drawn_as_groups_of_them():
    from app.viewer.places import MAX_ITEMS
    from ngcore.networks import mlp

    grid = layout_of(mlp((2, 10_000, 1))).grids[1]
    assert grid.per_item == 3 and grid.items == 3_334 <= MAX_ITEMS


def test_a_deep_network_is_drawn_as_a_row_of_small_blocks():
    layout = layout_of(deep_mlp())
    assert not layout.is_roomy
    assert max(box.height for box in layout.boxes) < 200
    assert len({round(box.y, 3) for box in layout.boxes}) == 1


def test_the_order_within_columns_avoids_crossings():
    from app.block_map import block_map
    from app.viewer.columns import columns_of

    for name in ("transformer", "vision transformer", "unet", "dense block"):
        assert columns_of(block_map(DAGS[name])).num_crossings == 0
