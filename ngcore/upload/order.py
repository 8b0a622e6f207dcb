"""The order of layers: said, numbered, named or saved, as long as each layer takes what the one before gives."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.limits import MAX_SEARCH_STEPS
from ngcore.upload.modules import HOW_TO_EXPORT, Module, Token
from ngcore.upload.names import stage_of
from ngcore.upload.questions import Question, ask

MAX_READINGS = 6  # orders that a form lists
Reading = tuple[list[Module], str]


@dataclasses.dataclass(frozen=True)
class Value:
    """What flows between two layers, as far as it is known.

    Attributes:
        width: Features of a vector or channels of a map, None before the first layer.
        is_map: Whether it is a map, None if either is possible.
    """

    width: int | None = None
    is_map: bool | None = None


def apply(module: Module, value: Value) -> Value | None:
    """What a layer makes of a value, None if it does not take it."""
    width = value.width
    if module.is_norm:
        return Value(module.shape[0], value.is_map) if width in (None, module.shape[0]) else None
    taken = module.shape[1]
    if module.kind == "linear":
        fits = width is None or taken == width or (value.is_map is True and taken % width == 0)
        return Value(module.shape[0], False) if fits else None
    is_grouped = width is not None and width % taken == 0 and module.shape[0] % (width // taken) == 0
    return Value(module.shape[0], True) if value.is_map is not False and (width is None or is_grouped) else None


def order_modules(
    modules: Sequence[Module], *, is_ordered: bool, said: tuple[str, ...] | None = None
) -> tuple[list[Module], str]:
    """Find the order in which every layer fits the one before.

    Hints take precedence, then numbers, then names of stages (an encoder before a decoder), then the order of the file;
    shapes alone decide only where they allow one order.

    Args:
        modules: Layers in the order of the file.
        is_ordered: Whether that order is the one in which they were defined.
        said: Names of layers or parts in their order, None if not given.

    Returns:
        The order, and in plain words how it was found.

    Raises:
        UnsupportedNetworkError: If no order fits, naming the first tensor that does not.
        AmbiguousNetworkError: If several fit and nothing tells which is meant.
    """
    natural = sorted(modules, key=lambda module: module.key)
    if said is not None:
        return _require(_as_said(natural, said), "as stated")
    trusted = [(natural, "by the numbers in their names")] if _are_numbered(natural) else []
    trusted += _by_stages(natural)
    if is_ordered:
        trusted.append((list(modules), "from the order of the file"))
    for order, reason in trusted:
        if fitting(order) == len(order):
            return order, reason
    numbered = [guess for guess in _by_numbers(natural) if fitting(guess[0]) == len(guess[0])]
    if numbered:
        return min(numbered, key=lambda guess: _surprises(guess[0]))
    found = list(itertools.islice(_merges(modules), MAX_READINGS))
    if len(found) == 1:
        return found[0], "by matching their shapes, which allow one order alone"
    if found:
        raise _ask_for_order(found)
    tried = [order for order, _ in (*trusted, *_by_numbers(natural))] or [natural]
    raise _misfit(max(tried, key=fitting))


def _require(order: list[Module], reason: str) -> Reading:
    if fitting(order) < len(order):
        raise _misfit(order)
    return order, reason


def _as_said(natural: Sequence[Module], said: tuple[str, ...]) -> list[Module]:
    """Layers in the order of the names that begin theirs; the unnamed keep their places at the end."""

    def place(module: Module) -> int:
        dotted = f".{module.prefix}."
        return next((i for i, name in enumerate(said) if f".{name}." in dotted), len(said))

    return sorted(natural, key=place)


def _by_stages(natural: Sequence[Module]) -> list[Reading]:
    """The order that usual names of stages give, where every part has one and they differ."""
    parts = [module.prefix.split(".") for module in natural]
    shared = sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, zip(*parts, strict=False)))
    tops = [part[min(shared, len(part) - 1)] for part in parts]
    stages = dict(zip(tops, map(stage_of, tops), strict=True))
    ranks = list(stages.values())
    if len(stages) < 2 or None in ranks or len(set(ranks)) < len(ranks):
        return []
    order = [module for _, module in sorted(zip(tops, natural, strict=True), key=lambda pair: stages[pair[0]] or 0)]
    names = sorted(stages, key=lambda name: stages[name] or 0)
    return [(order, f"by their names: {', then '.join(names)}")]


def _by_numbers(natural: Sequence[Module]) -> list[Reading]:
    """Orders that numbers in names mean, where they do not come first in the names."""
    by_number = sorted(natural, key=lambda m: (m.numbers, m.is_norm, m.key))
    by_stage = sorted(natural, key=lambda m: (m.kind == "linear", m.numbers, m.is_norm, m.key))
    if len({module.numbers for module in natural}) < 2 or not all(module.numbers for module in natural):
        return [(by_stage, "by the numbers in their names, convolutions first")] if _are_decided(by_stage) else []
    return [
        (by_number, "by the numbers in their names"),
        (by_stage, "by the numbers in their names, convolutions first"),
    ]


def _are_decided(order: Sequence[Module]) -> bool:
    """Whether no two layers of a kind have the same numbers, so that only their kinds and numbers place them."""
    keys = [(module.kind == "linear", module.numbers, module.is_norm) for module in order]
    return len(set(keys)) == len(keys)


def _surprises(order: Sequence[Module]) -> int:
    """How many layers of a fitting order are unusual: a norm at the start, convolutions in groups."""
    pairs = itertools.pairwise(order)
    grouped = sum(two.kind == "conv2d" and two.shape[1] != one.shape[0] for one, two in pairs)
    return grouped + order[0].is_norm


def _are_numbered(natural: Sequence[Module]) -> bool:
    """Whether every prefix continues with a number after the part that all share."""
    keys: list[tuple[Token, ...]] = [module.key for module in natural]
    shared = sum(1 for _ in itertools.takewhile(lambda tokens: len(set(tokens)) == 1, zip(*keys, strict=False)))
    return all(len(key) > shared and key[shared][0] == 0 for key in keys)


def fitting(order: Sequence[Module]) -> int:
    """How many layers from the first on fit each other."""
    value = Value()
    for count, module in enumerate(order):
        after = apply(module, value)
        if after is None:
            return count
        value = after
    return len(order)


def _merges(modules: Sequence[Module]) -> Iterable[list[Module]]:
    """Orders that fit and keep the numbers of equally named layers, as many as a bounded search finds."""
    queues: dict[tuple[str, ...], list[Module]] = {}
    for module in sorted(modules, key=lambda m: m.key):
        queues.setdefault(module.pattern, []).append(module)
    lines = list(queues.values())
    pending: list[tuple[tuple[int, ...], Value, tuple[Module, ...]]] = [((0,) * len(lines), Value(), ())]
    for _ in range(MAX_SEARCH_STEPS):
        if not pending:
            return
        heads, value, chain = pending.pop()
        if len(chain) == len(modules):
            yield list(chain)
        for i in reversed(range(len(lines))):
            if heads[i] < len(lines[i]):
                after = apply(lines[i][heads[i]], value)
                if after is not None:
                    moved = (*heads[:i], heads[i] + 1, *heads[i + 1 :])
                    pending.append((moved, after, (*chain, lines[i][heads[i]])))


def _ask_for_order(readings: Sequence[Sequence[Module]]) -> Exception:
    choices = tuple(",".join(module.prefix for module in reading) for reading in readings)
    reason = "names and shapes allow several orders"
    return ask([Question(field="order", text="Order of layers", suggestion=choices[0], choices=choices, reason=reason)])


def _misfit(order: Sequence[Module]) -> UnsupportedNetworkError:
    count = fitting(order)
    before, module = order[count - 1], order[count]
    return UnsupportedNetworkError(
        f"Expected a layer that takes the {before.shape[0]} outputs of {next(iter(before.names.values()))!r}, "
        f"got {module.described}. " + HOW_TO_EXPORT
    )
