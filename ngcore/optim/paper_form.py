"""Learned optimisers in the paper's own form, additive and for every parameter, with and without the neural graph."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ngcore.graph import EDGE_KINDS, BlockLayout, GraphStructure, edge_kernels, graph_structure, node_features
from ngcore.models.message_passing import MessagePassing
from ngcore.models.relational_attention import RelationalAttention
from ngcore.networks import Network
from ngcore.optim.rule import ROLES

PaperKind = Literal["ng-gnn", "ng-t", "mlp", "lstm"]
PAPER_KINDS: tuple[PaperKind, ...] = get_args(PaperKind)

MOMENTA = (0.5, 0.9, 0.99, 0.999, 0.9999)
"""How much of each mean of past gradients stays at a step."""

NUM_FEATURES = 2 * (2 + len(MOMENTA))
LOG_RANGE = 10.0
"""Logarithms of what is smaller than exp(-10) are cut off."""

STEP_SCALE, LOG_SCALE = 0.01, 0.01
KERNEL = 3
"""Side that kernels are padded to where they are smaller, and averaged to where they are larger."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperConfig:
    """The numbers of a `PaperRule`.

    Attributes:
        kind: What is read beside a parameter's own features: the neural graph, by NG-GNN or NG-T; nothing ("mlp"); or
            its own past ("lstm").
        d: Width of the states of parameters, neurons and edges.
        d_answer: Numbers that the graph answers for every edge and every neuron.
        num_layers: Layers of the graph network.
        num_heads: Attention heads of NG-T.
    """

    kind: PaperKind = "ng-gnn"
    d: int = 32
    d_answer: int = 64
    num_layers: int = 3
    num_heads: int = 4

    @property
    def interval(self) -> int:
        """Steps for which an answer is used: one."""
        return 1

    @property
    def has_graph(self) -> bool:
        """Whether the graph is read."""
        return self.kind in ("ng-gnn", "ng-t")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return dataclasses.asdict(self)


