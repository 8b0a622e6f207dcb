"""Filling the caches behind the first page."""

from types import SimpleNamespace

import pandas
import pytest

from app import answers, cached, map_data, preload, warm_up
from app.map import chart
from ngcore.errors import CheckpointError
from ngcore.maps import zoo_maps


@pytest.fixture
def loaded(monkeypatch):
    """What was loaded: models, of which the first is damaged, the network that was asked about, and first maps."""
    names = []

    def checkpoint(name, weights):
        names.append(name)
        if name == "damaged":
            raise CheckpointError("Expected weights, got none.")

    tasks = {"damaged": "classify", "good": "classify", "editor": "edit"}
    cards = [{"name": n, "weights_sha256": "0", "task": t, "corpus": {"name": "mapped"}} for n, t in tasks.items()]
    monkeypatch.setattr(cached, "checkpoints", lambda: cards)
    monkeypatch.setattr(answers, "checkpoint", checkpoint)
    monkeypatch.setattr(cached, "zoos", lambda: {"mapped": None, "unmapped": None, "without-models": None})
    metadata = pandas.DataFrame({"id": ["a", "b", "c"]})
    monkeypatch.setattr(
        cached, "zoo", lambda name: SimpleNamespace(name=name, metadata=metadata, rows=lambda split: [1, 2])
    )
    monkeypatch.setattr(answers, "answer", lambda card, selection: names.append((card["name"], selection.id)))
    monkeypatch.setattr(cached, "network", lambda selection: selection.id)
    monkeypatch.setattr(cached, "content_key", lambda selection: f"key of {selection.id}")
    monkeypatch.setattr(
        answers, "edited", lambda card, network, strength, *, key: names.append((card["name"], network, key))
    )
    models = {"mapped": {"best": "best card", "second": "second card"}, "unmapped": {"best": "best card"}}
    monkeypatch.setattr(map_data, "models_for", lambda name: models.get(name, {}))
    monkeypatch.setattr(zoo_maps, "are_points_ready", lambda zoo, card: zoo.name != "unmapped")
    monkeypatch.setattr(map_data, "points", lambda zoo, card: (zoo.name, card))
    monkeypatch.setattr(map_data, "features", names.append)
    monkeypatch.setattr(chart, "pictures", lambda view: names.append(("pictures", view.zoo.name, view.seen)))
    return names


def test_models_and_first_maps_are_read_whatever_is_damaged_and_no_map_is_made_that_does_not_ship(loaded):
    warm_up.warm_up()
    assert loaded == [
        "damaged",
        "good",
        ("good", "b"),
        "editor",
        ("editor", "b", "key of b"),
        ("pictures", "mapped", ("mapped", "best card")),
        ("mapped", "best card"),
        ("pictures", "without-models", ("without-models", None)),
        ("without-models", None),
    ]


def test_the_thread_is_started_once(loaded):
    thread = preload.start_preload()
    assert preload.start_preload() is thread
    thread.join(timeout=10)
    assert not thread.is_alive()
    preload.start_preload.clear()
