"""Randomness as a function of a seed and a position, so that a resumed run needs no generator state."""

import hashlib

import torch
from jaxtyping import Int64
from torch import Tensor


def derive_seed(seed: int, stream: str, position: int) -> int:
    """Return a seed of 63 bits for one position of one named stream; different arguments give unrelated seeds."""
    digest = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def epoch_order(
    num_items: int, *, seed: int, epoch: int, groups: Int64[Tensor, " items"] | None = None, together: int = 1
) -> Int64[Tensor, " items"]:
    """Return the order in which one epoch visits the items: a permutation fixed by (seed, epoch).

    Args:
        num_items: how many there are.
        seed: of the run.
        epoch: its number.
        groups: a group of each item, of which `together` stand side by side, as far as there are as many; the runs
            that they make stand in random order. None: items stand in any order.
        together: items of a run.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    order = torch.randperm(num_items, generator=generator)
    if groups is None:
        return order
    runs = [run for group in groups.unique() for run in order[groups[order] == group].split(together)]
    return torch.cat([runs[number] for number in torch.randperm(len(runs), generator=generator).tolist()])


def seed_step(generator: torch.Generator, *, seed: int, step: int) -> None:
    """Seed `generator` and the default generators of its device and of the CPU for one training step.

    The default generators are what dropout draws from. Seeding them at every step makes each step a function of
    the weights, the optimiser's state and (seed, step) alone.
    """
    generator.manual_seed(derive_seed(seed, "noise", step))
    torch.default_generator.manual_seed(derive_seed(seed, "dropout", step))
    if generator.device.type != "cpu":
        torch.get_device_module(generator.device).manual_seed(derive_seed(seed, "dropout", step))
