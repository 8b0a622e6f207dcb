from .showing import show as show

__all__ = ["__version__", "show"]

__version__: str
