"""What a naming scheme is: the names that show it, and the function that builds the network of a state dict."""

import dataclasses
from collections.abc import Callable, Iterable

from ngcore.upload.schemes.plan import Plan


@dataclasses.dataclass(frozen=True)
class Scheme:
    """How a library names the tensors of a family of networks.

    Attributes:
        name: What it is called, such as "a ResNet of torchvision".
        marks: Ends of names that all of its state dicts hold, each under the same prefix.
        build: Makes the steps of a plan; takes it with the prefix of the names, and returns the outputs.
        is_distinct: Whether no plain chain of layers has these names.
    """

    name: str
    marks: tuple[str, ...]
    build: Callable[[Plan, str], tuple[int, ...]]
    is_distinct: bool = True

    def prefixes(self, names: Iterable[str]) -> list[str]:
        """What stands before the marks, such as "backbone."; nothing where a mark is missing."""
        known = set(names)
        first = self.marks[0]
        found = [name.removesuffix(first) for name in known if name == first or name.endswith(f".{first}")]
        return sorted(prefix for prefix in found if all(prefix + mark in known for mark in self.marks))
