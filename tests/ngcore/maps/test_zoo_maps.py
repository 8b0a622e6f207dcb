"""Which networks of a zoo a map shows, and their features: from the zoo, from the cache, and as shipped."""

import numpy as np
import pytest
import torch

from ngcore.disk_cache import write_arrays
from ngcore.maps import layouts, zoo_maps
from ngcore.maps.layouts import fit_map
from ngcore.maps.quality import MapQuality
from ngcore.maps.zoo_maps import (
    are_features_ready,
    are_points_ready,
    choose_positions,
    network_features,
    raw_weights,
    read_features,
    read_points,
    write_map,
)
from ngcore.networks import Network, mlp
from ngcore.paths import cache_folder
from ngcore.zoo import ZooWriter

RELU, TANH, WIDE = mlp((2, 3, 1)), mlp((2, 3, 1), "tanh"), mlp((2, 5, 1))


def draw(architecture, count, seed):
    flat = torch.randn(count, architecture.num_parameters, generator=torch.Generator().manual_seed(seed))
    return Network.unflatten(architecture, flat)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Twelve relu, four tanh and three wider networks; every third one is a test network."""
    writer = ZooWriter(tmp_path_factory.mktemp("zoos") / "toy", name="toy", recipe={})
    stacks, number = [], 0
    for architecture, count in ((RELU, 12), (TANH, 4), (WIDE, 3)):
        rows = [
            {"id": f"toy/{i:03d}", "split": "test" if i % 3 == 0 else "train", "label": i % 2}
            for i in range(number, number + count)
        ]
        stacks.append((draw(architecture, count, number), rows))
        number += count
    writer.write_part("all", stacks)
    return writer.finish(["all"])


def test_a_map_of_raw_weights_leaves_out_networks_of_other_parameters(zoo):
    assert choose_positions(zoo).tolist() == list(range(19))
    assert choose_positions(zoo, same_parameters=True).tolist() == list(range(16))


def test_of_too_many_networks_the_test_networks_come_first_and_the_others_evenly(zoo):
    chosen = choose_positions(zoo, limit=9)
    is_test = zoo.metadata["split"].to_numpy()[chosen] == "test"
    assert len(chosen) == 9 and is_test.sum() == 7
    assert (np.diff(chosen) > 0).all()
    assert (zoo.metadata["split"].to_numpy()[choose_positions(zoo, limit=4)] == "test").all()


def test_raw_weights_are_the_flattened_networks_in_the_order_asked_for(zoo):
    positions = np.array([15, 0, 13])
    weights = raw_weights(zoo, positions)
    for row, position in enumerate(positions):
        assert torch.equal(weights[row], zoo.networks([position]).flatten()[0])


def test_points_of_raw_weights_have_no_answers_and_need_no_computing(zoo):
    points = read_points(zoo)
    assert are_points_ready(zoo) and are_features_ready(points)
    assert repr(points) == "ZooPoints(toy by weights: 16 networks)"
    assert points.outputs is None and points.coordinates is None
    assert torch.equal(read_features(points), raw_weights(zoo, points.positions))


def test_a_shipped_map_is_read_where_it_is_of_this_zoo_and_of_no_other(zoo, monkeypatch, tmp_path):
    monkeypatch.setattr(layouts, "_fit_umap", lambda components, *_: (components[:, :2] + 5, None))
    monkeypatch.setattr(zoo_maps, "SHIPPED", tmp_path)
    path = write_map(zoo, folder=tmp_path)
    assert path.name == "toy--weights.npz"
    monkeypatch.setattr(layouts, "_fit_umap", lambda *_: pytest.fail("fitted"))
    assert read_points(zoo).coordinates.shape == (16, 2)
    assert read_points(zoo, limit=5).coordinates is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY"])
def test_a_damaged_shipped_map_is_as_none(content, zoo, monkeypatch, tmp_path):
    monkeypatch.setattr(zoo_maps, "SHIPPED", tmp_path)
    (tmp_path / "toy--weights.npz").write_bytes(content)
    assert read_points(zoo).coordinates is None


def test_an_archive_with_pickled_objects_is_not_unpickled(zoo, monkeypatch, tmp_path):
    monkeypatch.setattr(zoo_maps, "SHIPPED", tmp_path)
    key = np.array(read_points(zoo).key)
    np.savez(tmp_path / "toy--weights.npz", key=key, coordinates=np.array([object()], dtype=object))
    assert read_points(zoo).coordinates is None


def test_what_is_stored_comes_back_in_the_same_precision(tmp_path):
    values = {"features": zoo_maps._rounded(torch.tensor([[1 / 3, 2e-4]])), "coordinates": torch.tensor([[1 / 3, 7.0]])}
    write_arrays(tmp_path / "a" / "map.npz", zoo_maps._arrays("key", values))
    read = zoo_maps._read(tmp_path / "a" / "map.npz", "key")
    assert all(torch.equal(read[name], values[name]) for name in values)
    assert zoo_maps._read(tmp_path / "a" / "map.npz", "another key") == {}


def test_nothing_of_raw_weights_is_left_in_the_cache(zoo):
    read_features(read_points(zoo))
    assert not list((cache_folder() / "maps").glob("*.npz"))


@pytest.fixture(scope="module")
def card(zoo, tmp_path_factory):
    """The folder and the card of a model that was never trained."""
    from tiny_checkpoints import write_tiny_checkpoint

    folder = tmp_path_factory.mktemp("checkpoints")
    return folder, write_tiny_checkpoint(folder / "toy-model", zoo, task="predict")


@pytest.fixture
def model(card, monkeypatch):
    """The model under its name, as `load_checkpoint` finds it."""
    folder, fields = card
    monkeypatch.setenv("NGCORE_CHECKPOINTS", str(folder))
    return fields


@pytest.fixture(scope="module")
def mixed_zoo(tmp_path_factory):
    """Twelve networks of three architectures that take turns in the order of the zoo."""
    writer = ZooWriter(tmp_path_factory.mktemp("zoos") / "turns", name="turns", recipe={})
    stacks = []
    for turn, architecture in enumerate((RELU, TANH, WIDE)):
        rows = [{"id": f"turns/{i:03d}", "split": "test", "label": 0} for i in range(turn, 12, 3)]
        stacks.append((draw(architecture, 4, turn), rows))
    writer.write_part("all", stacks)
    return writer.finish(["all"])


def test_a_model_reads_all_architectures_in_the_order_of_the_zoo(mixed_zoo, model):
    done = []
    points = read_points(mixed_zoo, model, progress=lambda now, wanted: done.append((now, wanted)))
    assert points.outputs.shape == (12, 1)
    assert done[-1] == (12, 12)
    alone = torch.cat([network_features(mixed_zoo.networks([row]), model) for row in range(12)])
    features = read_features(points)
    assert nearest_rows(features, alone) == list(range(12))
    torch.testing.assert_close(features, alone, rtol=2e-3, atol=2e-3)


def nearest_rows(features, others):
    """For each row of features, the row of others that is nearest to it."""
    return torch.cdist(features.double(), others.double()).argmin(dim=1).tolist()


def test_what_a_model_said_is_asked_once_and_then_read(zoo, model, monkeypatch):
    first = read_points(zoo, model)
    features = read_features(first)
    assert are_points_ready(zoo, model)
    monkeypatch.setattr(zoo_maps, "_ask", lambda *_, **__: pytest.fail("asked again"))
    again = read_points(zoo, model)
    assert torch.equal(read_features(again), features) and torch.equal(again.outputs, first.outputs)
    assert not are_points_ready(zoo, {**model, "weights_sha256": "other weights"})


@pytest.fixture
def shipped(zoo, model, monkeypatch, tmp_path):
    """The file of the model's map, as it ships, seen by someone whose cache folder is empty."""
    monkeypatch.setattr(layouts, "_fit_umap", lambda components, *_: (components[:, :2] - 1, None))
    monkeypatch.setattr(zoo_maps, "SHIPPED", tmp_path)
    path = write_map(zoo, model, folder=tmp_path)
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "no cache"))
    return path


