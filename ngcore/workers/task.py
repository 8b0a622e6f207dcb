"""What a worker is sent and does."""

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

from ngcore.allocator import keep_freed_memory
from ngcore.errors import WorkerError


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """What all calls of a run have in common.

    Attributes:
        function: What is called with the shared argument and an item.
        shared: Makes the shared argument.
        key: Of the run; tasks of one key are equal, in whatever process.
        versions: Of the packages that decide results, where the run was started.
    """

    function: Callable[[Any, Any], Any]
    shared: Callable[[], Any]
    key: str
    versions: dict[str, str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def versions() -> dict[str, str]:
    """Versions of the packages that decide results."""
    import torch

    from ngcore import __version__

    return {"ngcore": __version__, "torch": torch.__version__.split("+")[0]}


def call(task: Task, numbered: tuple[int, Any]) -> tuple[int, Any]:
    """Compute one item with one thread, in a process that does nothing else.

    Args:
        task: What to do.
        numbered: The position of an item, and the item.

    Returns:
        The position and the result.

    Raises:
        WorkerError: If other versions are installed here than where the run was started.
    """
    import torch

    torch.set_num_threads(1)
    with _preparing:
        shared = _prepare(task)
    position, item = numbered
    return position, task.function(shared, item)


_preparing = threading.Lock()


@functools.lru_cache(maxsize=1)
def _prepare(task: Task) -> Any:
    if task.versions != (here := versions()):
        raise WorkerError(f"Expected workers with {_in_words(task.versions)}, got one with {_in_words(here)}.")
    keep_freed_memory()
    return task.shared()


def forget() -> None:
    """Free what the last run prepared in this process."""
    _prepare.cache_clear()


def _in_words(found: dict[str, str]) -> str:
    return " and ".join(f"{name} {version}" for name, version in found.items())
