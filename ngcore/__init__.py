"""Networks that read networks: input networks as neural graphs, and models that respect their symmetries."""

__all__ = ["__version__"]

__version__ = "0.1.0"
