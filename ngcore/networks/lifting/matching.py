"""What recognising patterns needs: a look at what a node reads, and at what it applies."""

import math

from ngcore.networks.layers import Activation
from ngcore.networks.lifting.nodes import Node


def sides(node: Node) -> list[tuple[Node, Node]]:
    """What a sum or product reads, in both orders."""
    one, other = node.reads
    assert one is not None
    assert other is not None
    return [(one, other), (other, one)]


def read_of(node: Node) -> Node:
    """The first tensor that a node reads."""
    read = node.reads[0]
    assert read is not None
    return read


def scaled(node: Node) -> tuple[Node, float]:
    """A node as factor · another."""
    if node.op == "affine" and node.attrs.get("shift", 0.0) == 0:
        return read_of(node), float(node.attrs.get("factor", 1.0))
    return node, 1.0


def activated(node: Node, function: str, **numbers: float) -> Node | None:
    """What a node applies an activation to, None if it applies no such one."""
    if node.op != "activate":
        return None
    layer: Activation = node.attrs["layer"]
    fits = layer.function == function and all(
        math.isclose(getattr(layer, name), number, rel_tol=1e-6) for name, number in numbers.items()
    )
    return read_of(node) if fits else None


def fixed(node: Node | None) -> Node | None:
    """The numbers themselves, of numbers that are repeated for every sample of the batch."""
    if node is not None and node.op == "expand" and read_of(node).op == "held":
        return read_of(read_of(node))
    return node
