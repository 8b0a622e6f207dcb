"""What comes back from the viewer in the browser, checked: anyone can send anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLOURS = ("bias", "layer", "fan_in", "activation")
MAX_COUNT = 2**31


@dataclass(frozen=True)
class Wish:
    """What the viewer wants to be sent.

    Attributes:
        open_units: Numbers of the units that show their neurons; of a network that is sent whole none are named.
        colour: One of `COLOURS`.
        is_full: Whether as many edges as can be drawn are wanted, instead of the first ones.
    """

    open_units: frozenset[int] = frozenset()
    colour: str = COLOURS[0]
    is_full: bool = False


@dataclass(frozen=True)
class Chosen:
    """The neuron that was selected.

    Attributes:
        node: Its number in the graph; None for none.
        count: How many selections the browser has sent, this one included.
    """

    node: int | None
    count: int


def wish_of(sent: Any, *, shape: str, num_units: int) -> Wish | None:
    """The wish that was sent; None where it is none, or of networks of another shape.

    Args:
        sent: From the browser.
        shape: Id of the architecture that is shown.
        num_units: How many units it has.
    """
    if not isinstance(sent, Mapping) or sent.get("shape") != shape:
        return None
    numbers, colour, is_full = sent.get("open"), sent.get("colour"), sent.get("isFull")
    if (
        not isinstance(numbers, list)
        or len(numbers) > num_units
        or colour not in COLOURS
        or not isinstance(is_full, bool)
    ):
        return None
    if not all(_is_number(number, num_units) for number in numbers):
        return None
    return Wish(frozenset(numbers), str(colour), is_full)


def chosen_of(sent: Any, *, key: str, num_nodes: int) -> Chosen | None:
    """The selection that was sent; None where it is none, or of another network.

    Args:
        sent: From the browser.
        key: Key of the network that is shown.
        num_nodes: How many neurons it has.
    """
    if not isinstance(sent, Mapping) or sent.get("key") != key or not _is_number(sent.get("count"), MAX_COUNT):
        return None
    node = sent.get("node")
    if node is not None and not _is_number(node, num_nodes):
        return None
    return Chosen(node, sent["count"])


def _is_number(value: Any, limit: int) -> bool:
    """Whether a value is a whole number from 0 to below a limit."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit
