"""Recurrent layers in a neural graph: gates, cell states and hidden states are neurons of their own."""

from ngcore.graph.segments import Segments, width_of
from ngcore.graph.structure import Feature
from ngcore.graph.tracing import Builder
from ngcore.networks import Recurrence, Step


def trace_recurrence(builder: Builder, step: Step, read: list[Segments]) -> Segments:
    """Gates as blocks of neurons, with weights from the inputs and, backwards, from the hidden state."""
    layer = step.layer
    assert isinstance(layer, Recurrence)
    n = layer.hidden_size
    gates = [_gate(builder, step, i, has_input=True, has_hidden=True) for i in range(layer.num_gates)]
    if layer.cell == "gru":
        gates[2] = _gate_of_gru(builder, step, gates)
    if layer.cell.startswith("rnn"):
        hidden = gates[0]
    else:
        hidden = builder.open(n, None, builder.value)
        _combine_gates(builder, layer.cell, gates, hidden)
    _weights(builder, step, gates, read[0], hidden)
    for state in read[1:]:
        builder.connect_alike(state, hidden, "skip")
    return hidden


def _gate(builder: Builder, step: Step, number: int, *, has_input: bool, has_hidden: bool) -> Segments:
    start = number * step.layer.hidden_size  # type: ignore[attr-defined]
    names = [name for name, wanted in (("bias_ih", has_input), ("bias_hh", has_hidden)) if wanted]
    has_bias = step.layer.bias  # type: ignore[attr-defined]
    columns: list[Feature | None] = [(f"{step.name}.{name}", start) for name in names] if has_bias else []
    is_last = step.layer.cell.startswith("rnn")  # type: ignore[attr-defined]
    size = step.layer.hidden_size  # type: ignore[attr-defined]
    return builder.open(size, step.name, builder.value if is_last else None, parameters=columns)


def _gate_of_gru(builder: Builder, step: Step, gates: list[Segments]) -> Segments:
    """N = tanh(W x + b + r ⊙ (U h + c)): its two halves are neurons of their own."""
    opened = builder.opened[-1]
    own, hidden = opened.parameters[:1], opened.parameters[1:]
    opened.parameters = list(own)
    of_hidden = builder.open(width_of(gates[2]), step.name, None, parameters=hidden)
    product = builder.open(width_of(gates[2]), None, None)
    builder.connect_alike(gates[0], product, "product")
    builder.connect_alike(of_hidden, product, "product")
    builder.connect_alike(product, gates[2], "skip")
    gates.append(of_hidden)
    return gates[2]


def _combine_gates(builder: Builder, cell: str, gates: list[Segments], hidden: Segments) -> None:
    if cell == "lstm":
        state = builder.open(width_of(hidden), None, None)
        builder.connect_alike(state, state, "product")
        for gate in gates[:3]:
            builder.connect_alike(gate, state, "product")
        builder.connect_alike(gates[3], hidden, "product")
        builder.connect_alike(state, hidden, "product")
    else:
        builder.connect_alike(hidden, hidden, "product")
        for gate in gates[1:3]:
            builder.connect_alike(gate, hidden, "product")


def _weights(builder: Builder, step: Step, gates: list[Segments], inputs: Segments, hidden: Segments) -> None:
    size = step.layer.hidden_size  # type: ignore[attr-defined]
    for number, gate in enumerate(gates[: step.layer.num_gates]):  # type: ignore[attr-defined]
        builder.connect(
            inputs,
            gate,
            kind="linear",
            layer=step.name,
            parameter=f"{step.name}.weight_ih",
            row=number * size,
        )
    of_hidden = [*gates[:2], gates[3]] if step.layer.cell == "gru" else gates  # type: ignore[attr-defined]
    for number, gate in enumerate(of_hidden):
        builder.connect(
            hidden,
            gate,
            kind="recurrent",
            layer=step.name,
            parameter=f"{step.name}.weight_hh",
            row=number * size,
        )
