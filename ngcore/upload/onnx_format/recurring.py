"""The recurrences of ONNX, with its order of gates and states turned into torch's."""

from collections.abc import Sequence

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.upload.onnx_format.call import Call, Made, Operator
from ngcore.upload.onnx_format.moving import repeated

GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where each of torch's gates (i f g o; r z n) stands in ONNX (i o f c; z r h)."""

PLAIN = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


def recurrence(call: Call) -> Made:
    """One layer, in one direction or both."""
    ways = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    directions = ways.get(str(call.attrs.get("direction", "forward")))
    if directions is None:
        raise UnsupportedError("a direction that is unknown")
    cell = _cell(call, len(directions))
    is_batch_first = bool(call.attrs.get("layout", 0))
    x = call.x if is_batch_first else call.apply("permute", call.x, order=(1, 0, 2))
    found: list[list[Node]] = []
    for way, is_reversed in enumerate(directions):
        states = [_state(call, call.optional(index), way, is_batch_first) for index in (5, 6)]
        found.append(_direction(call, x, cell, way, is_reversed, states))
    return _outputs(call, found, directions, is_batch_first)


def _cell(call: Call, ways: int) -> str:
    """The cell in the words of torch.

    Raises:
        UnsupportedError: If torch has no such cell.
    """
    functions = [str(name).capitalize() for name in call.attrs.get("activations", PLAIN[call.op] * ways)]
    is_relu = call.op == "RNN" and functions == ["Relu"] * ways
    if not is_relu and functions != PLAIN[call.op] * ways:
        raise UnsupportedError(f"activations {', '.join(functions)}")
    if call.attrs.get("clip") is not None or call.attrs.get("input_forget", 0) or call.optional(7) is not None:
        raise UnsupportedError("a cell that clips, couples its gates, or has peepholes")
    if call.optional(4) is not None and not _spans_all(call):
        raise UnsupportedError("sequences of lengths of their own")
    if call.op == "GRU" and not call.attrs.get("linear_before_reset", 0):
        raise UnsupportedError("a GRU that resets before its linear map (linear_before_reset = 0)")
    return {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn_relu" if is_relu else "rnn_tanh"}[call.op]


def _spans_all(call: Call) -> bool:
    steps = call.x.shape[1 if call.attrs.get("layout", 0) else 0]
    return all(length == steps for length in call.list("sequence_lens", 4) or ())


def _state(call: Call, states: Node | None, way: int, is_batch_first: bool) -> Node | None:
    """The first state of one direction, (batch, hidden)."""
    if states is None:
        return None
    axis = 1 if is_batch_first else 0
    one = call.apply("slice", states, axis=axis, start=way, stop=way + 1)
    one = call.apply("reshape", one, shape=tuple(n for place, n in enumerate(one.shape) if place != axis))
    if one.is_constant and one.shape[0] == call.literal_batch == 1:
        return repeated(call, one, (call.batch, *one.shape[1:]))
    return one


def _direction(
    call: Call, x: Node, cell: str, way: int, is_reversed: bool, states: Sequence[Node | None]
) -> list[Node]:
    """The hidden states of one direction, and the cell states of an LSTM, (batch, steps, hidden)."""
    weight, recurrent = (_of_way(call, call.fixed(index), way) for index in (1, 2))
    bias = call.optional(3)
    biases: list[Node | None] = [None, None]
    if bias is not None:
        both, rows = _of_way(call, bias, way), weight.shape[0]
        biases = [call.apply("slice", both, axis=0, start=rows * i, stop=rows * (i + 1)) for i in (0, 1)]
    parts = [part and _reordered(call, part) for part in (weight, recurrent, *biases)]
    path = f"{call.path}.reverse" if is_reversed and call.path else call.path
    kinds = ("hidden", "cell") if cell == "lstm" else ("hidden",)
    reads = (x, states[0], states[1] if cell == "lstm" else None, *parts)
    settings = {"cell": cell, "is_reversed": is_reversed}
    return [call.graph.apply("scan", *reads, path=path, returns=kind, **settings) for kind in kinds]


def _of_way(call: Call, part: Node, way: int) -> Node:
    one = call.apply("slice", part, axis=0, start=way, stop=way + 1)
    return call.apply("reshape", one, shape=one.shape[1:])


def _reordered(call: Call, part: Node) -> Node:
    """Rows of gates in torch's order."""
    order = GATES[call.op]
    if part.shape[0] % len(order):
        raise UnsupportedError("weights that are no whole number of gates")
    size = part.shape[0] // len(order)
    rows = [call.apply("slice", part, axis=0, start=size * gate, stop=size * (gate + 1)) for gate in order]
    return rows[0] if len(rows) == 1 else call.apply("concat", *rows, axis=0)


def _outputs(call: Call, found: list[list[Node]], directions: Sequence[bool], is_batch_first: bool) -> Made:
    """All hidden states, then the last ones of each kind, with an axis of directions."""
    place, last = (2, 1) if is_batch_first else (1, 0)

    def side_by_side(parts: list[Node], axis: int) -> Node:
        wide = [call.aten("unsqueeze", self=part, dim=axis) for part in parts]
        return wide[0] if len(wide) == 1 else call.apply("concat", *wide, axis=axis)

    hidden = [values[0] for values in found]
    if not is_batch_first:
        hidden = [call.apply("permute", values, order=(1, 0, 2)) for values in hidden]
    ends = [
        side_by_side(
            [_end(call, values[kind], is_reversed) for values, is_reversed in zip(found, directions, strict=True)], last
        )
        for kind in range(len(found[0]))
    ]
    return [side_by_side(hidden, place), *ends][: max(call.num_outputs, 1)]


def _end(call: Call, values: Node, is_reversed: bool) -> Node:
    """The last states, (batch, hidden)."""
    index = 0 if is_reversed else values.shape[1] - 1
    return call.aten("select", self=values, dim=1, index=index)


RECURRING: dict[str, Operator] = dict.fromkeys(("GRU", "LSTM", "RNN"), recurrence)
