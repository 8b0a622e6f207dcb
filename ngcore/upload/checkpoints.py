"""Training checkpoints: which of the things that a file holds are the weights, what the others are, for all formats.

Names say it, with dots where dicts stand in dicts. This module needs the standard library alone, as the process that
reads pickles uses it too.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ngcore.errors import TooLargeError, UnsupportedNetworkError
from ngcore.upload.names import AVERAGED, pieces

STATE_DICT_KEYS = ("state_dict", "model_state_dict", "model", "network", "net", "params", "weights")
"""Keys under which checkpoints keep the weights, the surest first."""
SURE_KEYS = STATE_DICT_KEYS[:2]
WRAPPERS = frozenset({*STATE_DICT_KEYS, "module", "model_state", "model_weights", "variables", "target"})
"""First pieces of names that mean no layer where all names share them."""
INNER_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Pieces that torch.compile and others put into names at any depth."""
MAX_NESTING = 4  # dicts in dicts that are searched for a state dict; a file may hold itself
MAX_DEPTH = 12  # dicts and lists in each other when all is listed
MAX_VISITED = 200_000  # values that are looked at; one that is held in two places counts twice
MAX_ASIDE = 1_000  # names that are listed

SEPARATOR = re.compile(r"[./]")
OPTIMISER = re.compile(r"(\w+_)?(?i:optim(izer|iser)?s?|opt)(_.*|[A-Z]\w*)?")
OPTIMISER_TENSORS = frozenset({"exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "acc_delta"})
TRAINING = re.compile(r"(lr_)?schedulers?|(grad_)?scaler|amp|callbacks|loops|.*rng_states?", re.IGNORECASE)
PARAMETER = re.compile(r"(weight|bias|kernel|gamma|beta|embeddings?|running_(mean|var))(_\w+)?(:0)?")
OPTIMISER_REASON = "state of the optimiser"
TRAINING_REASON = "state of the training"
COPY_REASON = "averaged copy of the weights (EMA)"
BESIDE_REASON = "stands beside the weights"


def find_state_dict(loaded: Any) -> tuple[dict[Any, Any], str]:
    """The dict that holds the tensors, and the keys it stood under, such as "model.state_dict" ("" for the whole file).

    Args:
        loaded: What `load_pickle` made of the file.

    Raises:
        UnsupportedNetworkError: If there is none.
    """
    if not isinstance(loaded, dict):
        raise UnsupportedNetworkError(f"Expected a state dict, got an object of type {type(loaded).__name__}.")
    path: list[str] = []
    while len(path) < MAX_NESTING:
        key = next((key for key in STATE_DICT_KEYS if isinstance(loaded.get(key), dict)), None)
        if key is None:
            break
        path.append(key)
        loaded = loaded[key]
    return loaded, ".".join(path)


def flatten(loaded: Any, is_tensor: Callable[[Any], bool]) -> tuple[dict[str, Any], list[str]]:
    """All tensors in dicts, lists and tuples by their paths, and the paths of what is none.

    Raises:
        TooLargeError: If there is too much to look at.
    """
    tensors: dict[str, Any] = {}
    aside: list[str] = []
    waiting = [("", loaded, 0)]
    for _ in range(MAX_VISITED):
        if not waiting:
            return tensors, aside
        path, value, depth = waiting.pop()
        if is_tensor(value):
            name = path or "tensor"  # a file may hold a single one
            tensors[name if name not in tensors else f"{name} ({len(tensors)})"] = value
        elif isinstance(value, dict | list | tuple) and depth < MAX_DEPTH:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            inner = [(f"{path}.{key}" if path else str(key), item, depth + 1) for key, item in items]
            waiting += reversed(inner)  # so that the first comes off first
        elif len(aside) < MAX_ASIDE:
            aside.append(path)
        if len(waiting) > MAX_VISITED:
            break
    raise TooLargeError(f"Expected a file of at most {MAX_VISITED:,} values, got more.")


@dataclasses.dataclass(frozen=True)
class Unwrapped:
    """The weights of a checkpoint.

    Attributes:
        names: For the name of each of them in the file its name without what wraps all of them.
        aside: For the name of each other tensor why it is none of the weights.
        prefix: What was taken off the names, such as "state_dict.module"; empty if nothing was.
    """

    names: dict[str, str]
    aside: dict[str, str]
    prefix: str


def unwrap(shapes: Mapping[str, tuple[int, ...]]) -> Unwrapped:
    """Tell the weights of a checkpoint from optimiser states and averaged copies, and take off what wraps their names.

    Where nothing else would be left, nothing is set aside.

    Args:
        shapes: Shape of each tensor in the file by its full name.
    """
    aside: dict[str, str] = {}
    for find in (_training_state, _copies, _beside):
        rest = {name: shape for name, shape in shapes.items() if name not in aside}
        found = find(rest)
        if len(found) < len(rest):
            aside |= found
    names = [name for name in shapes if name not in aside]
    shown, prefix = _without_wrappers([[p for p in SEPARATOR.split(n) if p not in INNER_WRAPPERS] for n in names])
    originals = {name: _joined(name, path) for name, path in zip(names, shown, strict=True)}
    if len(set(originals.values())) < len(originals) or not all(originals.values()):
        originals, prefix = {name: name for name in names}, ""
    return Unwrapped(originals, aside, prefix)


def _training_state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    found = {}
    for name in shapes:
        path = SEPARATOR.split(name)
        if any(OPTIMISER.fullmatch(piece) for piece in path[:-1]) or path[-1] in OPTIMISER_TENSORS:
            found[name] = OPTIMISER_REASON
        elif TRAINING.fullmatch(path[0]):
            found[name] = TRAINING_REASON
    return found


def _copies(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Averaged copies, if each has the shape of a tensor that is none."""
    copies = [name for name in shapes if pieces(name.replace("/", ".")) & (AVERAGED | {"shadow"})]
    own = {shape for name, shape in shapes.items() if name not in set(copies)}
    return dict.fromkeys(copies, COPY_REASON) if all(shapes[name] in own | {()} for name in copies) else {}


def _beside(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """What stands beside a state dict and looks like no parameter."""
    tops = {name: SEPARATOR.split(name) for name in shapes}
    if not any(path[0] in SURE_KEYS for path in tops.values()):
        return {}
    others = [name for name, path in tops.items() if path[0] not in SURE_KEYS]
    if any(PARAMETER.fullmatch(tops[name][-1]) for name in others):
        return {}
    return dict.fromkeys(others, BESIDE_REASON)


def _without_wrappers(paths: list[list[str]]) -> tuple[list[list[str]], str]:
    """Paths without the first pieces that wrap all of them, and these."""
    taken: list[str] = []
    while paths and all(len(path) > 1 for path in paths):
        first = paths[0][0]
        is_wrapper = first in WRAPPERS and all(path[0] == first for path in paths)
        if not is_wrapper or (first not in SURE_KEYS and all(len(path) == 2 for path in paths)):
            break
        taken.append(first)
        paths = [path[1:] for path in paths]
    return paths, ".".join(taken)


def _joined(name: str, path: Iterable[str]) -> str:
    return ("/" if "/" in name else ".").join(path)
