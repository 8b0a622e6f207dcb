"""Zoos as maps: layouts in the plane, neighbours, and where a new network belongs."""

from ngcore.maps.layouts import MAP_METHODS as MAP_METHODS
from ngcore.maps.layouts import MapFit as MapFit
from ngcore.maps.layouts import fit_map as fit_map
from ngcore.maps.layouts import nearest as nearest
from ngcore.maps.layouts import place as place
from ngcore.maps.zoo_maps import ZooPoints as ZooPoints
from ngcore.maps.zoo_maps import network_features as network_features
from ngcore.maps.zoo_maps import read_points as read_points

__all__ = [
    "MAP_METHODS",
    "MapFit",
    "ZooPoints",
    "fit_map",
    "nearest",
    "network_features",
    "place",
    "read_points",
]
