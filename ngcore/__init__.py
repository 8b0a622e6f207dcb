"""Neural networks that read neural networks: input networks as graphs, and models that are blind to their symmetries."""

__all__ = ["__version__"]

__version__ = "0.1.0"
