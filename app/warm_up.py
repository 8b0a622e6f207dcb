"""Reads, behind the first page, what the other pages will ask for first: models, first answers, the first map."""

from importlib import import_module

from app import answers, cached, map_data
from app.map import chart
from app.state import Selection
from ngcore.errors import NeuralGraphError
from ngcore.maps import zoo_maps

SLOW_MODULES = ("plotly.graph_objects", "pyvis.network", "scipy.ndimage", "scipy.optimize")


def warm_up() -> None:
    """Fill the caches; what is damaged or missing is reported by the page that needs it."""
    for name in SLOW_MODULES:
        import_module(name)
    for card in cached.checkpoints():
        try:
            _preload_model(card)
        except NeuralGraphError:
            continue
    for name in cached.zoos():
        try:
            _preload_map(name)
        except NeuralGraphError:
            continue


def _preload_model(card: answers.Card) -> None:
    """Load a model, and ask it about the network that pages begin with: first answers take longest."""
    answers.checkpoint(card["name"], card["weights_sha256"])
    zoo = cached.zoo(card["corpus"]["name"])
    first = next(iter(zoo.rows(split="test")), 0)
    selection = Selection(zoo.name, zoo.metadata["id"].iloc[first])
    if card["task"] == answers.EDIT:
        answers.edited(card, cached.network(selection), 1.0, key=cached.content_key(selection))
    else:
        answers.answer(card, selection)


def _preload_map(name: str) -> None:
    """Read a zoo's first map and its features, which may be computed once; no map is fitted that does not ship."""
    card = next(iter(map_data.models_for(name).values()), None)
    zoo = cached.zoo(name)
    if zoo_maps.are_points_ready(zoo, card):
        seen = map_data.points(zoo, card)
        chart.pictures(chart.MapView(zoo, seen, card, "umap"))
        map_data.features(seen)
