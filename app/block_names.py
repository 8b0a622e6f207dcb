"""What the blocks of a neural graph are called: the path of their module, and their part in attention or recurrence."""

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngcore.graph import GraphStructure
    from ngcore.networks import Architecture, Layer

GATES = {"lstm": "ifgo", "gru": "rzn", "rnn_tanh": "h", "rnn_relu": "h"}
KINDS = {
    "conv1d": "convolution",
    "conv2d": "convolution",
    "conv3d": "convolution",
    "conv_transpose1d": "transposed convolution",
    "conv_transpose2d": "transposed convolution",
    "conv_transpose3d": "transposed convolution",
    "recurrence": "recurrence",
}
KINDS_OF_FLOWS = {
    "add": "sum",
    "multiply": "product",
    "join": "sum",
    "turn": "mixed axes",
    "reduce": "mean",
    "gather": "channels",
    "norm": "norm",
}
ATTENTION = "attention"


@dataclass(frozen=True)
class Part:
    """The part that a node block plays in an attention or a recurrence.

    Attributes:
        name: Such as "query", "scores", "f" or "cell".
        group: Key of the whole that it belongs to.
    """

    name: str
    group: tuple[str, object]


def parts_of(structure: "GraphStructure") -> dict[int, Part]:
    """The parts of those node blocks that play one."""
    return {**_attention_parts(structure), **_recurrence_parts(structure)}


def _attention_parts(structure: "GraphStructure") -> dict[int, Part]:
    """Products are summed to scores, which weigh the values; the first operand of a product is the query."""
    found: dict[int, Part] = {}
    edges = structure.edge_blocks
    attention = [(edge.source, edge.target) for edge in edges if edge.kind == "attention"]
    scores = {target for _, target in attention} & {source for source, _ in attention}
    into: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        if edge.kind == "product":
            into[edge.target].append(edge.source)
    for score in scores:
        attended = [target for source, target in attention if source == score]
        group = (ATTENTION, structure.node_blocks[attended[0]].value)
        found[score] = Part("scores", group)
        for target in attended:
            found[target] = Part("attended", group)
            found |= {source: Part("value", group) for source in into[target]}
        for product in (source for source, target in attention if target == score):
            found[product] = Part("query · key", group)
            query, *keys = into[product]
            found |= {key: Part("key", group) for key in keys}
            found[query] = Part("query" if query not in keys else "query and key", group)
    return found


def _recurrence_parts(structure: "GraphStructure") -> dict[int, Part]:
    from ngcore.networks import Recurrence

    layers = {step.name: step.layer for step in structure.architecture.steps if isinstance(step.layer, Recurrence)}
    found: dict[int, Part] = {}
    for edge in structure.edge_blocks:
        layer = layers.get(edge.layer or "")
        if layer is None or edge.parameter is None:
            continue
        group = ("recurrence", edge.layer)
        name = GATES[layer.cell][edge.rows[0] // layer.hidden_size]
        if edge.parameter.endswith("weight_ih"):
            found[edge.target] = Part(name, group)
        elif edge.target not in found:  # the part of a GRU's n that the reset gate scales, with the bias b_hn
            found[edge.target] = Part(f"h{name}", group)
        if edge.kind == "recurrent":
            found.setdefault(edge.source, Part("hidden", group))
    return found | _products_of_gates(structure, found)


def _products_of_gates(structure: "GraphStructure", parts: dict[int, Part]) -> dict[int, Part]:
    """The cell state of an LSTM, and what the reset gate of a GRU lets through."""
    found = {}
    for edge in structure.edge_blocks:
        part = parts.get(edge.source)
        if edge.kind == "product" and part is not None and edge.target not in parts:
            name = "cell" if part.name in GATES["lstm"] else "reset"
            found[edge.target] = Part(name, part.group)
    return found


def kind_of(layer: "Layer") -> str:
    """A word or two for a layer."""
    return KINDS.get(layer.kind, layer.kind.replace("_", " "))


def kind_without_layer(architecture: "Architecture", value: int | None, role: str) -> str:
    """What a block is that no layer with parameters makes."""
    if role == "input":
        return "tokens" if value in architecture.token_values else "input"
    if role == "position":
        return "positions"
    if value is None or value < architecture.num_inputs:
        return "flattened"
    flow = architecture.steps[value - architecture.num_inputs].layer.flow
    return KINDS_OF_FLOWS.get(flow, flow)


def readable(name: str, kind: str) -> str:
    """The name of a step; those that are bare numbers get their kind in front."""
    return f"{kind} {name}" if name.isdecimal() else name


def common_path(names: list[str]) -> str:
    """The part of dotted names that all share, without the last piece of each; "" for none.

    Example:
        >>> common_path(["layers.0.attn.q_proj", "layers.0.attn.k_proj"])
        'layers.0.attn'
    """
    paths = [name.split(".")[:-1] for name in names]
    shared = itertools.takewhile(lambda pieces: len(set(pieces)) == 1, zip(*paths, strict=False))
    return ".".join(pieces[0] for pieces in shared)


def shortened(name: str, length: int) -> str:
    """A name of at most `length` letters, its middle left out; the end tells blocks apart.

    Example:
        >>> shortened("encoder.layers.0.linear1", 16)
        'enco…s.0.linear1'
    """
    if len(name) <= length:
        return name
    head = max(1, length // 4)
    return f"{name[:head]}…{name[-(length - head - 1) :]}"
