"""Running one function over many items: in this process, in several of this machine, or on a cluster of machines."""

import contextlib
import dataclasses
import importlib.util
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from ngcore.errors import NeuralGraphError, WorkerError
from ngcore.workers.task import Task, versions

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Workers:
    """Who computes.

    Attributes:
        processes: Processes of this machine; 1 is this process alone.
        scheduler: Address of a Dask scheduler, such as "tcp://10.0.0.1:8786", whose workers compute instead.

    Raises:
        NeuralGraphError: If both are given, or there are fewer than one process.
        WorkerError: If Dask is not installed.
    """

    processes: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise NeuralGraphError(f"Expected at least 1 worker process, got {self.processes}.")
        if self.scheduler is not None and self.processes != 1:
            raise NeuralGraphError(
                f"Expected a number of processes or a scheduler, got {self.processes} and {self.scheduler}; "
                "a cluster has as many workers as were started on its machines."
            )
        if self.scheduler is not None:
            _expect_dask()


THIS_PROCESS = Workers()


def run_on_workers(
    function: Callable[[Shared, Item], Result],
    items: Iterable[Item],
    *,
    shared: Callable[[], Shared],
    workers: Workers = THIS_PROCESS,
) -> Iterator[tuple[int, Result]]:
    """Yield the position and the result of each item, in whatever order they become ready.

    Each call has one thread, so a result is the same to the last bit wherever it was computed, on processors of one
    kind. On a cluster, other workers compute again what a lost one was at, and workers may join while it runs.

    Args:
        function: function(shared, item), pure, and importable by its name in other processes.
        items: The second arguments. A sequence is handed out at once, an iterator as workers become free.
        shared: Makes the first argument, once in each process; such as `functools.partial(prepare, images)`, whose
            arguments are sent to each machine once. It must not rely on files: other machines may lack them.
        workers: Who computes.

    Raises:
        WorkerError: If workers cannot be reached, differ from this process in versions, or ended for good.
    """
    if workers == THIS_PROCESS:
        yield from _run_here(function, items, shared)
        return
    task = Task(function=function, shared=shared, key=uuid.uuid4().hex, versions=versions())
    if workers.scheduler is None:
        from ngcore.workers.processes import run_in_processes

        yield from run_in_processes(task, items, workers.processes)
    else:
        from ngcore.workers.cluster import run_on_cluster

        yield from run_on_cluster(task, items, workers.scheduler)


def _run_here(
    function: Callable[[Shared, Item], Result], items: Iterable[Item], shared: Callable[[], Shared]
) -> Iterator[tuple[int, Result]]:
    prepared: list[Shared] = []
    for position, item in enumerate(items):
        with _one_thread():
            prepared = prepared or [shared()]
            result = function(prepared[0], item)
        yield position, result


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _expect_dask() -> None:
    if importlib.util.find_spec("distributed") is None:
        raise WorkerError(
            "Expected the package distributed (Dask) for work on a cluster, got none; "
            "run: pip install 'ngcore[cluster]', or pip install distributed."
        )
