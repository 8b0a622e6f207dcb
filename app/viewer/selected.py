"""The neuron that is looked at, which the address names and pages share."""

from typing import TYPE_CHECKING

import ngcore.graph
from app.address import whole_number

if TYPE_CHECKING:
    from ngcore.networks import Architecture

NEURON = whole_number("neuron", most=10**8)
"""Its number in the whole graph."""


def selected_neuron(architecture: "Architecture") -> int | None:
    """Number of the neuron that is looked at; None for none, or where a network has fewer."""
    node = NEURON.get()
    return node if node is not None and node < ngcore.graph.graph_structure(architecture).num_nodes else None


def select_neuron(node: int | None) -> None:
    """Look at a neuron, or with None at none; for callbacks."""
    NEURON.set(node)
