"""Zoos: many trained networks with labels; building them from real images, storing them, reading them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
