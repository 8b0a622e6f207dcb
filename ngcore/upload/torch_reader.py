"""The process that reads the pickles of torch files: takes one from its input, describes its tensors on its output.

It gives up all rights before it reads the first byte. It imports no more than the standard library and modules of
this project that need no more either, so that it starts fast. Its answer is JSON: either "tensors", each with where
its numbers stand, or "error", the name of the `UploadError`, and "message".
"""

import json
import sys
from typing import Any

from ngcore.errors import TooLargeError, UnsupportedNetworkError, UploadError
from ngcore.text import clean_text
from ngcore.upload.checkpoints import find_state_dict, flatten
from ngcore.upload.limits import MAX_NDIM, MAX_STORED_NDIM, MAX_STORED_TENSORS, MAX_TENSORS
from ngcore.upload.lockdown import lock_process
from ngcore.upload.pickles import check_pickle, end_of_pickle
from ngcore.upload.unpickle import TensorView, load_pickle

MAX_INTEGER = 2**63
LENGTH_BYTES = 8  # of the length before each pickle and each answer, where a process reads many
NUM_LEGACY_PICKLES = 5  # a number that marks the format, its version, the machine, the content, keys of storages


def main() -> None:
    """Lock the process, read, answer."""
    *_, wanted, rules = sys.argv
    held = lock_process(**json.loads(rules))
    sys.stdout.buffer.write(answer_to(sys.stdin.buffer.read(), wanted, held=held))


def serve() -> None:
    """Lock the process, then read and answer one pickle after the other, each behind its length, until none comes."""
    *_, wanted, rules = sys.argv
    held = lock_process(**json.loads(rules))
    while head := sys.stdin.buffer.read(LENGTH_BYTES):
        pickle = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        answer = answer_to(pickle, wanted, held=held)
        sys.stdout.buffer.write(len(answer).to_bytes(LENGTH_BYTES, "big") + answer)
        sys.stdout.buffer.flush()


def answer_to(pickle: bytes, wanted: str, *, held: list[str]) -> bytes:
    """The answer about a pickle as JSON, an error among them; `held` names what took rights away from the process."""
    try:
        answer = WANTED[wanted](pickle)
    except UploadError as error:
        answer = {"error": type(error).__name__, "message": str(error), "has_recipe": bool(error.recipe)}
    except MemoryError:
        message = "Reading this torch file took too much memory, so it was stopped."
        answer = {"error": TooLargeError.__name__, "message": message}
    return json.dumps({"held": held, **answer}, ensure_ascii=False).encode(errors="replace")


def describe(pickle: bytes) -> dict[str, Any]:
    """The answer about a pickle: "tensors", "nested", the keys under which they stood, and "aside", what is no tensor.

    Raises:
        UploadError: If the pickle is refused.
    """
    check_pickle(pickle)
    state, nested = find_state_dict(load_pickle(pickle))
    state, aside = set_aside(state)
    return {"nested": nested, "aside": aside, "tensors": describe_tensors(state)}


def describe_all(pickle: bytes) -> dict[str, Any]:
    """The answer about a pickle as a file of weights: the "tensors" at all depths, and "aside", what is no tensor.

    Raises:
        UploadError: If the pickle is refused.
    """
    check_pickle(pickle)
    tensors, aside = flatten(load_pickle(pickle), lambda value: isinstance(value, TensorView))
    if len(tensors) > MAX_STORED_TENSORS:
        raise TooLargeError(f"Expected at most {MAX_STORED_TENSORS:,} tensors, got {len(tensors):,}.")
    return {"aside": aside, "tensors": [_describe(name, tensor, MAX_STORED_NDIM) for name, tensor in tensors.items()]}


def describe_legacy(head: bytes) -> dict[str, Any]:
    """The answer about the head of a file that torch wrote before 1.6: five pickles, behind which the numbers stand.

    Args:
        head: The first bytes of the file, the pickles among them.

    Returns:
        As `describe_all`, and "keys", those of the storages in their order, and "end", where these start.

    Raises:
        UploadError: If one of the pickles is refused, or they do not end within the head.
    """
    start, loaded = 0, []
    for _ in range(NUM_LEGACY_PICKLES):
        end = start + end_of_pickle(head[start:])
        check_pickle(head[start:end])
        loaded.append(load_pickle(head[start:end]))
        start = end
    tensors, aside = flatten(loaded[3], lambda value: isinstance(value, TensorView))
    if len(tensors) > MAX_STORED_TENSORS:
        raise TooLargeError(f"Expected at most {MAX_STORED_TENSORS:,} tensors, got {len(tensors):,}.")
    rows = [_describe(name, tensor, MAX_STORED_NDIM) for name, tensor in tensors.items()]
    keys = [str(key) for key in loaded[4]] if isinstance(loaded[4], list) else []
    return {"aside": aside, "tensors": rows, "keys": keys, "end": start}


def set_aside(state: dict[Any, Any]) -> tuple[dict[Any, Any], list[str]]:
    """A state dict without what is no tensor, such as settings beside the weights, and the names of that.

    Where there is no tensor at all, everything stays, so that the refusal can name it.
    """
    weights = {name: value for name, value in state.items() if isinstance(value, TensorView)}
    aside = [clean_text(str(name)) for name in state if name not in weights]
    return (weights, aside) if weights else (state, [])


def describe_tensors(state: dict[Any, Any]) -> list[list[Any]]:
    """Name, data type, key and size of the storage, offset, shape and strides of each tensor.

    Raises:
        TooLargeError: If there are too many, or one has too many axes.
        UnsupportedNetworkError: If something is no tensor, or a number of it is none.
    """
    if len(state) > MAX_TENSORS:
        raise TooLargeError(f"Expected at most {MAX_TENSORS:,} tensors, got {len(state):,}.")
    for name, tensor in state.items():
        shown = clean_text(str(name))
        if not isinstance(tensor, TensorView):
            raise UnsupportedNetworkError(f"Expected tensors only, got {type(tensor).__name__} under {shown!r}.")
        if not isinstance(name, str):
            raise UnsupportedNetworkError(f"Expected names of tensors as text, got {shown}.")
    return [_describe(name, tensor, MAX_NDIM) for name, tensor in state.items()]


def _describe(name: str, tensor: TensorView, max_ndim: int) -> list[Any]:
    if max(len(tensor.shape), len(tensor.strides)) > max_ndim:
        raise TooLargeError(
            f"Expected tensors of at most {max_ndim} axes, got {len(tensor.shape)} in {clean_text(name)!r}."
        )
    numbers = (tensor.storage.numel, tensor.offset, *tensor.shape, *tensor.strides)
    if not all(type(number) is int and 0 <= number < MAX_INTEGER for number in numbers):
        raise UnsupportedNetworkError(f"Expected whole numbers as the shape of {clean_text(name)!r}.")
    storage = tensor.storage
    return [name, storage.dtype, storage.key, storage.numel, tensor.offset, tensor.shape, tensor.strides]


WANTED = {"state_dict": describe, "everything": describe_all, "legacy": describe_legacy}
