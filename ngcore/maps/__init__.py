"""Zoos as maps: layouts in the plane, neighbours, and where a new network belongs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
