"""The order of layers: proposed by names, decided by whether each layer takes what the one before gives."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.limits import MAX_SEARCH_STEPS
from ngcore.upload.modules import HOW_TO_EXPORT, Module, Token


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


def order_modules(modules: Sequence[Module], *, is_ordered: bool) -> tuple[list[Module], str]:
    """Find the order in which every layer fits the one before.

    Args:
        modules: Layers in the order of the file.
        is_ordered: Whether that order is the one in which they were defined.

    Returns:
        The order, and in plain words where it comes from.

    Raises:
        UnsupportedNetworkError: If no order fits, naming the first tensor that does not; or if several do.
    """
    natural = sorted(modules, key=lambda module: module.key)
    trusted = [(natural, "by the numbers in their names")] if _are_numbered(natural) else []
    if is_ordered:
        trusted.append((list(modules), "from the order of the file"))
    for order, reason in trusted:
        if _fitting(order) == len(order):
            return order, reason
    guesses = _guesses(natural)
    fitting = [guess for guess in guesses if _fitting(guess[0]) == len(guess[0])]
    if fitting:
        return min(fitting, key=lambda guess: _surprises(guess[0]))
    found = list(itertools.islice(_merges(modules), 2))
    if len(found) == 1:
        return found[0], "by matching their shapes"
    if found:
        raise UnsupportedNetworkError(
            "Expected names that say the order of the layers, got names and shapes that allow several: "
            f"{_sketch(found[0])} or {_sketch(found[1])}. Number the layers."
        )
    raise _misfit(max((order for order, _ in (*trusted, *guesses)), key=_fitting))


def _guesses(natural: Sequence[Module]) -> list[tuple[list[Module], str]]:
    """Orders that usual names mean, where neither numbers nor the file say one."""
    by_number = sorted(natural, key=lambda m: (m.numbers, m.is_norm, m.key))
    by_stage = sorted(natural, key=lambda m: (m.kind == "linear", m.numbers, m.is_norm, m.key))
    return [
        (list(natural), "from their names"),
        (by_number, "by the numbers in their names"),
        (by_stage, "by the numbers in their names, convolutions first"),
    ]


def _surprises(order: Sequence[Module]) -> int:
    """How many layers of a fitting order are unusual: a norm at the start, convolutions in groups."""
    pairs = itertools.pairwise(order)
    grouped = sum(two.kind == "conv2d" and two.shape[1] != one.shape[0] for one, two in pairs)
    return grouped + order[0].is_norm


def _are_numbered(natural: Sequence[Module]) -> bool:
    """Whether, after what all prefixes share, every prefix goes on with a number."""
    keys: list[tuple[Token, ...]] = [module.key for module in natural]
    shared = sum(1 for _ in itertools.takewhile(lambda tokens: len(set(tokens)) == 1, zip(*keys, strict=False)))
    return all(len(key) > shared and key[shared][0] == 0 for key in keys)


def _fitting(order: Sequence[Module]) -> int:
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


def _misfit(order: Sequence[Module]) -> UnsupportedNetworkError:
    count = _fitting(order)
    before, module = order[count - 1], order[count]
    return UnsupportedNetworkError(
        f"Expected a layer that takes the {before.shape[0]} outputs of {next(iter(before.names.values()))!r}, "
        f"got {module.described}. " + HOW_TO_EXPORT
    )


def _sketch(order: Sequence[Module]) -> str:
    return ", ".join(repr(module.prefix) for module in order[:4]) + (", …" if len(order) > 4 else "")
