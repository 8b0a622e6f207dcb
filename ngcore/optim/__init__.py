"""Learning to optimise: an optimiser that reads the neural graph of the network that it trains."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
