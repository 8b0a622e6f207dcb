"""Several processes of this machine, by way of joblib."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ngcore.errors import WorkerError
from ngcore.workers.task import Task, call


def run_in_processes(task: Task, items: Iterable[Any], processes: int) -> Iterator[tuple[int, Any]]:
    """Yield positions and results of the items as they become ready.

    Raises:
        WorkerError: If a process was ended from outside.
    """
    try:
        yield from run_in_parallel(task, items, backend="loky", n_jobs=processes, inner_max_num_threads=1)
    except TerminatedWorkerError as error:
        raise WorkerError(
            "A worker process was ended from outside, most likely by the system for lack of memory. "
            "Run the same again, with fewer workers if so; what is finished is kept."
        ) from error


def run_in_parallel(task: Any, items: Iterable[Any], **where: Any) -> Iterator[tuple[int, Any]]:
    """Yield positions and results of the items as they become ready.

    Args:
        task: The task, or what the backend turns into one.
        items: The items; see `run_on_workers`.
        where: Arguments of `joblib.parallel_config`.
    """
    pre_dispatch = "all" if isinstance(items, Sequence) else "2 * n_jobs"
    with parallel_config(**where):
        parallel = Parallel(return_as="generator_unordered", pre_dispatch=pre_dispatch, batch_size=1)
    # In a tuple, as joblib would keep a large item on one Dask worker alone, and lose it together with that one.
    results = parallel(delayed(call)(task, pair) for pair in enumerate(items))
    try:
        while result := next(results, None):
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib warns of results that nobody took, as when this run is stopped
            results.close()
