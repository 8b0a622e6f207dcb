"""What tests let workers do; in a file of its own, which their processes can import."""

import os
import signal
import time
from pathlib import Path

PATIENCE_S = 60


def prepare(folder, factor):
    """The shared argument; leaves a mark of each process that made it."""
    (folder / f"prepared-{os.getpid()}-{time.monotonic_ns()}").touch()
    return folder, factor


def multiply(shared, item):
    """The item times the shared factor, the process that computed it, and its threads of torch."""
    import torch

    return item * shared[1], os.getpid(), torch.get_num_threads()


def meet(folder, item):
    """The process that computed an item, once two processes have come to compute one."""
    (folder / str(os.getpid())).touch()
    wait_until(lambda: len(list(folder.iterdir())) >= 2)
    return os.getpid()


def stall_once(folder, item):
    """The first number of an array; where that is 0, it tells its process and stalls, unless it has done so before."""
    mark = folder / "stalling"
    if item[0] == 0 and not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(PATIENCE_S)
    return item[0]


def end_its_process(shared, item):
    """Item 2 ends its process, as the system does when memory runs out; each other item is its own result."""
    if item == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def refuse(shared, item):
    """An error with arguments of its own."""
    from ngcore.errors import UnknownNameError

    raise UnknownNameError("item", item, ["none"])


def kill_the_stalling(folder: Path):
    """Wait for the process in which `stall_once` stalls and kill it."""
    mark = folder / "stalling"
    wait_until(lambda: mark.exists() and mark.read_text())
    os.kill(int(mark.read_text()), signal.SIGKILL)


def wait_until(done):
    """Return once done() is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def double(shared, item):
    """Twice the item."""
    return 2 * item
