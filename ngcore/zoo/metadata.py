"""The metadata of a zoo: its columns, their types, and what means "has none"."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ngcore.errors import ZooError
from ngcore.files import reading
from ngcore.zoo.card import REMEDY

if TYPE_CHECKING:
    import pandas
    import pyarrow

SPLITS = ("train", "validation", "test")
REQUIRED_COLUMNS = ("id", "split")

# Columns that every zoo has, and what stands in them where a network has no such value.
DEFAULTS: dict[str, Any] = {
    "label": -1,
    "accuracy": float("nan"),
    "psnr": float("nan"),
    "run": -1,
    "step": -1,
    "flagged": False,
}

_TEXTS = ("id", "split", "architecture")
_KINDS = {"row": "iu", "label": "iu", "run": "iu", "step": "iu", "accuracy": "f", "psnr": "f", "flagged": "b"}


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of metadata in plain Python types.

    Raises:
        ZooError: If it has no id or no known split.
    """
    missing = [column for column in REQUIRED_COLUMNS if column not in row]
    if missing or row["split"] not in SPLITS:
        raise ZooError(f"Expected a row with an 'id' and a 'split' of {', '.join(SPLITS)}, got {dict(row)!r:.200}.")
    return {key: value.item() if isinstance(value, np.generic | torch.Tensor) else value for key, value in row.items()}


def to_table(rows: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    """The rows as a table sorted by id, the columns in a fixed order and of types that depend on the values alone.

    Raises:
        ZooError: If two rows have the same id, or a column is missing in some rows or holds what a table cannot.
    """
    import pyarrow

    rows = sorted(rows, key=lambda row: row["id"])
    twice = [a["id"] for a, b in itertools.pairwise(rows) if a["id"] == b["id"]]
    if twice:
        raise ZooError(f"Expected an id of its own for every network, got {twice[0]!r} twice.")
    leading = (*REQUIRED_COLUMNS, "architecture", "row", *DEFAULTS)
    names = [*leading, *sorted({name for row in rows for name in row} - set(leading))]
    types = {"b": pyarrow.bool_(), "i": pyarrow.int64(), "f": pyarrow.float64(), "U": pyarrow.string()}
    columns = {name: _column(name, rows) for name in names}
    arrays = {name: pyarrow.array(values.tolist(), types[values.dtype.kind]) for name, values in columns.items()}
    return pyarrow.table(arrays)


def _column(name: str, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    absent = [row["id"] for row in rows if name not in row and name not in DEFAULTS]
    if absent:
        raise ZooError(f"Expected the column {name!r} for every network, got none for {absent[0]!r}.")
    values = np.array([row.get(name, DEFAULTS.get(name)) for row in rows])
    if values.dtype.kind not in "bifU":
        strange = next(i for i, value in enumerate(values) if not isinstance(value, bool | int | float | str))
        raise ZooError(
            f"Expected truth values, numbers or text in the column {name!r}, got {values[strange]!r} "
            f"for {rows[strange]['id']!r}."
        )
    if name in DEFAULTS and values.dtype.kind == "U":
        text = next(row["id"] for row in rows if isinstance(row.get(name), str))
        raise ZooError(f"Expected numbers in the column {name!r}, got text for {text!r}.")
    return values.astype(type(DEFAULTS[name])) if name in DEFAULTS else values


def read_metadata(path: Path) -> "pandas.DataFrame":
    """The table in a file.

    Raises:
        ZooError: If it is damaged.
    """
    import pyarrow.parquet

    with reading(path, ZooError, remedy=REMEDY):
        return pyarrow.parquet.ParquetFile(path).read().to_pandas()


def metadata_problems(table: "pandas.DataFrame", count: int, architectures: Collection[str]) -> Iterator[str]:
    """What is wrong with the metadata of a zoo of `count` networks, each in words; nothing if all is well."""
    missing = [name for name in (*REQUIRED_COLUMNS, "architecture", "row", *DEFAULTS) if name not in table.columns]
    strange = [name for name, kinds in _KINDS.items() if name not in missing and table[name].dtype.kind not in kinds]
    if missing or strange or not all(isinstance(value, str) for name in _TEXTS for value in table[name]):
        names = ", ".join(missing or strange or _TEXTS)
        yield f"expected the columns of a zoo, got none or one of another kind as {names}"
        return
    if len(table) != count:
        yield f"expected {count} rows, got {len(table)}"
    if not table["id"].is_unique:
        yield "expected an id of its own for every network, got one twice"
    unknown = set(table["split"]) - set(SPLITS)
    if unknown:
        yield f"expected the splits {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}"
    for key in sorted(set(table["architecture"]) ^ set(architectures)):
        yield f"expected the card's architectures, got {key} in only one of them"
    for key, rows in table.groupby("architecture")["row"]:
        if not np.array_equal(np.sort(rows.to_numpy()), np.arange(len(rows))):
            yield f"expected the rows 0 … {len(rows) - 1} of {key} once each, got others"
