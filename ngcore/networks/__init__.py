"""Input networks as data: structure, parameters, forward pass and symmetries."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
