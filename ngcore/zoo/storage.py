"""A zoo on disk: many trained networks with their metadata, read in slices and checked against their hashes."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from ngcore.errors import UnknownNameError, ZooError
from ngcore.files import reading, remembered_sha256
from ngcore.networks import Architecture, Network
from ngcore.zoo.card import METADATA_FILE, REMEDY, file_names, read_zoo_card, tensor_file
from ngcore.zoo.metadata import SPLITS, metadata_problems, read_metadata

if TYPE_CHECKING:
    import pandas

Rows = Iterable[SupportsIndex]  # positions in a zoo's metadata: a list, a range, an array, a tensor

FLOATS = ("F64", "F32", "F16", "BF16")
MAX_RUNS_OF_ROWS = 64  # above this many separate runs of rows, reading the span between them is faster


class Zoo:
    """Many trained networks with labels, in a folder.

        <folder>/
          card.json                       name, recipe, architectures, sha256 of the other files
          metadata.parquet                one row per network, sorted by id
          <architecture id>.safetensors   that architecture's networks, stacked, in torch's own layout

    Nothing but the card is read before it is asked for, and single networks are read by slices. Before a file is read
    for the first time in a process, its hash is compared with the card's; all that is wrong with a file is a
    `ZooError` that names it.

    Example:
        >>> zoo = Zoo.open(find_zoo("mnist-inrs"))
        >>> test = zoo.rows(split="test")
        >>> zoo.networks(test[:2])
        Network(2 × 2-32-32-1 sine: 1185 parameters)
    """

    def __init__(self, folder: Path, card: Mapping[str, Any]) -> None:
        self.folder = folder
        self.card = dict(card)
        self.name: str = self.card["name"]
        self.hash: str = self.card["hash"]

    @classmethod
    def open(cls, folder: Path | str) -> "Zoo":
        """Open the zoo in `folder`.

        Raises:
            ZooError: If there is no finished zoo of a known format, or its card is damaged.
        """
        return cls(Path(folder), read_zoo_card(Path(folder)))

    def __len__(self) -> int:
        return int(self.card["num_networks"])

    def __contains__(self, network_id: str) -> bool:
        return network_id in self._positions

    def __repr__(self) -> str:
        return f"Zoo({self.name}: {len(self)} networks, {len(self.card['architectures'])} architecture(s))"

    def file(self, name: str) -> Path:
        """A file of the zoo, after its hash was compared with the card's: once per process, unless it changes.

        Raises:
            ZooError: If it is missing, can't be read, or is not the one that the card was written for.
        """
        path, expected = self.folder / name, self.card["files"].get(name)
        with reading(path, ZooError, remedy=REMEDY):
            if expected is not None and (found := remembered_sha256(path)) != expected:
                raise ZooError(
                    f"Expected {path} with SHA-256 {expected[:12]}… as in its card, got {found[:12]}…: "
                    f"it was damaged or exchanged; {REMEDY}."
                )
        return path

    def check(self) -> None:
        """Look for damage without reading networks: headers of tensors, and the hash of the metadata.

        Raises:
            ZooError: If a file is missing, cut short or not readable.
        """
        self.file(METADATA_FILE)
        for name in sorted(file_names(self.card) - {METADATA_FILE}):
            with reading(self.folder / name, ZooError, remedy=REMEDY), safe_open(self.folder / name, framework="pt"):
                pass

    @cached_property
    def metadata(self) -> "pandas.DataFrame":
        """One row per network, sorted by id; -1 and NaN mean "has none".

        Raises:
            ZooError: If the file is damaged or contradicts the card.
        """
        path = self.file(METADATA_FILE)
        table = read_metadata(path)
        with reading(path, ZooError, remedy=REMEDY):
            for problem in metadata_problems(table, len(self), self.card["architectures"]):
                raise ZooError(f"{path}: {problem}; {REMEDY}.")
        return table

    @cached_property
    def architectures(self) -> dict[str, Architecture]:
        """The architectures by id."""
        return {key: Architecture.from_dict(fields) for key, fields in self.card["architectures"].items()}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {key: position for position, key in enumerate(self.metadata["id"])}

    def position(self, network_id: str) -> int:
        """Position in the metadata of the network with this id.

        Raises:
            ZooError: If there is none.
        """
        if network_id not in self._positions:
            first, last = self.metadata["id"].iloc[[0, -1]]
            raise ZooError(f"Expected an id of {self.name} ({first} … {last}), got {network_id!r}.")
        return self._positions[network_id]

    def rows(self, *, split: str | None = None, architecture: str | None = None) -> np.ndarray:
        """Positions in the metadata of a split and an architecture; `None` means all."""
        chosen = np.ones(len(self.metadata), dtype=bool)
        for column, value, choices in (("split", split, SPLITS), ("architecture", architecture, self.architectures)):
            if value is not None and value not in choices:
                raise UnknownNameError(column, value, choices)
            if value is not None:
                chosen &= (self.metadata[column] == value).to_numpy()
        return np.flatnonzero(chosen)

    def networks(self, rows: Rows) -> Network:
        """Read networks by their positions in the metadata, in the given order.

        Raises:
            ZooError: If they are of several architectures, there are none, or their file is damaged.
        """
        chosen = self.metadata.iloc[self._positions_of(rows)]
        found = sorted(set(chosen["architecture"]))
        if len(found) != 1:
            raise ZooError(f"Expected networks of one architecture, got {len(found)}; read them one by one.")
        return self._read(found[0], chosen["row"].to_numpy())

    def _read(self, key: str, index: np.ndarray) -> Network:
        path, architecture = self.file(tensor_file(key)), self.architectures[key]
        count = int((self.metadata["architecture"] == key).sum())
        parameters = {}
        with reading(path, ZooError, remedy=REMEDY), safe_open(path, framework="pt") as tensors:
            for name, shape in architecture.parameter_shapes.items():
                stored = tensors.get_slice(name)
                _expect_stack(path, name, stored, (count, *shape))
                parameters[name] = _read_rows(stored, index)
        return Network(architecture, parameters)

    def _positions_of(self, rows: Rows) -> np.ndarray:
        positions = np.array([int(row) for row in rows], dtype=np.int64)
        outside = positions[(positions < -len(self)) | (positions >= len(self))]
        if len(outside):
            raise ZooError(f"Expected positions below {len(self)} in {self.name}, got {outside[0]}.")
        return positions

    def load(self, architecture_id: str, split: str | None = None) -> tuple[Network, "pandas.DataFrame"]:
        """Read all networks of an architecture, or those of one split, with their rows of metadata."""
        rows = self.rows(split=split, architecture=architecture_id)
        return self.networks(rows), self.metadata.iloc[rows]

    def stacks(self, rows: Rows) -> list[tuple[Network, list[dict[str, Any]]]]:
        """Networks of any architectures by their positions, grouped for `ZooWriter.write_part`."""
        positions = self._positions_of(rows)
        table = self.metadata.iloc[positions]
        stacks = []
        for architecture in dict.fromkeys(table["architecture"]):
            chosen = (table["architecture"] == architecture).to_numpy()
            records = table[chosen].drop(columns=["architecture", "row"]).to_dict("records")
            stacks.append((self.networks(positions[chosen]), records))
        return stacks

    def tensor_path(self, architecture_id: str) -> Path:
        """The file that holds an architecture's stacked tensors."""
        return self.folder / tensor_file(architecture_id)


def _expect_stack(path: Path, name: str, stored: Any, shape: tuple[int, ...]) -> None:
    found, kind = tuple(stored.get_shape()), stored.get_dtype()
    if found != shape or kind not in FLOATS:
        raise ZooError(f"Expected floating-point numbers {shape} as {name!r} in {path}, got {kind} {found}; {REMEDY}.")


def _read_rows(tensor: Any, index: np.ndarray) -> Tensor:
    """Read rows of a stored tensor in the order of `index`, by slices over runs of neighbours."""
    wanted, order = np.unique(index, return_inverse=True)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    if len(runs) > MAX_RUNS_OF_ROWS:
        span = tensor[int(wanted[0]) : int(wanted[-1]) + 1]
        return span[torch.from_numpy(index - wanted[0])]
    read = torch.cat([tensor[int(run[0]) : int(run[-1]) + 1] for run in runs])
    return read[torch.from_numpy(order.reshape(-1))]
