"""Several zoos as one, for models that are to read the networks of all of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ngcore.errors import ZooError
from ngcore.zoo.card import CARD_FILE
from ngcore.zoo.metadata import DEFAULTS, SPLITS
from ngcore.zoo.storage import Zoo
from ngcore.zoo.writer import ZooWriter

if TYPE_CHECKING:
    import pandas

NUMBERED = ("run", "group")
"""Columns that number what belongs together within a zoo."""

NONE = "–"
"""What stands in a column of text for networks of a zoo that has no such column."""

_Fill = Mapping[str, bool | float | str]
_BLANKS: _Fill = {"text": NONE, "truth values": False, "numbers": float("nan")}


def write_union(zoos: Sequence[Zoo], folder: Path | str, *, name: str) -> Zoo:
    """Write the networks of several zoos as one zoo; ids and splits stay as they are.

    The column "zoo" says where a network comes from. Runs and groups get new numbers, so that those of different zoos
    stay apart. A column that some zoos lack holds, for their networks, NaN, False or "–".

    Args:
        zoos: At least two, all of INRs or all of classifiers, with ids of their own.
        folder: Where the union will be.
        name: Its name.

    Returns:
        The union; its card says under "zoos" what it was made of, with hashes.

    Raises:
        ZooError: If there are fewer than two zoos, INRs among classifiers, ids in common or columns of one name and
            different types, or the folder holds a zoo already.
    """
    if len(zoos) < 2:
        raise ZooError(f"Expected at least two zoos to merge, got {len(zoos)}.")
    if (Path(folder) / CARD_FILE).is_file():
        raise ZooError(f"Expected a folder without a zoo, got {folder}; delete it to merge again.")
    kinds = {str(zoo.card.get("kind")) for zoo in zoos}
    if "inr" in kinds and len(kinds) > 1:
        raise ZooError(
            f"Expected zoos of INRs alone or of classifiers alone, got the kinds {', '.join(sorted(kinds))}."
        )
    fill = _fill(zoos)
    sources = [{"name": zoo.name, "hash": zoo.hash, "num_networks": len(zoo)} for zoo in zoos]
    writer = ZooWriter(folder, name=name, recipe={"zoos": sources})
    offsets = dict.fromkeys(NUMBERED, 0)
    for number, zoo in enumerate(zoos):
        stacks = zoo.stacks(range(len(zoo)))
        writer.write_part(f"zoo-{number}", [(stack, [*_rows(zoo.name, rows, fill, offsets)]) for stack, rows in stacks])
        offsets = {key: offsets[key] + 1 + _last(zoo.metadata, key) for key in NUMBERED}
    counts = {split: sum(len(zoo.rows(split=split)) for zoo in zoos) for split in SPLITS}
    card = {"kind": kinds.pop() if len(kinds) == 1 else "classifiers", "splits": counts, "zoos": sources}
    return writer.finish([f"zoo-{number}" for number in range(len(zoos))], card)


def _fill(zoos: Sequence[Zoo]) -> _Fill:
    """What stands in each column that some zoo lacks.

    Raises:
        ZooError: If a column holds text in one zoo and numbers in another.
    """
    fill: dict[str, bool | float | str] = {}
    for column in sorted({column for zoo in zoos for column in zoo.metadata.columns} - set(DEFAULTS)):
        has = [zoo for zoo in zoos if column in zoo.metadata.columns]
        types = {_type(zoo.metadata[column]) for zoo in has}
        if len(types) > 1:
            raise ZooError(
                f"Expected the column {column!r} of one type in all zoos, got {' and '.join(sorted(types))}; "
                "rename it in one of them."
            )
        if len(has) < len(zoos):
            fill[column] = _BLANKS[types.pop()]
    return fill


def _type(column: "pandas.Series[Any]") -> str:
    return {"O": "text", "U": "text", "T": "text", "b": "truth values"}.get(column.dtype.kind, "numbers")


def _rows(
    zoo: str, rows: Sequence[Mapping[str, Any]], fill: _Fill, offsets: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        numbered = {key: row[key] + offsets[key] for key in NUMBERED if row.get(key, -1) >= 0}
        yield {**fill, **row, **numbered, "zoo": zoo}


def _last(table: "pandas.DataFrame", column: str) -> int:
    """The largest number in a column, -1 if there is none."""
    return int(table[column].max()) if column in table.columns else -1
