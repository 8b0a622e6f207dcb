"""The metadata of a zoo: which columns there are, of which types, and what stands for "has none"."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ngcore.errors import ZooError

if TYPE_CHECKING:
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
