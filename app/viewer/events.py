"""What comes back from the viewer in the browser, checked: anyone can send anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.viewer.looks import COLOURS, Look, is_count, is_size

MAX_COUNT = 2**31


@dataclass(frozen=True)
class Chosen:
    """The neuron that was selected.

    Attributes:
        node: Its number in the graph; None for none.
    """

    node: int | None


def look_of(sent: Any, *, shape: str, num_units: int) -> Look | None:
    """The look that was sent; None where it is none, or at networks of another shape.

    Args:
        sent: From the browser.
        shape: Of what is shown.
        num_units: How many units it has.
    """
    if not isinstance(sent, Mapping) or sent.get("shape") != shape:
        return None
    numbers, k, least = sent.get("open"), sent.get("k"), sent.get("least")
    colour, is_full, is_by_layer = sent.get("colour"), sent.get("isFull"), sent.get("isByLayer")
    if not (_are_units(numbers, num_units) and (colour == "" or colour in COLOURS)):
        return None
    if not (isinstance(is_full, bool) and isinstance(is_by_layer, bool)):
        return None
    if least is None or not is_size(least) or not (k is None or is_count(k)):
        return None
    return Look(None if numbers is None else frozenset(numbers), str(colour), is_full, k, float(least), is_by_layer)


def chosen_of(sent: Any, *, key: str, num_nodes: int) -> Chosen | None:
    """The selection that was sent; None where it is none, or of another network.

    Args:
        sent: From the browser.
        key: Key of the network that is shown.
        num_nodes: How many neurons it has.
    """
    if not isinstance(sent, Mapping) or sent.get("key") != key:
        return None
    node = sent.get("node")
    if node is not None and not _is_number(node, num_nodes):
        return None
    return Chosen(node)


def count_of(sent: Any) -> int:
    """How often the browser has sent such messages, this one included, of any network; 0 where it does not say."""
    count = sent.get("count") if isinstance(sent, Mapping) else None
    return int(count) if count is not None and _is_number(count, MAX_COUNT) else 0


def _are_units(numbers: Any, num_units: int) -> bool:
    """Whether these are numbers of units, or None."""
    if numbers is None:
        return True
    if not isinstance(numbers, list) or len(numbers) > num_units:
        return False
    return all(_is_number(number, num_units) for number in numbers)


def _is_number(value: Any, limit: int) -> bool:
    """Whether a value is a whole number from 0 to below a limit."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit
