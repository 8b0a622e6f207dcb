"""Parts of a file that need not be one network: actor and critic, generator and discriminator, branches, copies."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.hints import Hints
from ngcore.upload.modules import Module
from ngcore.upload.names import AVERAGED, are_attention, pieces, stage_of, stand_apart
from ngcore.upload.order import fitting
from ngcore.upload.questions import Question, ask
from ngcore.upload.shapes import Shape

ALL = "all"


def set_averages_aside(shapes: Mapping[str, Shape], hints: Hints) -> tuple[dict[str, Shape], list[str]]:
    """Shapes without those of averaged copies of the weights beside them, and a note that says so.

    Two whole parts of a file, the weights and their copy, both stay, and the user is asked for one. Where parts were
    said, those choose between them.
    """
    said = set(hints.part or ()) - {ALL}
    copies = [name for name in shapes if _is_copy(name, said)]
    own = {name: shape for name, shape in shapes.items() if name not in set(copies)}
    are_copied = all(shapes[name] in {(), *own.values()} for name in copies)
    if not own or not copies or not are_copied or (not hints.part and _are_two_parts(list(own), copies)):
        return dict(shapes), []
    listed = f"{copies[0]}{', …' if len(copies) > 1 else ''}"
    return own, [f"Set aside, as an averaged copy of the weights: {listed}."]


def _is_copy(name: str, said: set[str]) -> bool:
    """Whether a tensor is called an averaged copy, of the said parts if any are said."""
    if not said:
        return bool(pieces(name) & AVERAGED)
    path = name.split(".")
    is_within = bool(said & set(path)) and not any(pieces(part) & AVERAGED for part in said)
    return bool(pieces(name) & AVERAGED if is_within else pieces(path[-1]) & AVERAGED)


def _are_two_parts(own: Sequence[str], copies: Sequence[str]) -> bool:
    """Whether the weights and as many copies stand under a name each."""
    shared = _shared_depth([name.split(".") for name in (*own, *copies)])
    tops = [{".".join(name.split(".")[: shared + 1]) for name in names} for names in (own, copies)]
    return len(own) == len(copies) and [len(top) for top in tops] == [1, 1]


def _shared_depth(paths: Iterable[Sequence[str]]) -> int:
    """How many pieces all names start with."""
    return sum(1 for _ in itertools.takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False)))


def choose_parts(modules: Sequence[Module], hints: Hints) -> tuple[list[Module], list[str]]:
    """The layers of the intended network, and notes on what was set aside.

    Raises:
        UnsupportedNetworkError: If a part is not in the file, or the parts are those of an attention layer.
        AmbiguousNetworkError: If the file may hold several networks, or parts side by side, and it is not said.
    """
    if are_attention(module.prefix for module in modules):
        raise UnsupportedNetworkError(
            "The names are those of an attention layer, whose queries, keys and values stand side by side; "
            "only chains of layers are read."
        )
    parts = split(modules)
    if hints.part is not None:
        return _said(modules, parts, hints.part)
    reason = _doubt(parts)
    if not reason:
        return list(modules), []
    choices = _choices(parts)
    suggestion = next((choice for choice in choices if "ema" not in choice.lower() and choice != ALL), choices[0])
    question = Question(field="part", text="Part", suggestion=suggestion, choices=choices, reason=reason)
    raise ask([question])


def split(modules: Sequence[Module]) -> dict[str, list[Module]]:
    """Layers by the first piece of their names that is not shared by all; empty where that is a number."""
    paths = [module.prefix.split(".") for module in modules]
    shared = _shared_depth(paths)
    parts: dict[str, list[Module]] = {}
    for module, path in zip(modules, paths, strict=True):
        if len(path) <= shared or path[shared].isdecimal():
            return {}
        parts.setdefault(path[shared], []).append(module)
    return parts


def _said(
    modules: Sequence[Module], parts: dict[str, list[Module]], names: tuple[str, ...]
) -> tuple[list[Module], list[str]]:
    if names == (ALL,):
        return list(modules), ["All parts are read as one chain, as stated."]
    unknown = [name for name in names if name not in parts]
    if unknown:
        raise UnsupportedNetworkError(f"Expected a part among {', '.join(parts) or 'none'}, got {unknown[0]!r}.")
    chosen = [module for name in names for module in parts[name]]
    others = [name for name in parts if name not in names]
    notes = [f"Only {', '.join(names)} is read, as stated; {', '.join(others)} is set aside."] if others else []
    return chosen, notes


def _doubt(parts: dict[str, list[Module]]) -> str:
    """Why the parts may not be one chain; empty if nothing suggests that."""
    if len(parts) < 2:
        return ""
    copies = _copies(parts)
    if copies:
        return f"{copies[0]} and {copies[1]} hold the same layers, as copies do"
    apart = stand_apart(parts)
    if apart:
        return f"{' and '.join(apart[:3])} are names of networks or branches side by side"
    large = [name for name, modules in parts.items() if sum(not module.is_norm for module in modules) > 1]
    if len(large) > 1 and not all(stage_of(name) is not None for name in parts):
        return f"{' and '.join(large[:3])} may be networks of their own"
    return ""


def _copies(parts: dict[str, list[Module]]) -> list[str]:
    """Two parts of several layers with the same names and shapes within, the names of no stages."""
    seen: dict[tuple, str] = {}
    for name, modules in parts.items():
        form = tuple((module.prefix.partition(name)[2], module.shape) for module in modules)
        if len(form) > 1 and form in seen and not (stage_of(name) is not None and stage_of(seen[form]) is not None):
            return [seen[form], name]
        seen.setdefault(form, name)
    return []


def _choices(parts: dict[str, list[Module]]) -> tuple[str, ...]:
    """Each part alone, what is common with one of several heads, and all, as far as they fit."""
    apart = stand_apart(parts) or list(parts)
    common = [name for name in parts if name not in apart]
    readings: list[tuple[str, ...]] = [(name,) for name in parts if any(not module.is_norm for module in parts[name])]
    readings += [(*common, name) for name in apart if common]
    fitting_ones = [",".join(names) for names in readings if _fits([m for name in names for m in parts[name]])]
    every = [module for modules in parts.values() for module in modules]
    return (*dict.fromkeys(fitting_ones), *([ALL] if _fits(every) or not fitting_ones else []))


def _fits(modules: Sequence[Module]) -> bool:
    return fitting(modules) == len(modules) or fitting(sorted(modules, key=lambda m: m.key)) == len(modules)
