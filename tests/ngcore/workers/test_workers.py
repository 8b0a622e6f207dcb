"""One function over many items: the same results in this process, in others, and on a cluster that loses workers."""

import functools
import os
import sys
import time
from threading import Thread, Timer

import numpy as np
import pytest
import torch
import worker_tasks

import ngcore.workers.run
from ngcore.errors import NeuralGraphError, UnknownNameError, WorkerError
from ngcore.workers import Workers, run_on_workers


@pytest.fixture
def on_cluster(cluster):
    return Workers(scheduler=cluster.scheduler_address)


def results_of(function, items, shared, workers):
    """The results in the order of the items."""
    found = dict(run_on_workers(function, items, shared=shared, workers=workers))
    assert sorted(found) == list(range(len(found)))
    return [found[position] for position in range(len(found))]


def test_workers_that_join_later_take_part(cluster, on_cluster, tmp_path):
    """Each item waits for a second process: with the one worker of the start alone, none would ever be ready."""
    cluster.scale(1)
    worker_tasks.wait_until(lambda: len(cluster.scheduler.workers) == 1)
    joining = Timer(0.5, cluster.scale, [2])
    joining.start()
    processes = results_of(worker_tasks.meet, range(4), functools.partial(type(tmp_path), tmp_path), on_cluster)
    joining.join()
    assert len(set(processes)) == 2
    assert os.getpid() not in processes


@pytest.mark.parametrize("where", ["here", "processes", "cluster"])
@pytest.mark.parametrize("make", [list, iter], ids=["at once", "as workers become free"])
def test_results_are_those_of_a_loop_with_one_thread(where, make, on_cluster, tmp_path):
    workers = {"here": Workers(), "processes": Workers(processes=2), "cluster": on_cluster}[where]
    torch.set_num_threads(2)
    shared = functools.partial(worker_tasks.prepare, tmp_path, 3)
    results = results_of(worker_tasks.multiply, make(list(range(6))), shared, workers)
    assert [(value, threads) for value, _, threads in results] == [(3 * i, 1) for i in range(6)]
    processes = {process for _, process, _ in results}
    assert (processes == {os.getpid()}) == (where == "here")
    assert len(list(tmp_path.iterdir())) == len(processes)
    assert torch.get_num_threads() == 2


def test_what_a_lost_worker_was_at_is_computed_again(on_cluster, tmp_path):
    shared = functools.partial(type(tmp_path), tmp_path)
    killer = Thread(target=worker_tasks.kill_the_stalling, args=[tmp_path])
    killer.start()
    started = time.monotonic()
    items = [np.full(100_000, i) for i in range(6)]
    assert results_of(worker_tasks.stall_once, items, shared, on_cluster) == list(range(6))
    assert time.monotonic() - started < worker_tasks.PATIENCE_S
    killer.join()


@pytest.mark.parametrize("where", ["here", "processes", "cluster"])
def test_an_error_in_a_worker_is_the_error_of_the_run(where, on_cluster):
    workers = {"here": Workers(), "processes": Workers(processes=2), "cluster": on_cluster}[where]
    with pytest.raises(UnknownNameError, match="Unknown item 0; choose from: none"):
        results_of(worker_tasks.refuse, [0], dict, workers)


def test_a_run_that_is_given_up_leaves_the_workers_to_the_next(on_cluster):
    first = run_on_workers(worker_tasks.double, range(50), shared=dict, workers=on_cluster)
    assert next(first)[1] in range(0, 100, 2)
    first.close()
    assert results_of(worker_tasks.double, range(3), dict, on_cluster) == [0, 2, 4]


def test_workers_of_other_versions_are_refused(on_cluster, monkeypatch):
    monkeypatch.setattr(ngcore.workers.run, "versions", lambda: {"ngcore": "9", "torch": "8.7"})
    with pytest.raises(WorkerError, match=r"Expected workers with ngcore 9 and torch 8.7, got one with ngcore \d"):
        results_of(worker_tasks.double, range(2), dict, on_cluster)


def test_a_scheduler_that_is_not_there_is_an_error_within_seconds(free_port, monkeypatch):
    import ngcore.workers.cluster

    monkeypatch.setattr(ngcore.workers.cluster, "CONNECT_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port}"
    started = time.monotonic()
    with pytest.raises(WorkerError, match=rf"Expected a Dask scheduler at {address}, got no answer .*dask scheduler"):
        results_of(worker_tasks.double, range(2), dict, Workers(scheduler=address))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("address", ["nonsense", "smoke://127.0.0.1:1", "tcp://", ""])
def test_what_is_no_address_is_an_error(address, monkeypatch):
    import ngcore.workers.cluster

    monkeypatch.setattr(ngcore.workers.cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(WorkerError, match=f"Expected a Dask scheduler at {address}"):
        results_of(worker_tasks.double, range(2), dict, Workers(scheduler=address))


def test_a_scheduler_without_workers_is_an_error(monkeypatch):
    from distributed import LocalCluster

    import ngcore.workers.cluster

    monkeypatch.setattr(ngcore.workers.cluster, "WAIT_FOR_WORKERS_SECONDS", 0.3)
    message = r"Expected workers at the scheduler .*, got none .* dask worker tcp://"
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty, pytest.raises(WorkerError, match=message):
        results_of(worker_tasks.double, range(2), dict, Workers(scheduler=empty.scheduler_address))


def test_without_dask_a_scheduler_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        WorkerError, match=r"Expected the package distributed \(Dask\) .* pip install 'ngcore\[cluster\]'"
    ):
        Workers(scheduler="tcp://127.0.0.1:8786")
    assert results_of(worker_tasks.double, range(2), dict, Workers()) == [0, 2]


def test_processes_and_a_scheduler_exclude_each_other():
    with pytest.raises(NeuralGraphError, match="Expected a number of processes or a scheduler, got 4 and tcp://a:1;"):
        Workers(processes=4, scheduler="tcp://a:1")
    with pytest.raises(NeuralGraphError, match="Expected at least 1 worker process, got 0"):
        Workers(processes=0)


@pytest.mark.parametrize("where", ["processes", "cluster"])
def test_an_item_that_ends_its_process_again_and_again_is_an_error(where, cluster, on_cluster, monkeypatch):
    """Dask allows an item to go down with three workers; here with none, as they take seconds to start."""
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    workers, message = {
        "processes": (Workers(processes=2), "A worker process was ended from outside, most likely by the system for"),
        "cluster": (on_cluster, f"The workers of {cluster.scheduler_address} ended again and again over the same item"),
    }[where]
    with pytest.raises(WorkerError, match=message):
        results_of(worker_tasks.end_its_process, range(4), dict, workers)
