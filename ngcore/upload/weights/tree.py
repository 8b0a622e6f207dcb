"""Names of tensors as a tree: the pieces between dots and slashes are its levels."""

import dataclasses
import re
from collections.abc import Iterable

from ngcore.upload.checkpoints import SEPARATOR


@dataclasses.dataclass
class Group:
    """The tensors whose names start alike.

    Attributes:
        path: What the names start with; empty for the whole file.
        groups: The groups within, by their next piece, in the order of the file.
        tensors: Names of the tensors that stand in this group itself.
    """

    path: str = ""
    groups: dict[str, "Group"] = dataclasses.field(default_factory=dict)
    tensors: list[str] = dataclasses.field(default_factory=list)

    @property
    def label(self) -> str:
        """The last piece of its path."""
        return SEPARATOR.split(self.path)[-1]

    def all_tensors(self) -> list[str]:
        """Names of the tensors of this group and of all groups within."""
        names, waiting = [], [self]
        while waiting:
            group = waiting.pop()
            names += group.tensors
            waiting += reversed(group.groups.values())
        return names

    def walk(self) -> list["Group"]:
        """This group and all groups within, each before those within it."""
        found, waiting = [], [self]
        while waiting:
            group = waiting.pop()
            found.append(group)
            waiting += reversed(group.groups.values())
        return found


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts dense_2 before dense_10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part[:18]), "") if part.isdecimal() else (1, 0, part) for part in parts]


def group_names(names: Iterable[str]) -> Group:
    """The tree of names; tensors of one layer, such as its weight and bias, stand in one group.

    Example:
        >>> tree = group_names(["conv.weight", "conv.bias", "fc.0.weight", "scale"])
        >>> [group.path for group in tree.walk()], tree.tensors
        (['', 'conv', 'fc', 'fc.0'], ['scale'])
    """
    root = Group()
    for name in names:
        group, start = root, 0
        for separator in SEPARATOR.finditer(name):
            piece = name[start : separator.start()]
            group = group.groups.setdefault(piece, Group(name[: separator.start()]))
            start = separator.end()
        group.tensors.append(name)
    return root
