"""A Dask cluster, by way of joblib."""

import contextlib
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

from distributed import Client, KilledWorker
from distributed.comm import get_address_host_port
from distributed.protocol.pickle import dumps, loads
from joblib._dask import DaskDistributedBackend

from ngcore.errors import NeuralGraphError, WorkerError
from ngcore.workers.processes import run_in_parallel
from ngcore.workers.task import Task, forget

CONNECT_SECONDS = 5
WAIT_FOR_WORKERS_SECONDS = 20


def run_on_cluster(task: Task, items: Iterable[Any], address: str) -> Iterator[tuple[int, Any]]:
    """Yield positions and results of the items as they become ready.

    The task goes to the scheduler as an item of its own, from which workers take it: a worker that is lost together
    with it gets it again.

    Raises:
        WorkerError: If the scheduler can't be reached, has no workers or loses too many of them.
    """
    with _connect(address) as client, _explain(address):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            sent = client.submit(loads, dumps(task), key=f"ngcore-{task.key}")
        yield from run_in_parallel(sent, items, backend=_Backend(client=client))


class _Backend(DaskDistributedBackend):
    """joblib's backend without two of its gaps.

    With a single worker of one thread, joblib computes in this process; and it waits forever for an item that Dask
    gave up, since nobody tells it.
    """

    def effective_n_jobs(self, n_jobs: int) -> int:
        return max(2, int(super().effective_n_jobs(n_jobs)))

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Future[Any]:
        future: Future[Any] = super().submit(func, callback)

        def tell(done: Future[Any]) -> None:
            if callback is not None and (error := done.exception()) is not None:
                callback(error)

        future.add_done_callback(tell)
        return future


@contextlib.contextmanager
def _connect(address: str) -> Iterator[Client]:
    try:
        # A client that fails to connect may block a later one when it is garbage-collected: look first.
        socket.create_connection(get_address_host_port(address), timeout=CONNECT_SECONDS).close()
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, OverflowError) as error:
        raise WorkerError(
            f"Expected a Dask scheduler at {address}, got no answer ({error}); start one with: dask scheduler"
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_SECONDS)
        except TimeoutError as error:
            raise WorkerError(
                f"Expected workers at the scheduler {address}, got none within {WAIT_FOR_WORKERS_SECONDS} seconds; "
                f"start some on each machine with: dask worker {address} --nworkers auto --nthreads 1"
            ) from error
        yield client
        with contextlib.suppress(Exception):
            client.run(forget)
    finally:
        client.close()


@contextlib.contextmanager
def _explain(address: str) -> Iterator[None]:
    try:
        yield
    except NeuralGraphError:
        raise
    except KilledWorker as error:
        raise WorkerError(
            f"The workers of {address} ended again and again over the same item, most likely for lack of memory. "
            "Run the same again with fewer workers on a machine; what is finished is kept."
        ) from error
    except (CancelledError, OSError) as error:
        raise WorkerError(
            f"The scheduler {address} can no longer be reached. "
            "Start it and its workers, and run the same again; what is finished is kept."
        ) from error
    except ModuleNotFoundError as error:
        raise WorkerError(
            f"Expected {error.name} on the machines of {address}, scheduler included, got none; install ngcore there."
        ) from error
