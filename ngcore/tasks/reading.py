"""What a model makes of the networks of a split: answers, embeddings and traits beside the truth, by run."""

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ngcore.models import Model
from ngcore.tasks.corpus import Corpus
from ngcore.tasks.traits import family_of, measure_traits
from ngcore.zoo.storage import Zoo


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a model makes of networks of a split.

    Attributes:
        answers: (networks, classes) probabilities, or (networks, 1) predicted accuracies.
        truth: (networks,) labels or measured accuracies.
        embeddings: (networks, d).
        traits: (networks, traits).
        runs: (networks,) run of each.
        families: (networks,) family of each, see `family_of`.
        rows: (networks,) their positions in the zoo's metadata.
    """

    answers: Float[Tensor, "networks answers"]
    truth: Tensor
    embeddings: Float[Tensor, "networks d"]
    traits: Float[Tensor, "networks traits"]
    runs: NDArray[np.int64]
    families: np.ndarray
    rows: np.ndarray


def runs_of(zoo: Zoo, rows: np.ndarray) -> NDArray[np.int64]:
    """A number for each network of some rows of a zoo: those of one run, or fitted to one image, have the same."""
    table = zoo.metadata.iloc[rows]
    runs: NDArray[np.int64] = table["run"].to_numpy().astype(np.int64)
    images = table["image"].to_numpy().astype(np.int64) if "image" in table else rows
    numbers: NDArray[np.int64] = np.where(runs >= 0, runs, -1 - images)
    if "zoo" in table:  # of several zoos, each of which counts its runs from 0
        zoos = np.unique(table["zoo"].to_numpy(), return_inverse=True)[1]
        numbers = np.unique(np.stack([zoos, numbers], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    return numbers


@torch.no_grad()
def read_corpus(model: Model, task: str, corpus: Corpus, device: torch.device, *, limit: int | None = None) -> Reading:
    """Let a model answer about networks of a split, in random order.

    Args:
        model: In evaluation mode, on `device`.
        task: "classify" or "predict".
        corpus: The split.
        device: Where to compute.
        limit: Largest number of networks, drawn with a fixed seed.
    """
    order = torch.randperm(len(corpus), generator=torch.Generator().manual_seed(0))[:limit]
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.compiler.set_stance("force_eager"):  # batches of many sizes
        for index in order.split(128):
            stacks, places = zip(*corpus.batch(index, device), strict=True)
            back = torch.cat(places).argsort()
            logits, embedded = model(stacks).float().cpu()[back], model.embed(stacks).float().cpu()[back]
            answers = logits.softmax(dim=1) if task == "classify" else logits[:, :1].sigmoid()
            parts.append((answers, embedded, torch.cat([measure_traits(stack) for stack in stacks])[back]))
    answers, embeddings, traits = (torch.cat(column) for column in zip(*parts, strict=True))
    families = np.array([family_of(stack.architecture) for stack in corpus.stacks])
    return Reading(
        answers,
        corpus.column("label" if task == "classify" else "accuracy")[order],
        embeddings,
        traits,
        runs_of(corpus.zoo, corpus.rows)[order.numpy()],
        families[corpus.stack[order].numpy()],
        corpus.rows[order.numpy()],
    )