PAPER_PRESETS: dict[str, PaperConfig] = {
    "ng-gnn-paper": PaperConfig(kind="ng-gnn"),
    "ng-t-paper": PaperConfig(kind="ng-t"),
    "per-parameter-mlp": PaperConfig(kind="mlp"),
    "per-parameter-lstm": PaperConfig(kind="lstm"),
}


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a `PaperRule` keeps of the past of N networks with P parameters that are learned.

    Attributes:
        momenta: Exponential means of gradients, (momenta, networks, P).
        hidden: States of an LSTM, (networks, P, d) each: output and cell; of other kinds nothing.
    """

    momenta: Float[Tensor, "momenta networks parameters"]
    hidden: tuple[Tensor, ...] = ()

    def tensors(self) -> list[Tensor]:
        """All of them in a row; inverse of `of`."""
        return [self.momenta, *self.hidden]

    @classmethod
    def of(cls, tensors: list[Tensor]) -> "Memory":
        """From `tensors()`."""
        return cls(tensors[0], tuple(tensors[1:]))

    def detach(self) -> "Memory":
        """The same without its gradient history."""
        return Memory.of([tensor.detach() for tensor in self.tensors()])


class PaperRule(nn.Module):
    """A step of every parameter from 14 features of its own (Kofinas et al. 2024, Sec. 4.3), and what it reads beside.

        features   (log|x| / 10, sign x) of x = value, gradient, five momenta (Andrychowicz et al. 2016)
        step       -0.01 · s · exp(0.01 · m), (s, m) = MLP[features, beside]

    The neural graph has neurons with the features of their biases and edges with those of their kernels; NG-GNN or NG-T
    answers with `d_answer` numbers for each of them, which all parameters of an edge share. Without a graph this is the
    per-parameter MLP (Metz et al. 2020), or an LSTM that runs along the training (Andrychowicz et al. 2016). The last
    layer starts at zero: untrained it moves nothing. Nothing depends on the order of neurons.

    Args:
        config: Its numbers.
    """

    def __init__(self, config: PaperConfig | None = None) -> None:
        super().__init__()
        self.config = config or PaperConfig()
        d = self.config.d
        if self.config.kind == "lstm":
            self.cell = nn.LSTMCell(NUM_FEATURES, d)
        else:
            self.own = nn.Linear(NUM_FEATURES, d)
        if self.config.has_graph:
            self.graph = _GraphReader(self.config)
            self.beside = nn.Linear(self.config.d_answer, d, bias=False)
        self.head = nn.Sequential(nn.SiLU(), nn.Linear(d, d), nn.SiLU(), nn.Linear(d, 2))
        for parameter in self.head[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, network: Network, gradients: Mapping[str, Tensor], memory: Memory | None
    ) -> tuple[Memory, dict[str, Tensor]]:
        """The steps, to be subtracted, of N networks.

        Args:
            network: The networks.
            gradients: Of each parameter that is learned, (networks, *shape), always in the same order.
            memory: Of the step before; None before the first.

        Returns:
            The memory after this step, and the steps by parameter.
        """
        values = torch.cat([network.parameters[name].flatten(1) for name in gradients], dim=1)
        gradient = torch.cat([own.flatten(1) for own in gradients.values()], dim=1)
        momenta = _momenta(gradient, None if memory is None else memory.momenta)
        told = features(torch.stack([values, gradient, *momenta], dim=-1)).flatten(-2)  # networks, parameters, 14
        hidden: tuple[Tensor, ...] = ()
        if self.config.kind == "lstm":
            before = memory.hidden if memory is not None else (told.new_zeros(*told.shape[:2], self.config.d),) * 2
            after = self.cell(told.flatten(0, 1), tuple(state.flatten(0, 1) for state in before))
            hidden = tuple(state.view(*told.shape[:2], -1) for state in after)
            state = hidden[0]
        else:
            state = self.own(told)
        if self.config.has_graph:
            state = state + self._beside(network, tuple(gradients), told)
        direction, size = self.head(state).unbind(-1)
        step = STEP_SCALE * direction * (LOG_SCALE * size).exp()
        pieces = step.split([own[0].numel() for own in gradients.values()], dim=1)
        steps = {name: piece.view_as(gradients[name]) for name, piece in zip(gradients, pieces, strict=True)}
        return Memory(momenta, hidden), steps

    def _beside(self, network: Network, names: tuple[str, ...], told: Tensor) -> Float[Tensor, "networks parameters d"]:
        """What the graph says to every parameter."""
        structure = graph_structure(network.architecture)
        places = _places(structure, names)
        said = self.beside(self.graph(structure, places, told))
        return functional.pad(said, (0, 0, 0, 1))[:, places.owners.to(told.device)]


def features(x: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes 2"]:
    """(log|x| / 10, sign x) where |x| is at least exp(-10); below that (-1, x · exp(10))."""
    size = (x.abs().clamp(min=math.exp(-LOG_RANGE)).log() / LOG_RANGE).clamp(-1.0, 1.0)
    return torch.stack([size, (x * math.exp(LOG_RANGE)).clamp(-1.0, 1.0)], dim=-1)


def _momenta(gradient: Tensor, before: Tensor | None) -> Float[Tensor, "momenta networks parameters"]:
    decay = gradient.new_tensor(MOMENTA)[:, None, None]
    return (1 - decay) * gradient if before is None else torch.lerp(gradient.expand_as(before), before, decay)


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where the parameters that are learned stand in the graph; they are counted from 1, and 0 is none.

    Attributes:
        nodes: The bias of each neuron.
        kernels: The entries of each edge's kernel, by block (groups, sources, targets, height, width).
        owners: Of each parameter its neuron or edge, neurons first; one past the last where it is on neither.
    """

    nodes: Int[Tensor, " nodes"]
    kernels: tuple[Tensor, ...]
    owners: Int[Tensor, " parameters"]


