"""How a neural graph is looked at: which edges, which colours, which layers are open; also as text of an address."""

import dataclasses
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.viewer.edges import FULL_BUDGET

COLOURS = ("bias", "layer", "fan_in", "activation", "attribution", "change")
MAX_LEAST = 1e30
MAX_UNITS = 100_000
BY_NETWORK, FULL, OPEN, SEPARATOR = "network", "full", "open", "~"

_NUMBERS = re.compile(r"(\d{1,6}(-\d{1,6})?(\.|$))*", re.ASCII)


@dataclass(frozen=True)
class Look:
    """How a neural graph is looked at; as it is at first unless something is said.

    Attributes:
        open_units: Numbers of the units that show their neurons; None for those that do at first.
        colour: What colours neurons, one of `COLOURS`; empty for the first that there is.
        is_full: Whether as many edges as can be drawn are wanted, instead of the first ones.
        k: How many edges of each layer are drawn; None for as many as make a clear picture.
        least: The |weight| from which edges are drawn.
        is_by_layer: Whether colours and widths are scaled by layer, instead of by network.
    """

    open_units: frozenset[int] | None = None
    colour: str = ""
    is_full: bool = False
    k: int | None = None
    least: float = 0.0
    is_by_layer: bool = True

    @property
    def text(self) -> str:
        """The look in an address; inverse of `parse_look`.

        Example:
            >>> Look(frozenset({0, 1, 2, 5}), "activation", k=200).text
            'k200~activation~open0-2.5'
        """
        parts = [
            f"k{self.k}" if self.k is not None else "",
            f"w{self.least:.4g}" if self.least else "",
            self.colour,
            "" if self.is_by_layer else BY_NETWORK,
            FULL if self.is_full else "",
            "" if self.open_units is None else OPEN + _numbers_text(self.open_units),
        ]
        return SEPARATOR.join(part for part in parts if part)

    def fits(self, num_units: int) -> bool:
        """Whether the open units are among this many."""
        return all(number < num_units for number in self.open_units or ())


def parse_look(text: str) -> Look | None:
    """The look that a text means; None if it means none."""
    look = Look()
    for part in text.split(SEPARATOR):
        found = _part(part)
        if found is None:
            return None
        look = dataclasses.replace(look, **found)
    return look


def _part(part: str) -> dict[str, Any] | None:
    """The field that a part of a text sets, with its value."""
    if part in COLOURS:
        return {"colour": part}
    if part in (BY_NETWORK, FULL):
        return {"is_by_layer": False} if part == BY_NETWORK else {"is_full": True}
    if part.startswith(OPEN):
        numbers = _numbers_of(part.removeprefix(OPEN))
        return None if numbers is None else {"open_units": numbers}
    number = part[1:]
    if part[:1] == "k" and number.isascii() and number.isdecimal() and len(number) < 9:
        return {"k": int(number)} if is_count(int(number)) else None
    if part[:1] == "w":
        try:
            least = float(number)
        except ValueError:
            return None
        return {"least": least} if is_size(least) else None
    return None


def is_count(value: object) -> bool:
    """Whether a value can be the number of edges of a layer."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= FULL_BUDGET


def is_size(value: object) -> bool:
    """Whether a value can be the least |weight|."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value) and 0 <= value <= MAX_LEAST


def _numbers_text(numbers: Iterable[int]) -> str:
    """Whole numbers, runs of them as first and last."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ".".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _numbers_of(text: str) -> frozenset[int] | None:
    """The numbers that `_numbers_text` wrote; None for a text that it did not."""
    if not _NUMBERS.fullmatch(text):
        return None
    found: set[int] = set()
    for run in filter(None, text.split(".")):
        first, _, last = run.partition("-")
        start, stop = int(first), int(last or first)
        if stop < start or stop > MAX_UNITS:
            return None
        found.update(range(start, stop + 1))
    return frozenset(found)
