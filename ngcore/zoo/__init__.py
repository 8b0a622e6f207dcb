"""Zoos: many trained networks with labels; building them from real images, storing them, reading them."""

from ngcore.zoo.locate import default_zoo_folder as default_zoo_folder
from ngcore.zoo.locate import find_zoo as find_zoo
from ngcore.zoo.locate import list_zoos as list_zoos
from ngcore.zoo.metadata import SPLITS as SPLITS
from ngcore.zoo.storage import Zoo as Zoo
from ngcore.zoo.storage import ZooWriter as ZooWriter

__all__ = [
    "SPLITS",
    "Zoo",
    "ZooWriter",
    "default_zoo_folder",
    "find_zoo",
    "list_zoos",
]
