"""Training any model on any items: the loop with exact resume, its settings, metrics, and checkpoints with cards."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
