"""NG-Sweep over a plain list of edges, with torch_geometric: slow, close to the formulas, and equal to the fast one."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from ngcore.graph import GraphStructure, block_edge_index
from ngcore.models.input_spec import kernel_window
from ngcore.models.rows import edges_back, forward_order
from ngcore.models.sweep_model import Reading, SweepModel
from ngcore.models.sweeps import States, Sweep, free_signs
from ngcore.networks import Network


class PygSweepModel(nn.Module):
    """An NG-Sweep without probes that goes edge by edge; parameters are those of `model`.

    Args:
        model: Whose parameters to share.
    """

    def __init__(self, model: SweepModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, network: Network) -> Tensor:
        """As `SweepModel.forward` for one stack."""
        return torch.cat([self._answer(network[i]) for i in range(len(network))])

    def _answer(self, network: Network) -> Tensor:
        reading, nodes = self.model.read(network), None
        edges = _EdgeList(reading, self.model.spec.kernel_size)
        for sweep in self.model.sweeps:
            nodes = _sweep(cast(Sweep, sweep), reading, edges, nodes)
        assert nodes is not None  # there is at least one sweep
        blocks = reading.structure.node_blocks
        states: States = [nodes[None, block.start : block.stop] for block in blocks]
        return self.model.head.out(self.model.head.embed(reading.structure, states))


class _EdgeList:
    """The edges of one graph: ends (2, edges), kernels padded to one size (edges, area), and block of each."""

    def __init__(self, reading: Reading, size: tuple[int, int]) -> None:
        structure = reading.structure
        self.ends = block_edge_index(structure)
        kernels = []
        for block, own in zip(structure.edge_blocks, reading.edges, strict=True):
            rows = own[0].flatten(0, 2)  # edges, own area
            padded = rows.new_zeros(len(rows), math.prod(size))
            window = kernel_window(block.kernel, size)
            padded[:, slice(None) if window is None else window] = rows
            kernels.append(padded)
        self.kernels = torch.cat(kernels)
        counts = torch.tensor([len(own) for own in kernels])
        self.block = torch.repeat_interleave(torch.arange(len(counts)), counts)


def _sweep(sweep: Sweep, reading: Reading, edges: _EdgeList, before: Tensor | None) -> Tensor:
    """States of all nodes after a sweep, (nodes, d)."""
    reached = before
    if before is None and edges_back(reading.structure):
        reached = _once(sweep, reading, edges, None, None)
    return _once(sweep, reading, edges, before, reached)


def _once(sweep: Sweep, reading: Reading, edges: _EdgeList, before: Tensor | None, reached: Tensor | None) -> Tensor:
    structure, rows = reading.structure, sweep.rows.of(reading.structure)
    gains = sweep.depth_gain(structure) if sweep.depth_gain else [0.0] * len(structure.node_blocks)
    states = torch.zeros(structure.num_nodes, sweep.d, dtype=edges.kernels.dtype)
    order = forward_order(structure)
    for number in order if sweep.direction == "forward" else reversed(order):
        block, row = structure.node_blocks[number], rows[number]
        own = slice(block.start, block.stop)
        collected = _collected(sweep, structure, edges, number, states, reached)[own]
        collected = collected + reading.biases[number][0] * sweep.bias_direction[row] + reading.positions[number]
        gain = 1 + sweep.activation_gain[sweep.spec.activation_row(block.activation)] + gains[number]
        earlier = None if before is None else before[None, own]
        collected = (collected * gain).reshape(1, block.size, sweep.d)
        states = states.clone()
        states[own] = sweep.update[row](collected, earlier, has_sign=number in free_signs(structure))[0]
    return states


def _collected(
    sweep: Sweep, structure: GraphStructure, edges: _EdgeList, number: int, states: Tensor, reached: Tensor | None
) -> Tensor:
    """What the neurons of a block receive, edge by edge: Σ_i e_ij · A x_i / √fan, (nodes, d)."""
    far, near = edges.ends if sweep.direction == "forward" else edges.ends.flip(0)
    rows, total = sweep.rows.of(structure), torch.zeros_like(states)
    for index, block in enumerate(structure.edge_blocks):
        source, target = (block.source, block.target) if sweep.direction == "forward" else (block.target, block.source)
        given = reached if index in edges_back(structure) else states
        if target != number or given is None:
            continue
        own = edges.block == index
        maps = sweep.maps(rows[source])
        messages = torch.einsum("ek,kab,eb->ea", edges.kernels[own], maps, given[far[own]])
        fan = structure.edge_shape(block)[1 if sweep.direction == "forward" else 2] * math.prod(block.kernel)
        gain: Tensor | float = 1.0
        if sweep.edge_gain is not None and block.kind in sweep.spec.edge_kinds:
            gain = 1 + sweep.edge_gain[sweep.spec.edge_kinds.index(block.kind)]
        total = total + scatter(messages, near[own], dim_size=len(states), reduce="sum") * gain / math.sqrt(fan)
    return total
