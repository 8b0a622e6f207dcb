"""The spaces of neurons that may take each other's places."""

import dataclasses
import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from ngcore.networks.architecture import Architecture
from ngcore.networks.labels import Indices, Labels, labels_of


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """Neurons that may take each other's places, or neurons that belong together and may not.

    Attributes:
        labels: Their labels, see `Labels`.
        values: The values among whose channels they are.
        is_fixed: Whether each must stay in its place (those of inputs and outputs).
        blocks: Sizes of the runs of `labels` inside which they may be permuted: several where a layer keeps groups or
            heads together.
        family: Spaces of one family may also exchange whole blocks, all of them in the same way; None where blocks must
            stay in place.
    """

    labels: Indices
    values: tuple[int, ...]
    is_fixed: bool
    blocks: tuple[int, ...]
    family: int | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return len(self.labels)


@dataclasses.dataclass(frozen=True, eq=False)
class SymmetrySpaces:
    """The spaces of an architecture.

    Example:
        A residual perceptron 2-3-3-1 whose second layer is added to its first has three spaces::

            value   0      1 ── relu ── 2      3 ── + ── 4      5
            step      Linear              Linear   2     Linear
            space   0      1            1      1         1      2

    Attributes:
        spaces: In the order in which the forward pass meets them.
        of_label: Number of the space of each label; −1 for positions whose order matters.
        labels: Where the labels stand.
    """

    spaces: tuple[Space, ...]
    of_label: Indices
    labels: Labels

    def of_channels(self, value: int) -> Indices:
        """Number of the space of each channel of a value."""
        return self.of_label[self.labels.of_value[value][0]]


@lru_cache(maxsize=256)
def symmetry_spaces(architecture: Architecture) -> SymmetrySpaces:
    """Find which neurons of an architecture may take each other's places.

    Neurons may where they are among the channels of the same values, equally often, are no inputs or outputs, and no
    layer gives them different roles. What is found is tried on the labels themselves: where a permutation would not fit
    all steps at once, its neurons are fixed.
    """
    labels = labels_of(architecture)
    is_fixed = labels.is_fixed.copy()
    while True:
        found = _spaces(labels, is_fixed)
        misfits = _misfits(architecture, found)
        if not misfits.any():
            return found
        is_fixed |= np.isin(found.of_label, found.of_label[misfits])


def _spaces(labels: Labels, is_fixed: NDArray[np.bool_]) -> SymmetrySpaces:
    kind = _kinds(labels, is_fixed)
    cell, family = _cells(labels, kind, is_fixed)
    order = np.lexsort((np.arange(labels.count), cell, kind))
    bounds = np.flatnonzero(np.diff(kind[order], prepend=-1, append=-1))
    members = [order[start:stop] for start, stop in itertools.pairwise(bounds)]
    members.sort(key=lambda own: int(own.min()))
    values = _values_of_kinds(labels, kind)
    of_label = np.full(labels.count, -1)
    spaces: list[Space] = []
    for own in members:
        if is_fixed[own[0]] and int(kind[own[0]]) not in values:
            continue  # positions
        of_label[own] = len(spaces)
        blocks = np.diff(np.flatnonzero(np.diff(cell[own], prepend=-2, append=-2)))
        first = int(own[0])
        is_free = not is_fixed[first]
        spaces.append(
            Space(
                labels=own,
                values=values.get(int(kind[first]), ()),
                is_fixed=not is_free,
                blocks=tuple(blocks.tolist()) if is_free else (len(own),),
                family=int(family[first]) if is_free and family[first] >= 0 else None,
            )
        )
    return SymmetrySpaces(tuple(spaces), of_label, labels)


def _kinds(labels: Labels, is_fixed: NDArray[np.bool_]) -> Indices:
    """A number for every label: one for all that are in the same axes of the same values, equally often."""
    kind = is_fixed.astype(np.int64)
    for axes in labels.of_value:
        for own in axes:
            present, counts = np.unique(own, return_counts=True)
            kind[present] = _refined(kind, present, counts)
    for own, place in labels.places:
        present, first = np.unique(own, return_index=True)
        least, most = np.full(labels.count, np.iinfo(np.int64).max), np.full(labels.count, -1)
        np.minimum.at(least, own, place)
        np.maximum.at(most, own, place)
        is_mixed = present[least[present] != most[present]]
        kind[present] = _refined(kind, present, place[first])
        kind[is_mixed] = kind.max() + 1 + np.arange(len(is_mixed))
    return kind


