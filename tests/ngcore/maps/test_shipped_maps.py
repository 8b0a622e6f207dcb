"""The maps that ship: small, and open without a model."""

import numpy as np
import pytest

from ngcore.maps.zoo_maps import RAW_WEIGHTS, SHIPPED, are_points_ready, read_points
from ngcore.paths import ASSETS
from ngcore.tasks.checkpoints import find_checkpoint
from ngcore.training import read_card
from ngcore.zoo import Zoo

MAPS = sorted(SHIPPED.glob("*.npz"))
MOST_BYTES = 140_000_000


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_a_shipped_map_opens_with_its_coordinates_and_quality_and_without_the_model(path, monkeypatch, tmp_path):
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path))
    zoo_name, model = path.stem.split("--")
    zoo = Zoo.open(ASSETS / "zoos" / zoo_name)
    card = None if model == RAW_WEIGHTS else read_card(find_checkpoint(model))
    assert are_points_ready(zoo, card)
    points = read_points(zoo, card)
    assert points.coordinates.shape == (len(points), 2)
    assert (points.outputs is None) == (card is None)
    assert 0 < points.quality.trustworthiness <= 1 and 0 < points.quality.stability <= 1
    assert points.outliers.shape == (len(points),)


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.stem)
def test_a_shipped_map_holds_no_features(path):
    with np.load(path) as file:
        assert set(file.files) <= {"key", "coordinates", "outputs", "quality", "outliers"}


def test_everything_that_ships_is_small_enough_to_clone():
    assert sum(file.stat().st_size for file in ASSETS.rglob("*") if file.is_file()) < MOST_BYTES
