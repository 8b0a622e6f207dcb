"""Writing a zoo part by part, so that a killed build resumes where it stopped."""

import contextlib
import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ngcore.errors import ZooError
from ngcore.files import canonical_json, read_json, reading, sha256_of_file, write_atomically
from ngcore.networks import Architecture, Network
from ngcore.zoo.card import CARD_FILE, FORMAT_VERSION, IMAGES_FILE, METADATA_FILE, PARTS_FOLDER, hash_of, tensor_file
from ngcore.zoo.metadata import plain_row, to_table
from ngcore.zoo.storage import Zoo

logger = logging.getLogger(__name__)


class ZooWriter:
    """Writes a zoo part by part, so that a killed build resumes where it stopped.

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
        self._take_up(self.parts / "recipe.json")

    def _take_up(self, started: Path) -> None:
        """Resume from the existing parts if they are of this recipe; where that can't be known, start again."""
        if started.is_file():
            try:
                card = read_json(started, ZooError, remedy="the build begins again")
            except ZooError as error:
                logger.warning("%s", error)
                shutil.rmtree(self.parts)
                self.parts.mkdir()
            else:
                self._require_same_recipe(card if isinstance(card, dict) else {}, started)
                return
        fields = canonical_json({"name": self.name, "recipe": self.recipe})
        write_atomically(started, lambda path: path.write_bytes(fields))

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
        """Whether this part is written already; a damaged one is removed, so that it is made again."""
        path = self.part_path(key)
        try:
            with _open_part(path) as tensors:
                json.loads(tensors.metadata()["rows"])
        except ZooError as error:
            if path.exists():
                logger.warning("%s", error)
                path.unlink()
            return False
        return True

    def architectures(self, key: str) -> list[Architecture]:
        """The architectures of the networks of a part.

        Raises:
            ZooError: If the part is missing or damaged.
        """
        with _open_part(self.part_path(key)) as tensors:
            return [Architecture.from_dict(fields) for fields in json.loads(tensors.metadata()["architectures"])]

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
        write_atomically(
            self.part_path(key), lambda path: save_file(tensors, path, metadata=header), num_bytes=_num_bytes(tensors)
        )

    def reuse(self, key: str, ids: Sequence[str]) -> bool:
        """Make a part of networks that the finished zoo in this folder has; `False` if it lacks some."""
        zoo = self._finished
        try:
            if zoo is None or not all(network_id in zoo for network_id in ids):
                return False
            self.write_part(key, zoo.stacks([zoo.position(network_id) for network_id in ids]))
        except ZooError as error:
            logger.warning("%s Its networks are made again.", error)
            self._finished = None
            return False
        return True

    def finish(
        self, keys: Sequence[str], card: Mapping[str, Any] | None = None, *, images: np.ndarray | None = None
    ) -> Zoo:
        """Join the parts `keys` into the zoo and remove them.

        Args:
            keys: The parts that make up the zoo; others in the folder are dropped.
            card: Further fields for `card.json`, in JSON types.
            images: For INRs, the images they were fitted to, uint8, in the order of ids, to store with the zoo.

        Raises:
            ZooError: If a part is missing, or two networks have the same id.
        """
        import pyarrow.parquet

        missing = [key for key in keys if not self.has_part(key)]
        if missing:
            raise ZooError(f"Expected all {len(keys)} parts of {self.name}, got none for {', '.join(missing[:5])}.")
        stacks = [stack for key in keys for stack in _read_part(self.part_path(key))]
        self._expect_no_loss(sum(len(rows) for _, rows in stacks))
        # From here until the new card is in place the folder holds no zoo; a build that is killed joins again.
        (self.folder / CARD_FILE).unlink(missing_ok=True)
        files, architectures, rows = {}, {}, []
        for architecture, parts in sorted(_by_architecture(stacks).items()):
            architectures[architecture] = parts[0][0].architecture.to_dict()
            path = self.folder / tensor_file(architecture)
            rows += _write_stack(path, architecture, parts)
            files[path.name] = sha256_of_file(path)
        metadata = to_table(rows)
        write_atomically(self.folder / METADATA_FILE, lambda path: pyarrow.parquet.write_table(metadata, path))
        files[METADATA_FILE] = sha256_of_file(self.folder / METADATA_FILE)
        if images is not None:
            write_atomically(self.folder / IMAGES_FILE, lambda path: _save_array(path, images), num_bytes=images.nbytes)
            files[IMAGES_FILE] = sha256_of_file(self.folder / IMAGES_FILE)
        fields = {"format": FORMAT_VERSION, "name": self.name, "recipe": self.recipe, **(card or {})}
        fields |= {"num_networks": len(rows), "architectures": architectures, "files": files}
        fields["hash"] = hash_of(files)
        self._remove_other_tensors(files)
        write_atomically(self.folder / CARD_FILE, lambda path: path.write_bytes(canonical_json(fields)))
        shutil.rmtree(self.parts)
        return Zoo.open(self.folder)

    def _expect_no_loss(self, count: int) -> None:
        if self._finished is not None and count < len(self._finished):
            raise ZooError(
                f"Expected a build of at least the {len(self._finished):,} networks that are in {self.folder}, "
                f"got one of {count:,}; choose another folder, or delete this one first."
            )

    def _remove_other_tensors(self, files: Mapping[str, str]) -> None:
        for path in self.folder.glob("*.safetensors"):
            if path.name not in files:
                path.unlink()


def _save_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _stored(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()


def _num_bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


_Part = tuple[Network, list[dict[str, Any]]]


@contextlib.contextmanager
def _open_part(path: Path) -> Iterator[Any]:
    with reading(path, ZooError, remedy="this part is made again"), safe_open(path, framework="pt") as tensors:
        yield tensors


def _read_part(path: Path) -> Iterator[_Part]:
    with _open_part(path) as tensors:
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
    write_atomically(path, lambda temporary: save_file(tensors, temporary), num_bytes=_num_bytes(tensors))
    return [{**rows[i], "architecture": architecture, "row": row} for row, i in enumerate(order)]