def _refined(kind: Indices, present: Indices, by: Indices) -> Indices:
    pairs = np.stack([kind[present], by])
    return kind.max() + 1 + np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)


def _values_of_kinds(labels: Labels, kind: Indices) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for value, axes in enumerate(labels.of_value):
        for own in np.unique(kind[axes[0]]).tolist():
            found.setdefault(own, []).append(value)
    return {own: tuple(values) for own, values in found.items()}


def _cells(labels: Labels, kind: Indices, is_fixed: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """The cell of each label, inside which it may move, and the family whose cells move as wholes; −1 for none."""
    cell, family = np.full(labels.count, -1), np.full(labels.count, -1)
    group = np.full(labels.count, -1)
    pinned: set[int] = set()
    for number, parts in enumerate(labels.groups):
        own = np.concatenate([part for part, _ in parts])
        groups = np.concatenate([of for _, of in parts])
        _join_families(number, own, groups, family, group, pinned)
        pairs = np.stack([cell[own], groups])
        _, first = np.unique(own, return_index=True)
        cell[own[first]] = cell.max() + 1 + np.unique(pairs[:, first], axis=1, return_inverse=True)[1].reshape(-1)
        memberships = np.unique(np.stack([own, groups]), axis=1)[0]
        labels_met, times = np.unique(memberships, return_counts=True)
        in_several = labels_met[times > 1]
        cell[in_several] = cell.max() + 1 + np.arange(len(in_several))  # each alone
    for number in np.unique(family[family >= 0]).tolist():
        own = np.flatnonzero(family == number)
        if number in pinned or is_fixed[own].any() or not _cells_are_alike(kind[own], group[own]):
            family[own] = -1
        else:
            cell[own] = group[own]
    return cell, family


def _join_families(
    number: int, own: Indices, groups: Indices, family: Indices, group: Indices, pinned: set[int]
) -> None:
    """Put the groups of one more layer into a family, with those of earlier layers that are the same groups."""
    met = np.unique(family[own][family[own] >= 0]).tolist()
    is_met = family[own] >= 0
    agrees = bool((group[own][is_met] == groups[is_met]).all())
    for other in met:
        family[family == other] = number
        if other in pinned or not agrees:
            pinned.add(number)
    family[own] = number
    group[own] = groups
    if not (group[own] == groups).all():  # one label in two groups
        pinned.add(number)


def _cells_are_alike(kind: Indices, group: Indices) -> bool:
    """Whether every group holds as many labels of every kind."""
    kinds = np.unique(kind, return_inverse=True)[1].reshape(-1)
    counts = np.zeros((kinds.max() + 1, group.max() + 1), np.int64)
    np.add.at(counts, (kinds, group), 1)
    return bool((counts == counts[:, :1]).all())


def _misfits(architecture: Architecture, found: SymmetrySpaces) -> NDArray[np.int64]:
    """Labels at which a permutation of their spaces does not fit what the layers do with channels."""
    sources = sources_of(found, _trial_orders(found)).numpy()
    labels = found.labels
    broken = [np.zeros(0, np.int64)]
    moved: dict[tuple[int, int], NDArray[np.int64]] = {}
    for value, axes in enumerate(labels.of_value):
        for axis, own in enumerate(axes):
            moved[value, axis] = np.stack([order_along(own, source) for source in sources])
    for number, step in enumerate(architecture.steps):
        made = architecture.num_inputs + number
        for expected, got, channels in _equations(architecture, step.reads, made, moved, labels):
            broken.append(channels[(expected != got).any(axis=0)])
    return np.unique(np.concatenate(broken))


def _trial_orders(found: SymmetrySpaces) -> list[Tensor]:
    """Orders that move every neuron that may move: shifted within blocks, blocks shifted, reversed, and four random."""
    drawn = draw_orders(found, 4, torch.Generator().manual_seed(0))
    orders = []
    for space, random in zip(found.spaces, drawn, strict=True):
        own = torch.arange(space.size)
        trials = own.expand(3, -1)
        if not space.is_fixed:
            blocks = own.split(space.blocks)
            turned = torch.cat([block.roll(1) for block in blocks])
            reversed_ = torch.cat([block.flip(0) for block in blocks])
            moved = own if space.family is None else torch.cat([blocks[-1], *blocks[:-1]])
            trials = torch.stack([turned, reversed_, moved])
        orders.append(torch.cat([trials, random]))
    return orders


def _equations(
    architecture: Architecture,
    reads: tuple[int, ...],
    made: int,
    moved: dict[tuple[int, int], NDArray[np.int64]],
    labels: Labels,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Indices]]:
    """(order of what is made as the layer makes it of what it reads, order by labels, labels) along the channels."""
    layer = architecture.steps[made - architecture.num_inputs].layer
    y, own = moved[made, 0], labels.of_value[made][0]
    xs = [moved[value, 0] for value in reads]
    match layer.flow:
        case "spread":
            count = y.shape[1] // xs[0].shape[1]
            yield _spread_order(xs[0], count, channels_last=layer.channels_last), y, own  # type: ignore[attr-defined]
        case "gather":
            count = xs[0].shape[1] // y.shape[1]
            spread = _spread_order(y, count, channels_last=layer.channels_last)  # type: ignore[attr-defined]
            yield spread, xs[0], labels.of_value[reads[0]][0]
        case "join" if layer.axis == 0:  # type: ignore[attr-defined]
            starts = np.cumsum([0, *(x.shape[1] for x in xs)])
            yield np.concatenate([x + start for x, start in zip(xs, starts, strict=False)], axis=1), y, own
        case "cut" if layer.axis == 0:  # type: ignore[attr-defined]
            kept = np.arange(layer.start, layer.stop, layer.step)  # type: ignore[attr-defined]
            yield xs[0][:, kept], kept[y], own
        case "add" | "multiply":
            for x in xs:
                if x.shape == y.shape:
                    yield x, y, own
        case "attend":
            heads = (layer.num_heads, layer.kv_heads)  # type: ignore[attr-defined]
            yield _as_heads(xs[1], *heads), xs[0], labels.of_value[reads[0]][0]
            yield _as_heads(xs[2], *heads), y, own


