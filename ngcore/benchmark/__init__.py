"""How fast the models and the fitting of SIRENs are on this machine, all settings compared in one run."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