@functools.lru_cache(maxsize=64)
def _places(structure: GraphStructure, names: tuple[str, ...]) -> _Places:
    """Found by sending the parameters' own numbers through the graph."""
    numbered, count = {}, 1
    shapes = structure.architecture.parameter_shapes
    for name, shape in shapes.items():
        numbered[name] = torch.zeros(1, *shape, dtype=torch.float64)
    for name in names:
        size = math.prod(shapes[name])
        numbered[name] = torch.arange(count, count + size, dtype=torch.float64).view(1, *shapes[name])
        count += size
    network = Network(structure.architecture, numbered)
    nodes = node_features(network)[0, :, 0].long()
    kernels = [
        torch.zeros_like(own[0], dtype=torch.long) if block.parameter is None else own[0].long()
        for block, own in zip(structure.edge_blocks, edge_kernels(network), strict=True)
    ]
    starts = [structure.num_nodes]
    for own in kernels:
        starts.append(starts[-1] + math.prod(own.shape[:3]))
    owners = torch.full((count,), starts[-1])
    for start, own in reversed(list(zip(starts[:-1], kernels, strict=True))):
        edges = torch.arange(math.prod(own.shape[:3])).view(*own.shape[:3], 1, 1)
        owners[own.flatten()] = (start + edges).expand_as(own).flatten()
    owners[nodes] = torch.arange(structure.num_nodes)
    return _Places(nodes, tuple(_padded(own) for own in kernels), owners[1:])


def _padded(kernels: Tensor) -> Tensor:
    """Small kernels centred in `KERNEL` × `KERNEL`; large ones as they are."""
    height, width = kernels.shape[-2:]
    if height > KERNEL or width > KERNEL:
        return kernels
    top, left = (KERNEL - height) // 2, (KERNEL - width) // 2
    return functional.pad(kernels, (left, KERNEL - width - left, top, KERNEL - height - top))


class _GraphReader(nn.Module):
    """NG-GNN or NG-T on the features of parameters: `d_answer` numbers for every neuron and every edge."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        d = config.d
        self.nodes, self.edges = nn.Linear(NUM_FEATURES, d), nn.Linear(KERNEL**2 * NUM_FEATURES, d)
        self.roles, self.kinds = nn.Embedding(len(ROLES), d), nn.Embedding(len(EDGE_KINDS), d)
        self.layers = nn.ModuleList(
            MessagePassing(d, d)
            if config.kind == "ng-gnn"
            else RelationalAttention(d, d, d_attention=d, num_heads=config.num_heads)
            for _ in range(config.num_layers)
        )
        self.of_node, self.of_edge = nn.Linear(d, config.d_answer), nn.Linear(d, config.d_answer)

    def forward(self, structure: GraphStructure, places: _Places, told: Tensor) -> Float[Tensor, "networks parts d"]:
        """The answers, those of neurons first.

        Args:
            structure: Of the graph.
            places: Of the parameters.
            told: Their features, (networks, parameters, 14).
        """
        known = functional.pad(told, (0, 0, 1, 0))
        roles = torch.cat([torch.full((block.size,), ROLES.index(block.role)) for block in structure.node_blocks])
        nodes = self.nodes(known[:, places.nodes.to(told.device)]) + self.roles(roles.to(told.device))
        edges = [
            self.edges(_kernel_features(known, index.to(told.device))) + self.kinds.weight[EDGE_KINDS.index(block.kind)]
            for block, index in zip(structure.edge_blocks, places.kernels, strict=True)
        ]
        layout = BlockLayout(structure)
        for layer in self.layers:
            nodes, edges = layer(layout, nodes, edges)
        return torch.cat([self.of_node(nodes), *(self.of_edge(own.flatten(1, 3)) for own in edges)], dim=1)


def _kernel_features(known: Tensor, index: Tensor) -> Float[Tensor, "networks groups sources targets d"]:
    """Features of kernels side by side, (…, 9 · 14)."""
    taken = known[:, index]  # networks, groups, sources, targets, height, width, 14
    if index.shape[-2:] != (KERNEL, KERNEL):
        pooled = functional.adaptive_avg_pool2d(taken.flatten(0, 3).movedim(-1, 1), KERNEL)
        taken = pooled.movedim(1, -1).unflatten(0, taken.shape[:4])
    return taken.flatten(-3)
