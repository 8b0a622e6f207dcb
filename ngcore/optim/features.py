"""What the learned optimiser sees of a network in training: numbers for every edge block and every neuron."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.graph import EDGE_KINDS, GraphStructure, edge_kernels, node_features
from ngcore.networks import Network
from ngcore.optim.moments import Moments

QUANTITIES = ("value", "gradient", "fast", "slow", "step")
PAIRS = (("gradient", "fast"), ("gradient", "slow"), ("fast", "slow"), ("value", "step"), ("gradient", "step"))
NUM_STATISTICS = len(QUANTITIES) - 1 + len(PAIRS)
NUM_CLOCK = 7
NUM_FACTS = 5 + len(EDGE_KINDS)
TINY = 1e-20
CLIP = 2.0
"""Largest logarithm, either way, that is told."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """What is seen of N networks at one step.

    Attributes:
        structure: Of their graph.
        learned: Indices of the edge blocks that carry parameters; the lists below follow them.
        links: How strongly neurons are connected, (networks, groups, sources, targets), each target's sum 1.
        incoming: Statistics of the weights that enter each target, (networks, groups, targets, `NUM_STATISTICS`).
        outgoing: The same of those that leave each source, (networks, groups, sources, `NUM_STATISTICS`).
        whole: The same of the whole block, (networks, `NUM_STATISTICS` + scales).
        biases: Statistics of the neurons' own parameters, (networks, nodes, `NUM_STATISTICS`).
    """

    structure: GraphStructure
    learned: tuple[int, ...]
    links: Sequence[Tensor]
    incoming: Sequence[Tensor]
    outgoing: Sequence[Tensor]
    whole: Sequence[Tensor]
    biases: Tensor


def view(structure: GraphStructure, values: Network, gradients: Network, moments: Moments, steps: Network) -> View:
    """Look at N networks.

    All is relative (to the block, to the size of a step), so that neither the scale of the loss nor that of the weights
    shows, but how far a step would change them.

    Args:
        structure: Of the networks' graph.
        values: The networks.
        gradients: Of their losses.
        moments: With these gradients as the last.
        steps: What the hand-made optimiser would do, at the start of its schedule.
    """
    learned = tuple(i for i, block in enumerate(structure.edge_blocks) if block.parameter is not None)
    blocks = [structure.edge_blocks[i] for i in learned]
    seen = (values, gradients, as_networks(values, moments.fast), as_networks(values, moments.slow), steps)
    kernels = zip(*(edge_kernels(network, blocks) for network in seen), strict=True)
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = [_of_block(own) for own in kernels]
    links, incoming, outgoing, whole = (list(part) for part in zip(*parts, strict=True))
    own = [node_features(network)[..., 0] for network in seen]
    return View(
        structure=structure,
        learned=learned,
        links=links,
        incoming=incoming,
        outgoing=outgoing,
        whole=whole,
        biases=_of_biases(structure, own),
    )


def _of_block(kernels: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Links, and statistics by target, by source and of all, of kernels (networks, groups, sources, targets, …)."""
    value, gradient, fast, slow, step = (kernel.flatten(4) for kernel in kernels)
    by_name = {"value": value, "gradient": gradient, "fast": fast, "slow": slow, "step": step}
    squares = torch.stack([by_name[name].square().mean(-1) for name in QUANTITIES], dim=-1)
    products = torch.stack([(by_name[a] * by_name[b]).mean(-1) for a, b in PAIRS], dim=-1)
    size = squares[..., 0].sqrt()
    links = size / (size.sum(2, keepdim=True) + TINY)
    total = squares.mean((1, 2, 3))
    sums = [(squares.mean(axis), products.mean(axis)) for axis in (2, 3)]
    incoming, outgoing = (_statistics(square, product, total[:, None, None]) for square, product in sums)
    overall = _statistics(total, products.mean((1, 2, 3)), total)
    scales = torch.stack([_log_ratio(total[:, 4], total[:, 0]), _log_ratio(total[:, 3], total[:, 1])], dim=-1)
    return links, incoming, outgoing, torch.cat([overall, scales], dim=-1)


def _of_biases(structure: GraphStructure, own: Sequence[Tensor]) -> Float[Tensor, "networks nodes statistics"]:
    """Statistics of biases, each beside those of its block."""
    squares = torch.stack([tensor.square() for tensor in own], dim=-1)
    by_name = dict(zip(QUANTITIES, own, strict=True))
    products = torch.stack([by_name[a] * by_name[b] for a, b in PAIRS], dim=-1)
    parts = []
    for block in structure.node_blocks:
        square = squares[:, block.start : block.stop]
        total = square.mean(1, keepdim=True)
        parts.append(_statistics(square, products[:, block.start : block.stop], total))
    return torch.cat(parts, dim=1)


def _statistics(squares: Tensor, products: Tensor, total: Tensor) -> Float[Tensor, "*axes statistics"]:
    """Logarithms of sizes beside those of the whole (all but the step's), and cosines."""
    sizes = _log_ratio(squares[..., :-1], total[..., :-1].expand_as(squares[..., :-1]))
    index = {name: i for i, name in enumerate(QUANTITIES)}
    norms = torch.stack([squares[..., index[a]] * squares[..., index[b]] for a, b in PAIRS], dim=-1)
    return torch.cat([sizes, products / (norms.sqrt() + TINY)], dim=-1)


def _log_ratio(square: Tensor, other: Tensor) -> Tensor:
    """Half the logarithm of a ratio of sizes that are given as squares, cut off; 0 where both are 0."""
    return (0.25 * ((square + TINY) / (other + TINY)).log()).clamp(-CLIP, CLIP)


@functools.lru_cache(maxsize=256)
def facts(structure: GraphStructure) -> Float[Tensor, "learned facts"]:
    """What the structure says of each block with parameters: depth, fans, size of kernels, and kind."""
    rows = []
    last = max(1, len(structure.node_blocks) - 1)
    for block in structure.edge_blocks:
        if block.parameter is None:
            continue
        groups, sources, targets = structure.edge_shape(block)
        area = math.prod(block.kernel)
        kind = [float(block.kind == other) for other in EDGE_KINDS]
        sizes = [math.log(count) / 5 for count in (sources * area, targets * area, area, groups)]
        rows.append([structure.node_blocks[block.target].alike / last, *sizes, *kind])
    return torch.tensor(rows)


def clock(step: int, total_steps: int | None) -> Float[Tensor, " clock"]:
    """The time: how far a training has come, and how long it is, as far as that is known.

    Args:
        step: Steps made.
        total_steps: Of the whole training; None where that is not known.
    """
    made = math.log10(1 + step) / 3
    if total_steps is None:
        return torch.tensor([0.0, 0.0, 0.0, 0.0, made, 0.0, 0.0])
    share = min(step / total_steps, 1.0)
    left = math.log(1.0 - share + 0.02) / 4
    return torch.tensor([1.0, share, share**2, left, made, math.log10(total_steps) / 3, float(share < 0.05)])


def as_networks(values: Network, tensors: Mapping[str, Tensor]) -> Network:
    """Networks with these tensors in place of their parameters, and zeros where there is none."""
    return values.having(
        {name: tensors[name] if name in tensors else torch.zeros_like(own) for name, own in values.parameters.items()}
    )
