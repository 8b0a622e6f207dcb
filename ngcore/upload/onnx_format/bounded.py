"""A foreign graph that computes with a stranger's constants, but not without end."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ngcore.errors import TooLargeError
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import OPERATIONS
from ngcore.upload.limits import MAX_FOLDED_NUMBERS, MAX_FOREIGN_OPERATIONS
from ngcore.upload.tensors import is_finite

FREE = ("reshape", "permute", "slice")  # views; they cost nothing until something reads them


MAX_VALUE = 1 << 28  # numbers of a value of a whole batch
MAX_REPEATS = 4_096  # times that one entry of a value is repeated, as each may become a step's reading


class BoundedGraph(ForeignGraph):
    """Counts operations, and the numbers that are computed from constants.

    Attributes:
        num_folded: Numbers computed so far, sums counted by what they sum.
    """

    def __init__(self) -> None:
        super().__init__()
        self.num_folded = self._num_applied = 0

    def apply(self, op: str, *reads: Node | None, path: str = "", **attrs: Any) -> Node:
        """See `ForeignGraph`.

        Raises:
            TooLargeError: If a limit is reached.
        """
        self._num_applied += 1
        if self._num_applied > MAX_FOREIGN_OPERATIONS:
            raise TooLargeError(f"Expected a graph of at most {MAX_FOREIGN_OPERATIONS:,} operations.")
        given = [read for read in reads if read is not None]
        if given and op not in FREE and all(read.is_constant for read in given):
            self.spend(_work(op, reads, given, attrs))
        made = super().apply(op, *reads, path=path, **attrs)
        if not made.is_constant and (math.prod(made.shape) > MAX_VALUE or _repeats(made) > MAX_REPEATS):
            raise TooLargeError(f"Expected values of moderate size, got one of shape {made.shape!s:.100}.")
        return made

    def derived(self, value: Tensor, reads: Sequence[Node], path: str = "") -> Node:
        """See `ForeignGraph`; what holds infinity is a mask, not learned."""
        node = super().derived(value, reads, path)
        if node.is_learned and not is_finite(value):
            node.is_learned = False
        return node

    def spend(self, count: int) -> None:
        """Account for `count` numbers that are about to be computed from constants.

        Raises:
            TooLargeError: If they are too many.
        """
        self.num_folded += count
        if self.num_folded > MAX_FOLDED_NUMBERS:
            raise TooLargeError(
                f"Expected a graph whose constants take at most {MAX_FOLDED_NUMBERS:,} numbers to compute."
            )


def _repeats(node: Node) -> int:
    """How often an expansion repeats what it reads."""
    first = node.operand(0)
    if node.op != "expand" or first is None:
        return 1
    return math.prod(node.shape) // max(math.prod(first.shape), 1)


def _work(op: str, reads: tuple[Node | None, ...], given: list[Node], attrs: dict[str, Any]) -> int:
    """Numbers that an operation on constants makes and looks at; 0 where the operation will be refused."""
    shapes = [None if read is None else torch.empty(read.shape, dtype=read.dtype, device="meta") for read in reads]
    try:
        made = math.prod(OPERATIONS[op](*shapes, **attrs).shape)
    except (RuntimeError, IndexError, TypeError, ValueError):
        return 0
    summed = given[0].shape[-1] if op in ("matmul", "linear", "attend") and given[0].shape else 1
    if op == "convolve":
        summed = math.prod(given[1].shape[1:])
    return made * max(summed // 16, 1) + sum(math.prod(read.shape) for read in given)
