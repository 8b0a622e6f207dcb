"""A cache that is bounded in bytes, for results that hold arrays and whose sizes strangers decide."""

import functools
import inspect
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class ByteCache:
    """Results by their keys, the least recently used dropped where all together would exceed `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The result of a key, made if it is not here; one that is too large alone is not kept."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key][0]
        result = make()  # without the lock: others need not wait, and at worst one result is made twice
        size = size_of(result)
        with self._lock:
            if key not in self._entries and size <= self.max_bytes:
                self._entries[key] = (result, size)
                self.num_bytes += size
            while self.num_bytes > self.max_bytes:
                self.num_bytes -= self._entries.popitem(last=False)[1][1]
        return result


def remembered(*, max_bytes: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function to remember its results, as `st.cache_resource` does, within a number of bytes.

    Results are shared by all sessions, so nobody may change them. Arguments whose names begin with an underscore are
    no part of the key.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        cache, signature = ByteCache(max_bytes), inspect.signature(function)

        @functools.wraps(function)
        def remember(*args: P.args, **kwargs: P.kwargs) -> R:
            given = signature.bind(*args, **kwargs).arguments
            key = tuple((name, value) for name, value in given.items() if not name.startswith("_"))
            return cache.get(key, lambda: function(*args, **kwargs))

        return remember

    return decorate


def size_of(value: object) -> int:
    """Bytes of all arrays and texts that a value holds, through containers and attributes."""
    seen: set[int] = set()
    pending, total = [value], 0
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        total += int(one.nbytes) if hasattr(one, "nbytes") else sys.getsizeof(one)
        if hasattr(one, "nbytes") or isinstance(one, type):
            continue
        if isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            pending += one
        else:
            pending += vars(one).values() if hasattr(one, "__dict__") else ()
    return total
