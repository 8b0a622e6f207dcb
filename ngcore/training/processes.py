"""A training that several processes share, as `torchrun` starts them: which one this is, and what they tell others."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Process:
    """One of `count` processes, counted from 0."""

    rank: int = 0
    count: int = 1


@contextlib.contextmanager
def joined_processes() -> Iterator[Process]:
    """Meet the other processes that `torchrun` started, if it started this one; alone otherwise."""
    if this_process().count > 1 or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield this_process()
        return
    distributed.init_process_group("gloo")
    try:
        yield this_process()
        distributed.barrier()  # one that leaves while others still talk aborts
    finally:
        distributed.destroy_process_group()


def this_process() -> Process:
    """Which process this is."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Process()
    return Process(distributed.get_rank(), distributed.get_world_size())


def gathered(value: T) -> list[T]:
    """What each process says, by rank; all must ask."""
    process = this_process()
    if process.count == 1:
        return [value]
    found: list[T] = [value] * process.count
    distributed.all_gather_object(found, value)
    return found


def summed(tensor: Tensor) -> Tensor:
    """The sum over all processes; all must ask with the same shape."""
    if this_process().count == 1:
        return tensor
    total = tensor.to("cpu", torch.float64)
    distributed.all_reduce(total)
    return total.to(tensor)
