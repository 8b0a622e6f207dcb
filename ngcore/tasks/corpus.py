"""A split of a zoo in memory, addressed by item numbers whatever the architectures."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ngcore.errors import ZooError
from ngcore.networks import Network
from ngcore.zoo.storage import Zoo


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Networks of one split; item i is network `row[i]` of stack `stack[i]`.

    Attributes:
        zoo: Where they come from.
        split: "train", "validation" or "test".
        rows: Positions in the zoo's metadata.
        stacks: One stack an architecture.
        stack: Number of each item's stack.
        row: Place of each item in its stack.
    """

    zoo: Zoo
    split: str
    rows: np.ndarray
    stacks: tuple[Network, ...]
    stack: Int[Tensor, " items"]
    row: Int[Tensor, " items"]

    @classmethod
    def load(cls, zoo: Zoo, split: str, *, rows: np.ndarray | None = None, limit: int | None = None) -> "Corpus":
        """Read a split into memory; the first `limit` networks of it if given.

        Args:
            zoo: Where the networks come from.
            split: "train", "validation" or "test".
            rows: Positions in the metadata of some networks of the split; None: of all.
            limit: Largest number of them.

        Raises:
            ZooError: If the zoo has no networks in the split, or none is wanted.
        """
        rows = (zoo.rows(split=split) if rows is None else rows)[:limit]
        if not len(rows):
            raise ZooError(f"Expected networks in the {split} split of {zoo.name} ({zoo.folder}), got none.")
        return cls.of_rows(zoo, split, rows)

    @classmethod
    def of_rows(cls, zoo: Zoo, split: str, rows: np.ndarray) -> "Corpus":
        """Read the networks at these positions of the zoo's metadata into memory, as a split of this name."""
        names = zoo.metadata["architecture"].to_numpy()[rows]
        kinds = sorted(set(names))
        stack, row = torch.zeros(len(rows), dtype=torch.long), torch.zeros(len(rows), dtype=torch.long)
        stacks = []
        for number, kind in enumerate(kinds):
            own = np.flatnonzero(names == kind)
            stacks.append(zoo.networks(rows[own]))
            stack[own], row[own] = number, torch.arange(len(own))
        return cls(zoo, split, rows, tuple(stacks), stack, row)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Tensor:
        """A column of the metadata for all items."""
        return torch.from_numpy(self.zoo.metadata[name].to_numpy()[self.rows].copy())

    def batch(self, index: Int[Tensor, " batch"], device: torch.device | str) -> list[tuple[Network, Tensor]]:
        """The items of a batch as stacks of one architecture each, with the places in `index` that they come from."""
        own, parts = self.stack[index], []
        for number in own.unique().tolist():
            places = (own == number).nonzero().flatten()
            parts.append((self.stacks[number][self.row[index[places]]].to(device), places))
        return parts

    def chunks(self, size: int = 128) -> tuple[Tensor, ...]:
        """Item numbers in chunks, for going through the corpus once."""
        return torch.arange(len(self)).split(size)

    def describe(self) -> dict[str, Any]:
        """Name and hash of the zoo, and what was read."""
        return {"name": self.zoo.name, "sha256": self.zoo.hash, "split": self.split, "n": len(self)}


def difference_of_corpora(card: Mapping[str, Any], zoo: Zoo) -> str | None:
    """How a zoo differs from the one that a checkpoint was trained on, in a sentence.

    None if it is the same one, by its hash, or a sample of it.

    Args:
        card: Of the checkpoint.
        zoo: The zoo, whatever its name.
    """
    corpus, sample = card["corpus"], zoo.card.get("sample_of") or {}
    if corpus["sha256"] in (zoo.hash, sample.get("hash")):
        return None
    recipe = {key: value for key, value in zoo.card["recipe"].items() if key != "sample"}
    if (zoo.name, recipe) == (corpus["name"], corpus["recipe"]):
        return f"{zoo.name} in {zoo.folder} was built by the recipe that {card['name']} saw, with other networks."
    return (
        f"{zoo.name} in {zoo.folder} ({zoo.hash[:8]}) is not the {corpus['name']} ({corpus['sha256'][:8]}) that "
        f"{card['name']} was trained on; their figures are of different networks."
    )