def test_a_shipped_map_of_a_model_holds_coordinates_answers_and_quality_and_no_features(shipped):
    assert shipped.name == "toy--toy-model.npz"
    with np.load(shipped) as file:
        assert set(file.files) == {"key", "coordinates", "outputs", "quality", "outliers"}


def test_a_shipped_map_opens_without_the_model(shipped, zoo, model, monkeypatch):
    monkeypatch.setattr(zoo_maps, "_ask", lambda *_, **__: pytest.fail("asked"))
    assert are_points_ready(zoo, model)
    points = read_points(zoo, model)
    assert points.outputs.shape == (19, 1) and points.coordinates.shape == (19, 2)
    assert points.quality.num_networks == 19 and 0 < points.quality.trustworthiness <= 1
    assert points.quality.stability == 1 and points.outliers.shape == (19,)


def test_a_map_can_be_measured_anew_while_its_points_stay_where_they_are(shipped, zoo, model, monkeypatch, tmp_path):
    before = read_points(zoo, model).coordinates
    monkeypatch.setattr(zoo_maps, "judge_map", lambda fit, labels: MapQuality(num_networks=len(fit), stability=0.25))
    monkeypatch.setattr(layouts, "_fit_umap", lambda *_: pytest.fail("fitted"))
    write_map(zoo, model, folder=tmp_path, keep_coordinates=True)
    again = read_points(zoo, model)
    assert torch.equal(again.coordinates, before) and again.quality.stability == 0.25


def test_features_of_a_shipped_map_are_computed_when_asked_for_and_kept(shipped, zoo, model):
    points = read_points(zoo, model)
    assert not are_features_ready(points)
    features = read_features(points)
    assert are_features_ready(points)
    laid_out = fit_map(features, known=points.coordinates)
    torch.testing.assert_close(laid_out.components[:, :2] - 1, points.coordinates, rtol=0, atol=1e-2)
