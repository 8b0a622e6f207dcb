"""A zoo on disk: many trained networks with their metadata, written in resumable parts and read in slices."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ngcore.errors import NeuralGraphError, UnknownNameError, ZooError
from ngcore.files import sha256_of_file, write_atomically
from ngcore.networks import Architecture, Network
from ngcore.zoo.metadata import SPLITS, plain_row, to_table

if TYPE_CHECKING:
    import pandas

Rows = Iterable[SupportsIndex]  # positions in a zoo's metadata: a list, a range, an array, a tensor

FORMAT_VERSION = 1
CARD_FILE = "card.json"
METADATA_FILE = "metadata.parquet"
PARTS_FOLDER = ".parts"

MAX_RUNS_OF_ROWS = 64  # above this many separate runs of rows, reading the span between them is faster


class Zoo:
    """Many trained networks with labels, in a folder.

        <folder>/
          card.json                       name, recipe, architectures, sha256 of the other files
          metadata.parquet                a row a network, sorted by id
          <architecture id>.safetensors   that architecture's networks, stacked, in torch's own layout

    Nothing but the card is read before it is asked for, and single networks are read by slices.

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
            ZooError: If there is no finished zoo of a known format.
        """
        path = Path(folder) / CARD_FILE
        if not path.is_file():
            state = "an unfinished one; run its build again" if (Path(folder) / PARTS_FOLDER).is_dir() else "none"
            raise ZooError(f"Expected a finished zoo in {folder} (a folder with a {CARD_FILE}), got {state}.")
        card = _read_card(path)
        if card.get("format") != FORMAT_VERSION or not {"name", "hash", "architectures", "files"} <= card.keys():
            raise ZooError(f"Expected a zoo card of format {FORMAT_VERSION} in {path}, got {card.get('format')!r}.")
        return cls(Path(folder), card)

    def __len__(self) -> int:
        return int(self.card["num_networks"])

    def __repr__(self) -> str:
        return f"Zoo({self.name}: {len(self)} networks, {len(self.card['architectures'])} architecture(s))"

    def check(self) -> None:
        """Look for damage without reading networks.

        Raises:
            ZooError: If a file is missing or can't be read.
        """
        try:
            _ = self.metadata, self.architectures
            for key in self.architectures:
                with safe_open(self.tensor_path(key), framework="pt"):
                    pass
        except NeuralGraphError:
            raise
        except Exception as error:
            raise ZooError(f"Expected a whole zoo in {self.folder}, got: {error}; build or copy it again.") from error

    @cached_property
    def metadata(self) -> "pandas.DataFrame":
        """One row a network, sorted by id; -1 and NaN stand for "has none"."""
        import pyarrow.parquet

        return pyarrow.parquet.read_table(self.folder / METADATA_FILE).to_pandas()

    @cached_property
    def architectures(self) -> dict[str, Architecture]:
        """The architectures by their ids."""
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
        """Read networks by their positions in the metadata, in the order asked for.

        Raises:
            ZooError: If they are of several architectures, or none are asked for.
        """
        chosen = self.metadata.iloc[_as_positions(rows)]
        found = sorted(set(chosen["architecture"]))
        if len(found) != 1:
            raise ZooError(f"Expected networks of one architecture, got {len(found)}; read them one by one.")
        architecture = self.architectures[found[0]]
        index = chosen["row"].to_numpy()
        with safe_open(self.tensor_path(found[0]), framework="pt") as tensors:
            names = architecture.parameter_shapes
            return Network(architecture, {name: _read_rows(tensors.get_slice(name), index) for name in names})

    def load(self, architecture_id: str, split: str | None = None) -> tuple[Network, "pandas.DataFrame"]:
        """Read all networks of an architecture, or those of one split, with their rows of metadata."""
        rows = self.rows(split=split, architecture=architecture_id)
        return self.networks(rows), self.metadata.iloc[rows]

    def stacks(self, rows: Rows) -> list[tuple[Network, list[dict[str, Any]]]]:
        """Networks of any architectures by their positions, grouped for `ZooWriter.write_part`."""
        positions = _as_positions(rows)
        table = self.metadata.iloc[positions]
        stacks = []
        for architecture in dict.fromkeys(table["architecture"]):
            chosen = (table["architecture"] == architecture).to_numpy()
            records = table[chosen].drop(columns=["architecture", "row"]).to_dict("records")
            stacks.append((self.networks(positions[chosen]), records))
        return stacks

    def tensor_path(self, architecture_id: str) -> Path:
        """The file that holds an architecture's stacked tensors."""
        return self.folder / f"{architecture_id}.safetensors"


