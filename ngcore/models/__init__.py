"""Metanetworks: models that read networks; NG-GNN, NG-T, NG-Sweep, and baselines without a graph."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
