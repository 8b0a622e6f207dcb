"""Asking a model about all networks of a zoo: in this process, in several, or on a cluster."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ngcore.errors import CheckpointError, ZooError
from ngcore.networks import Network
from ngcore.tasks.checkpoints import Checkpoint, can_read, restore_checkpoint
from ngcore.workers import THIS_PROCESS, Workers, run_on_workers
from ngcore.zoo import Zoo

NETWORKS_AT_ONCE = 256


def ask_about_zoo(
    ask: Callable[[Checkpoint, Network], Tensor],
    checkpoint: Checkpoint,
    zoo: Zoo,
    rows: Sequence[int] | np.ndarray,
    *,
    workers: Workers = THIS_PROCESS,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """A model's answers for networks of a zoo.

    Workers are sent the model and the networks, so they need neither. They have one thread each, in which sums may
    differ in the last bits from those of several threads in this process.

    Args:
        ask: `embed_networks`, `predict_accuracy` or `classify_inrs`.
        checkpoint: The model.
        zoo: The zoo.
        rows: Positions in its metadata; networks of several architectures may be among them.
        workers: Who computes.
        progress: Called with the networks done and the networks in all, at the start and after every part.

    Returns:
        What `ask` answers, (rows, ...), in the order of the rows.

    Raises:
        ZooError: If there are no rows.
        CheckpointError: If the model cannot read some of the networks, or answers another question.
        NotFiniteError: If it has no finite answer for one of them.
        WorkerError: If the workers fail.
    """
    rows = np.asarray(rows)
    if not len(rows):
        raise ZooError(f"Expected networks of {zoo.name} to ask about, got none.")
    _expect_readable(checkpoint, zoo, rows)
    chunks = _chunks(zoo, rows)
    answers: dict[int, np.ndarray] = {}
    done = 0
    _report(progress, done, len(rows))
    for number, answer in _ask_in_chunks(ask, checkpoint, (zoo.networks(rows[chunk]) for chunk in chunks), workers):
        answers[number] = answer.numpy()
        done += len(chunks[number])
        _report(progress, done, len(rows))
    in_chunks = np.concatenate([answers[number] for number in range(len(chunks))])
    in_order: np.ndarray = in_chunks[np.argsort(np.concatenate(chunks))]
    return in_order


def _ask_in_chunks(
    ask: Callable[[Checkpoint, Network], Tensor], checkpoint: Checkpoint, networks: Iterator[Network], workers: Workers
) -> Iterator[tuple[int, Tensor]]:
    if workers == THIS_PROCESS:
        yield from ((number, ask(checkpoint, network)) for number, network in enumerate(networks))
        return
    weights = {name: tensor.cpu().numpy() for name, tensor in checkpoint.model.state_dict().items()}
    shared = functools.partial(_restore, checkpoint.card, weights, str(checkpoint.device))
    yield from run_on_workers(ask, networks, shared=shared, workers=workers)


def _restore(card: dict[str, Any], weights: dict[str, np.ndarray], device: str) -> Checkpoint:
    return restore_checkpoint(card, {name: torch.from_numpy(array.copy()) for name, array in weights.items()}, device)


def _expect_readable(checkpoint: Checkpoint, zoo: Zoo, rows: np.ndarray) -> None:
    kinds, counts = np.unique(zoo.metadata["architecture"].to_numpy()[rows].astype(str), return_counts=True)
    for kind, count in zip(kinds, counts, strict=True):
        if not can_read(checkpoint.card, architecture := zoo.architectures[kind]):
            raise CheckpointError(
                f"Expected a model that can read all networks of {zoo.name}, got {checkpoint.name}, which cannot read "
                f"{count:,} of {len(rows):,}, such as {architecture.name}."
            )


def _chunks(zoo: Zoo, rows: np.ndarray) -> list[np.ndarray]:
    """Positions in `rows`, those of one architecture at a time."""
    names = zoo.metadata["architecture"].to_numpy()[rows].astype(str)
    groups = (np.flatnonzero(names == name) for name in np.unique(names))
    return [
        group[start : start + NETWORKS_AT_ONCE] for group in groups for start in range(0, len(group), NETWORKS_AT_ONCE)
    ]


def _report(progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)
