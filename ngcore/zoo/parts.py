"""The parts of a zoo: computed by any workers, each from itself alone, and written as they become ready."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ngcore.networks import Network
from ngcore.workers import THIS_PROCESS, Workers, run_on_workers
from ngcore.zoo.writer import ZooWriter

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Stacks = Sequence[tuple[Network, Sequence[Mapping[str, Any]]]]
Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part(Generic[Item]):
    """Networks that are computed and written together.

    Attributes:
        key: Name of the part; see `ZooWriter.part_path`.
        ids: Ids of its networks; a finished zoo that holds them all need not compute them again.
        size: How much it counts in the progress, in runs or networks.
        item: All that tells it from other parts.
    """

    key: str
    ids: Sequence[str]
    size: int
    item: Item


def write_parts(
    writer: ZooWriter,
    parts: Sequence[Part[Item]],
    compute: Callable[[Shared, Item], Stacks],
    *,
    shared: Callable[[], Shared],
    workers: Workers = THIS_PROCESS,
    progress: Progress | None = None,
) -> None:
    """Write the parts that the writer's folder lacks, each as soon as it is computed.

    Args:
        writer: Of the zoo.
        parts: All parts of the zoo.
        compute: compute(shared, item): the stacks of a part with their rows of metadata; see `run_on_workers`.
        shared: Makes what all parts need, images above all, once in each process.
        workers: Who computes.
        progress: Called with what is done and what there is in all, at the start and after every part.

    Raises:
        WorkerError: If the workers fail; parts that are written are kept.
    """
    missing = [part for part in parts if not writer.has_part(part.key) and not writer.reuse(part.key, part.ids)]
    total = sum(part.size for part in parts)
    done = total - sum(part.size for part in missing)
    _report(progress, done, total)
    for position, stacks in run_on_workers(compute, [part.item for part in missing], shared=shared, workers=workers):
        writer.write_part(missing[position].key, stacks)
        done += missing[position].size
        _report(progress, done, total)


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
