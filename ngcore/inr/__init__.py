"""Implicit neural representations: fitting SIRENs to images and rendering them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
