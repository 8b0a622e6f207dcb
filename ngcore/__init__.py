"""Networks that read networks: input networks as neural graphs, and models that respect their symmetries."""

import lazy_loader

__getattr__, __dir__, _ = lazy_loader.attach_stub(__name__, __file__)

__all__ = ["__version__", "show"]

__version__ = "0.1.0"
