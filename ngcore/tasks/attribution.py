"""Why a model answers as it does: the share of each layer, neuron and edge of the network that it reads.

Two methods that agree exactly where the answer is linear in the weights:

* gradient × input: θ · ∂answer/∂θ for every parameter, summed over a part's parameters (Shrikumar et al. 2016, "Not
  just a black box"), or averaged along a straight path (integrated gradients, Sundararajan et al. 2017);
* occlusion: how much the answer falls when a part is set to 0, or to the mean of each of its tensors (Zeiler & Fergus
  2014), measured for each part by asking the model again, many parts at a time.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import CheckpointError, ShapeMismatchError
from ngcore.graph import GraphStructure, graph_structure
from ngcore.networks import Network
from ngcore.tasks.answers import batches
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.parts import (
    Parts,
    edge_parts,
    first_places,
    layer_names,
    layer_parts,
    neuron_parts,
    neurons_of_nodes,
)

Answer = Callable[[Network], Float[Tensor, " networks"]]
"""One number for each network of a stack, through which gradients flow."""

Fill = Literal["zero", "mean"]
PartKind = Literal["layers", "neurons", "edges"]
PART_KINDS: tuple[PartKind, ...] = get_args(PartKind)
COPIES = 64  # networks with a part occluded that are asked about together
MAX_PARTS = 2_000
STRONGEST = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """What each part of one network contributes to an answer; a positive share makes the answer larger.

    Attributes:
        method: "gradient" or "occlusion".
        fill: What a part is compared with: zeros, or the mean of each tensor.
        explains: What the answer is.
        answer: Its value.
        structure: The neural graph that nodes and edges are those of.
        layers: Share of each step with parameters, by its name.
        nodes: (nodes,) share of the neuron that each node of the neural graph is; nodes that are one neuron (channels
            of a residual stream) have the same. NaN where it was not measured.
        edges: One tensor for each edge block, (groups, sources per group, targets per group). NaN where it was not
            measured; 0 for edges without weights.
        parameters: Share of every parameter, a stack of one; None for occlusion.
    """

    method: Literal["gradient", "occlusion"]
    fill: Fill
    explains: str
    answer: float
    structure: GraphStructure
    layers: dict[str, float]
    nodes: Float[Tensor, " nodes"]
    edges: tuple[Float[Tensor, "_ _ _"], ...]
    parameters: Network | None = None

    def strongest_edges(self, count: int = STRONGEST) -> list[dict[str, Any]]:
        """The edges with the largest |share|: layer, numbers of the source and target node, share."""
        found: list[dict[str, Any]] = []
        for block, values in zip(self.structure.edge_blocks, self.edges, strict=True):
            source, target = (self.structure.node_blocks[number] for number in (block.source, block.target))
            flat = values.flatten().nan_to_num()
            for edge in flat.abs().topk(min(count, len(flat))).indices.tolist():
                group, i, j = np.unravel_index(edge, values.shape)
                ends = {
                    "source": source.start + int(group) * values.shape[1] + int(i),
                    "target": target.start + int(group) * values.shape[2] + int(j),
                }
                found.append({"layer": block.layer, **ends, "share": float(flat[edge])})
        return sorted(found, key=lambda edge: abs(edge["share"]), reverse=True)[:count]

    def to_dict(self, *, num_edges: int = STRONGEST) -> dict[str, Any]:
        """Plain JSON: layers, all nodes (null where not measured) and the strongest edges."""
        nodes = [None if math.isnan(share) else share for share in self.nodes.tolist()]
        about = {key: getattr(self, key) for key in ("method", "fill", "explains", "answer")}
        return {**about, "layers": self.layers, "nodes": nodes, "strongest_edges": self.strongest_edges(num_edges)}


def explain_by_gradient(
    checkpoint: Checkpoint, network: Network, *, output: int | None = None, fill: Fill = "zero", steps: int = 1
) -> Explanation:
    """Gradient × input of a model's answer, one backward pass.

    Args:
        checkpoint: A model that predicts a class or an accuracy.
        network: A stack of one.
        output: The class to explain; None: the predicted one.
        fill: What parameters are compared with.
        steps: Above 1: integrated gradients in this number of steps, whose shares add up to the difference of answers.

    Raises:
        CheckpointError: If the model answers another question.
        ShapeMismatchError: If the stack does not hold exactly one network.
    """
    own = _single(network, checkpoint)
    answer, explains = answer_of(checkpoint, own, output)
    shares = gradient_times_input(answer, own, fill=fill, steps=steps)
    structure, flat = graph_structure(own.architecture), shares.flatten()
    kinds = {kind: parts_of(own, kind).sums(flat)[0].cpu() for kind in PART_KINDS}
    return Explanation(
        method="gradient",
        fill=fill,
        explains=explains,
        answer=float(answer(own).detach()[0]),
        structure=structure,
        parameters=shares.to("cpu"),
        **_as_fields(structure, kinds),
    )


def explain_by_occlusion(
    checkpoint: Checkpoint,
    network: Network,
    *,
    output: int | None = None,
    fill: Fill = "zero",
    kinds: Sequence[PartKind] = ("layers", "neurons"),
    max_parts: int = MAX_PARTS,
    progress: Callable[[int, int], object] | None = None,
) -> Explanation:
    """Occlude every part of a network and ask the model each time.

    Args:
        checkpoint: A model that predicts a class or an accuracy.
        network: A stack of one.
        output: The class to explain; None: the predicted one.
        fill: What parameters of a part become.
        kinds: Which parts: "layers", "neurons", "edges"; the others are NaN. Edges are many.
        max_parts: Of neurons, or edges, that are more, only those with the largest |gradient × input| are occluded.
        progress: Called with the number of parts done and of all.

    Raises:
        CheckpointError: If the model answers another question.
        ShapeMismatchError: If the stack does not hold exactly one network.
    """
    own = _single(network, checkpoint)
    answer, explains = answer_of(checkpoint, own, output)
    chosen = {kind: _chosen(answer, own, kind, fill, max_parts) for kind in kinds}
    total, done = sum(map(len, chosen.values())), 0
    found = {kind: torch.full((parts_of(own, kind).count,), math.nan) for kind in PART_KINDS}
    for kind, numbers in chosen.items():
        for some in numbers.split(COPIES):
            found[kind][some] = occlude(answer, own, parts_of(own, kind), some, fill=fill).float().cpu()
            done += len(some)
            if progress is not None:
                progress(done, total)
    structure = graph_structure(own.architecture)
    return Explanation(
        method="occlusion",
        fill=fill,
        explains=explains,
        answer=float(answer(own).detach()[0]),
        structure=structure,
        **_as_fields(structure, found),
    )


def answer_of(checkpoint: Checkpoint, network: Network, output: int | None = None) -> tuple[Answer, str]:
    """What is explained, as a function of networks, and in words.

    A predicted accuracy in [0, 1]; the log-odds of a class, log p / (1 − p), which keep their slope where the
    probability is near 1.

    Args:
        checkpoint: A model that predicts a class or an accuracy.
        network: A stack of one.
        output: The class; None: the one predicted for `network`.

    Raises:
        CheckpointError: If the model answers another question.
        ShapeMismatchError: If there is no such class.
    """
    task = checkpoint.card["task"]
    if task == "predict":
        return lambda networks: _answers(checkpoint, networks)[:, 0].sigmoid(), "predicted accuracy"
    if task != "classify":
        raise CheckpointError(f"Expected a model that predicts a class or an accuracy, got {checkpoint.name}.")
    with torch.no_grad():
        logits = _answers(checkpoint, network)[0]
    chosen = int(logits.argmax()) if output is None else output
    if not 0 <= chosen < len(logits):
        raise ShapeMismatchError(f"Expected a class from 0 to {len(logits) - 1}, got {chosen}.")
    return lambda networks: log_odds(_answers(checkpoint, networks), chosen), f"log-odds of class {chosen}"


def log_odds(logits: Float[Tensor, "networks classes"], chosen: int) -> Float[Tensor, " networks"]:
    """Log p / (1 − p) of one class."""
    others = [number for number in range(logits.shape[1]) if number != chosen]
    return logits[:, chosen] - logits[:, others].logsumexp(dim=1)


def gradient_times_input(answer: Answer, network: Network, *, fill: Fill = "zero", steps: int = 1) -> Network:
    """(θ − fill) · ∂answer/∂θ of every parameter, for each network of a stack.

    Args:
        answer: What is explained.
        network: N networks.
        fill: What parameters are compared with.
        steps: The gradient is the mean over this number of points between `fill` and θ, the last of which is θ itself.
    """
    flat = network.flatten().detach()
    base = _filled(network, fill)
    total = torch.zeros_like(flat)
    for step in range(1, steps + 1):
        point = torch.lerp(base, flat, step / steps).requires_grad_()
        (gradient,) = torch.autograd.grad(answer(Network.unflatten(network.architecture, point)).sum(), point)
        total += gradient / steps
    return Network.unflatten(network.architecture, (flat - base) * total)


@torch.no_grad()
def occlude(
    answer: Answer, network: Network, parts: Parts, numbers: Sequence[int] | Tensor, *, fill: Fill = "zero"
) -> Float[Tensor, " parts"]:
    """How much the answer falls when a part is filled, for each of some parts, all asked about as one stack.

    Args:
        answer: What is explained.
        network: A stack of one.
        parts: Parts of its architecture.
        numbers: Which of them.
        fill: What their parameters become.
    """
    flat, base = network.flatten(), _filled(network, fill)[0]
    copies = flat.repeat(len(numbers), 1)
    for row, number in zip(copies, numbers, strict=True):
        places = torch.from_numpy(parts.places(int(number))).to(flat.device)
        row[places] = base[places]
    return answer(network) - answer(Network.unflatten(network.architecture, copies))


def parts_of(network: Network, kind: PartKind) -> Parts:
    """The parts of a kind: in the order of `layer_names`, of labels, or of the edges of the neural graph."""
    find = {"layers": layer_parts, "neurons": neuron_parts, "edges": edge_parts}[kind]
    return find(network.architecture)


def _chosen(answer: Answer, network: Network, kind: PartKind, fill: Fill, max_parts: int) -> Tensor:
    """Numbers of the parts to occlude: those with parameters, and not too many."""
    parts = parts_of(network, kind)
    numbers = torch.from_numpy(np.unique(parts.part))
    if len(numbers) <= max_parts:
        return numbers
    shares = parts.sums(gradient_times_input(answer, network, fill=fill).flatten())[0].cpu()
    return numbers[shares[numbers].abs().topk(max_parts).indices]


def _filled(network: Network, fill: Fill) -> Float[Tensor, "networks parameters"]:
    """What every parameter is compared with."""
    flat = torch.zeros_like(network.flatten())
    if fill == "mean":
        first = first_places(network.architecture)
        for name, tensor in network.parameters.items():
            own = tensor.detach().flatten(1)
            flat[:, first[name] : first[name] + own.shape[1]] = own.mean(dim=1, keepdim=True)
    return flat


def _answers(checkpoint: Checkpoint, networks: Network) -> Float[Tensor, "networks d_out"]:
    return torch.cat([checkpoint.model(part).float() for part in batches(networks, checkpoint)])


def _single(network: Network, checkpoint: Checkpoint) -> Network:
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected one network to explain, got a stack of {len(network)}.")
    return network.detach().to(checkpoint.device, torch.float32)


def _as_fields(structure: GraphStructure, kinds: dict[PartKind, Tensor]) -> dict[str, Any]:
    """Shares of parts as the fields of an explanation."""
    of_node = neurons_of_nodes(structure)
    nodes = torch.where(of_node >= 0, kinds["neurons"][of_node.clamp_min(0)], math.nan)
    shapes = [structure.edge_shape(block) for block in structure.edge_blocks]
    edges = kinds["edges"].split([math.prod(shape) for shape in shapes])
    has_weights = [block.parameter is not None for block in structure.edge_blocks]
    blocks = [
        part.view(shape) if has else torch.zeros(shape)
        for part, shape, has in zip(edges, shapes, has_weights, strict=True)
    ]
    names = layer_names(structure.architecture)
    return {
        "layers": dict(zip(names, kinds["layers"].tolist(), strict=True)),
        "nodes": nodes,
        "edges": tuple(blocks),
    }
