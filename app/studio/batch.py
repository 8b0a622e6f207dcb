"""The same chain of edits for many networks of a zoo at once: networks, pictures, targets and errors."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from app import answers, cached
from app.answers import Card
from app.studio.chain import Chain
from app.studio.states import State, aimed_at, distances, originals, render, size_for, states_of
from ngcore.networks import Network
from ngcore.tasks import classify_inrs
from ngcore.zoo import Zoo

MAX_BATCH = 512
PART = 64  # networks that are edited in one go, between two signs of progress


@dataclass(frozen=True)
class Batch:
    """Networks before and after a chain of edits.

    Attributes:
        ids: Of the networks in their zoo.
        given: The networks.
        network: The edited networks.
        before: (networks, height, width[, 3]) what they showed, not clipped.
        after: What they show.
        errors_before: (networks,) mean squared distances from the targets without the edits.
        errors: With them.
        has_originals: Whether the targets were made from the images that the networks were fitted to.
        problems: Why steps were left out, in words.
    """

    ids: list[str]
    given: Network
    network: Network
    before: np.ndarray
    after: np.ndarray
    errors_before: np.ndarray
    errors: np.ndarray
    has_originals: bool
    problems: list[str]


def spread(positions: Sequence[int], count: int) -> list[int]:
    """So many of the positions, evenly spread; all of them where they are not more."""
    if len(positions) <= count:
        return list(positions)
    return [positions[i] for i in np.linspace(0, len(positions) - 1, count).round().astype(int)]


def batch_key(zoo: Zoo, positions: list[int], chain: Chain) -> Hashable:
    """What a batch depends on: networks, steps, the models that there are, and where they compute."""
    models = tuple(card["weights_sha256"] for card in cached.checkpoints(answers.EDIT))
    return part_key(zoo, positions), chain, models, str(cached.device())


def edit_batch(zoo: Zoo, positions: list[int], chain: Chain, progress: Callable[[int], object]) -> Batch:
    """Edit networks of a zoo.

    Args:
        zoo: The zoo.
        positions: Positions of the networks in its metadata.
        chain: The steps; those that nothing can do to such networks are left out.
        progress: Called with the number of networks that are done.
    """
    starts: list[State] = []
    ends: list[State] = []
    problems: list[str] = []
    has_originals, images = [], []
    for start in range(0, len(positions), PART):
        chosen = positions[start : start + PART]
        networks, given = zoo.networks(chosen), originals(zoo.name, chosen)
        size = size_for(None if given is None else given[0], networks.architecture)
        found = states_of(zoo.name, networks, chain, key=part_key(zoo, chosen), size=size)
        problems = [state.problem for state in found if state.problem]
        before, after = (render(state.network, size) for state in (found[0], found[-1]))
        is_usable = given is not None and given.shape == before.shape
        target = aimed_at(given if given is not None and is_usable else before.clip(0, 1), found[-1].steps)
        images.append((before, after, distances(before, target), distances(after, target)))
        has_originals.append(is_usable)
        starts.append(found[0])
        ends.append(found[-1])
        progress(start + len(chosen))
    ids = [str(name) for name in zoo.metadata["id"].iloc[positions]]
    before, after, errors_before, errors = (np.concatenate(column) for column in zip(*images, strict=True))
    given_networks, edited = (Network.cat([state.network for state in one]) for one in (starts, ends))
    return Batch(ids, given_networks, edited, before, after, errors_before, errors, all(has_originals), problems)


def part_key(zoo: Zoo, positions: Sequence[int]) -> str:
    """Text that identifies networks of a zoo; for caches."""
    digest = hashlib.sha256(",".join(map(str, positions)).encode()).hexdigest()
    return f"{zoo.hash}/{digest[:24]}"


def classified(card: Card, network: Network) -> np.ndarray:
    """(networks, classes) probabilities that a model sees in INRs."""
    model = answers.checkpoint(card["name"], card["weights_sha256"])
    return classify_inrs(model, network.to(cached.device())).numpy()