class ZooWriter:
    """Writes a zoo part by part, so that a build that is killed goes on where it stopped.

    Parts are files in `<folder>/.parts/`; each appears whole or not at all. `finish` joins them, sorted by network id,
    so the zoo's bytes depend on neither the order nor the sizes of the parts.

    Args:
        folder: Where the zoo will be.
        name: The zoo's name.
        recipe: Everything that decides the networks' values, in JSON types. A folder is only resumed, and networks of
            a finished zoo are only reused, where the recipe is the same.

    Raises:
        ZooError: If the folder holds a zoo, or parts, of another recipe.
    """

    def __init__(self, folder: Path | str, *, name: str, recipe: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.name = name
        self.recipe = json.loads(json.dumps(recipe))
        self.parts = self.folder / PARTS_FOLDER
        self.parts.mkdir(parents=True, exist_ok=True)
        self._finished = Zoo.open(self.folder) if (self.folder / CARD_FILE).is_file() else None
        if self._finished is not None:
            self._require_same_recipe(self._finished.card, self.folder / CARD_FILE)
        started = self.parts / "recipe.json"
        if started.is_file():
            self._require_same_recipe(_read_card(started), started)
        else:
            write_atomically(started, lambda path: path.write_bytes(to_json({"name": name, "recipe": self.recipe})))

    def _require_same_recipe(self, card: Mapping[str, Any], path: Path) -> None:
        if card.get("name") == self.name and card.get("recipe") == self.recipe:
            return
        raise ZooError(
            f"Expected the recipe of the build that {path} belongs to, got another one; choose another folder, "
            f"or delete {self.folder} to start again."
        )

    def part_path(self, key: str) -> Path:
        """The file of a part; `key` is made of letters, digits, dots, dashes and underscores."""
        if not re.fullmatch(r"[\w.-]+", key):
            raise ZooError(f"Expected a part key of letters, digits, '.', '-' and '_', got {key!r}.")
        return self.parts / f"{key}.safetensors"

    def has_part(self, key: str) -> bool:
        """Whether this part is written already."""
        return self.part_path(key).is_file()

    def write_part(self, key: str, stacks: Sequence[tuple[Network, Sequence[Mapping[str, Any]]]]) -> None:
        """Write one part, whole or not at all.

        Args:
            key: Name of the part; see `part_path`.
            stacks: Pairs of a stack of networks and one row of metadata for each of them. A row has "id" and "split"
                and may have the columns of `metadata.DEFAULTS` and any others; all rows of a zoo have the same columns.

        Raises:
            ZooError: If rows and networks do not match.
        """
        architectures, rows = [], []
        tensors: dict[str, Tensor] = {}
        for i, (network, stack_rows) in enumerate(stacks):
            if len(network) != len(stack_rows):
                raise ZooError(f"Expected a row for each of {len(network)} networks, got {len(stack_rows)}.")
            architectures.append(network.architecture.to_dict())
            rows.append([plain_row(row) for row in stack_rows])
            tensors |= {f"{i}/{name}": _stored(tensor) for name, tensor in network.parameters.items()}
        header = {"architectures": json.dumps(architectures), "rows": json.dumps(rows)}
        write_atomically(self.part_path(key), lambda path: save_file(tensors, path, metadata=header))

    def reuse(self, key: str, ids: Sequence[str]) -> bool:
        """Make a part of networks that the finished zoo in this folder has; `False` if it lacks some."""
        zoo = self._finished
        if zoo is None or not all(network_id in zoo._positions for network_id in ids):
            return False
        self.write_part(key, zoo.stacks([zoo.position(network_id) for network_id in ids]))
        return True

    def finish(self, keys: Sequence[str], card: Mapping[str, Any] | None = None) -> Zoo:
        """Join the parts `keys` into the zoo and remove them.

        Args:
            keys: The parts that make up the zoo; others in the folder are dropped.
            card: Further fields for `card.json`, in JSON types.

        Raises:
            ZooError: If a part is missing, or two networks have the same id.
        """
        import pyarrow.parquet

        missing = [key for key in keys if not self.has_part(key)]
        if missing:
            raise ZooError(f"Expected all {len(keys)} parts of {self.name}, got none for {', '.join(missing[:5])}.")
        stacks = [stack for key in keys for stack in _read_part(self.part_path(key))]
        # From here until the new card is in place the folder holds no zoo; a build that is killed joins again.
        (self.folder / CARD_FILE).unlink(missing_ok=True)
        files, architectures, rows = {}, {}, []
        for architecture, parts in sorted(_by_architecture(stacks).items()):
            architectures[architecture] = parts[0][0].architecture.to_dict()
            path = self.folder / f"{architecture}.safetensors"
            rows += _write_stack(path, architecture, parts)
            files[path.name] = sha256_of_file(path)
        metadata = to_table(rows)
        write_atomically(self.folder / METADATA_FILE, lambda path: pyarrow.parquet.write_table(metadata, path))
        files[METADATA_FILE] = sha256_of_file(self.folder / METADATA_FILE)
        fields = {"format": FORMAT_VERSION, "name": self.name, "recipe": self.recipe, **(card or {})}
        fields |= {"num_networks": len(rows), "architectures": architectures, "files": files}
        fields["hash"] = hashlib.sha256(to_json(files)).hexdigest()
        self._remove_other_tensors(files)
        write_atomically(self.folder / CARD_FILE, lambda path: path.write_bytes(to_json(fields)))
        shutil.rmtree(self.parts)
        return Zoo.open(self.folder)

    def _remove_other_tensors(self, files: Mapping[str, str]) -> None:
        for path in self.folder.glob("*.safetensors"):
            if path.name not in files:
                path.unlink()


def to_json(fields: Mapping[str, Any]) -> bytes:
    """The one spelling of a JSON file: the same fields always give the same bytes."""
    return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ZooError(f"Expected JSON in {path}, got something else ({error}).") from error
    if not isinstance(card, dict):
        raise ZooError(f"Expected a JSON object in {path}, got {type(card).__name__}.")
    return card


def _as_positions(rows: Rows) -> np.ndarray:
    return np.array([int(row) for row in rows], dtype=np.int64)


def _stored(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()


def _read_rows(tensor: Any, index: np.ndarray) -> Tensor:
    """Read rows of a stored tensor in the order of `index`, by slices over runs of neighbours."""
    wanted, order = np.unique(index, return_inverse=True)
    runs = np.split(wanted, np.flatnonzero(np.diff(wanted) != 1) + 1)
    if len(runs) > MAX_RUNS_OF_ROWS:
        span = tensor[int(wanted[0]) : int(wanted[-1]) + 1]
        return span[torch.from_numpy(index - wanted[0])]
    read = torch.cat([tensor[int(run[0]) : int(run[-1]) + 1] for run in runs])
    return read[torch.from_numpy(order.reshape(-1))]


_Part = tuple[Network, list[dict[str, Any]]]


def _read_part(path: Path) -> Iterator[_Part]:
    with safe_open(path, framework="pt") as tensors:
        header = tensors.metadata()
        architectures, rows = json.loads(header["architectures"]), json.loads(header["rows"])
        for i, (fields, stack_rows) in enumerate(zip(architectures, rows, strict=True)):
            architecture = Architecture.from_dict(fields)
            names = architecture.parameter_shapes
            yield Network(architecture, {name: tensors.get_tensor(f"{i}/{name}") for name in names}), stack_rows


def _by_architecture(stacks: Sequence[_Part]) -> dict[str, list[_Part]]:
    groups: dict[str, list[_Part]] = {}
    for network, rows in stacks:
        groups.setdefault(network.architecture.id, []).append((network, rows))
    return groups


def _write_stack(path: Path, architecture: str, parts: Sequence[_Part]) -> list[dict[str, Any]]:
    """Write the networks of one architecture in the order of their ids; returns their rows of metadata."""
    rows = [row for _, stack_rows in parts for row in stack_rows]
    order = sorted(range(len(rows)), key=lambda i: rows[i]["id"])
    network = Network.cat([network for network, _ in parts])[torch.tensor(order)]
    tensors = {name: tensor.contiguous() for name, tensor in network.parameters.items()}
    write_atomically(path, lambda temporary: save_file(tensors, temporary))
    return [{**rows[i], "architecture": architecture, "row": row} for row, i in enumerate(order)]