def _as_heads(order: NDArray[np.int64], heads: int, kv_heads: int) -> NDArray[np.int64]:
    """The order of the channels of keys or values as that of queries, whose heads share them."""
    repeats, d = heads // kv_heads, order.shape[1] // kv_heads
    by_head = order.reshape(len(order), kv_heads, 1, d)
    shared = (by_head // d * repeats + np.arange(repeats)[:, None]) * d + by_head % d
    return shared.reshape(len(order), -1)


def _spread_order(order: NDArray[np.int64], count: int, *, channels_last: bool) -> NDArray[np.int64]:
    if channels_last:
        return (np.arange(count)[:, None] * order.shape[1] + order[:, None, :]).reshape(len(order), -1)
    return (order[:, :, None] * count + np.arange(count)).reshape(len(order), -1)


def order_along(own: Indices, source: Indices) -> Indices:
    """The old place of what moves to each place along an axis: the k-th of a label goes to the k-th of another."""
    present, local, counts = np.unique(own, return_inverse=True, return_counts=True)
    by_label = np.argsort(local.reshape(-1), kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(own), np.int64)
    rank[by_label] = np.arange(len(own)) - np.repeat(starts, counts)
    return by_label[starts[np.searchsorted(present, source[own])] + rank]


def draw_orders(found: SymmetrySpaces, count: int, generator: torch.Generator) -> list[Tensor]:
    """Random orders (count, size) of the neurons of every space; fixed spaces keep theirs."""
    block_ranks: dict[int, Tensor] = {}
    orders = []
    for space in found.spaces:
        if space.is_fixed or space.size == 1:
            orders.append(torch.arange(space.size).expand(count, -1))
            continue
        ranks = torch.arange(len(space.blocks)).expand(count, -1)
        if space.family is not None:
            if space.family not in block_ranks:
                drawn = torch.rand(ranks.shape, generator=generator, dtype=torch.float64)
                block_ranks[space.family] = drawn.argsort(dim=1)
            ranks = block_ranks[space.family]
        rank_of_neuron = ranks.repeat_interleave(torch.tensor(space.blocks), dim=1)
        keys = torch.rand(rank_of_neuron.shape, generator=generator, dtype=torch.float64)
        orders.append((rank_of_neuron + keys).argsort(dim=1))
    return orders


def sources_of(found: SymmetrySpaces, orders: list[Tensor]) -> Int[Tensor, "networks labels"]:
    """For each label the one whose neuron takes its place."""
    sources = torch.arange(found.labels.count).repeat(len(orders[0]), 1)
    for space, order in zip(found.spaces, orders, strict=True):
        own = torch.from_numpy(space.labels)
        sources[:, own] = own[order.cpu()]
    return sources
