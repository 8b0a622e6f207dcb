"""`torch.nn.RNN`, `LSTM` and `GRU`, of several layers and both ways, maybe between a table and a head."""

from typing import Any

from ngcore.networks import Concat, Recurrence, Slice
from ngcore.networks.layers.recurrence import Cell
from ngcore.upload.schemes.layers import linear
from ngcore.upload.schemes.origin import View
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme
from ngcore.upload.schemes.surroundings import ask_readout, enter, read_out, surroundings

GATES: dict[int, Cell] = {4: "lstm", 3: "gru"}
READOUTS = ("last", "mean", "max", "every")


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Layers in turn; the number of rows for each hidden neuron tells the kind of cell."""
    rows, hidden = plan.shape(f"{prefix}weight_hh_l0", rank=2)
    inputs = plan.shape(f"{prefix}weight_ih_l0", rank=2)[1]
    cell = _cell(plan, rows / hidden)
    is_two_way = plan.has(f"{prefix}weight_ih_l0_reverse")
    made = 2 * hidden if is_two_way else hidden
    around = surroundings(plan, prefix, taken=inputs, made=made)
    readout = "every"
    if around.head:
        choices = (READOUTS[0], "final_states", *READOUTS[1:]) if is_two_way else READOUTS
        readout = ask_readout(plan, "final_states" if is_two_way else "last", choices)
    x, ways, number = enter(plan, around, inputs), [0], 0
    while plan.has(f"{prefix}weight_ih_l{number}"):
        names = [f"l{number}", f"l{number}_reverse"] if is_two_way else [f"l{number}"]
        ways = [_layer(plan, x, prefix, name, cell, hidden) for name in names]
        x = plan.step(Concat(), *ways) if is_two_way else ways[0]
        number += 1
    if not around.head:
        return (x,)
    x = _final_states(plan, ways) if readout == "final_states" else read_out(plan, x, readout)
    return (linear(plan, x, around.head),)


def _cell(plan: Plan, gates: float) -> Cell:
    if gates in GATES:
        return GATES[int(gates)]
    if gates != 1:
        raise MisfitError(f"{gates:g} rows for each hidden neuron are those of no cell")
    reason = "weights do not show it; torch takes tanh unless told"
    function: Any = plan.ask("activation", "Activation", "tanh", reason=reason, choices=("tanh", "relu"))
    return "rnn_relu" if function == "relu" else "rnn_tanh"


def _layer(plan: Plan, x: int, prefix: str, name: str, cell: Cell, hidden: int) -> int:
    has_bias = plan.has(f"{prefix}bias_ih_{name}")
    layer = Recurrence(cell, plan.values[x][0], hidden, has_bias, is_reversed=name.endswith("_reverse"))
    for role, shape in layer.parameter_shapes().items():
        tensor = f"{prefix}{role}_{name}"
        if plan.shape(tensor) != shape:
            raise MisfitError(f"{tensor!r} has the shape {plan.shape(tensor)} instead of {shape}")
        plan.take(f"{prefix}{name}.{role}", View(tensor))
    return plan.step(layer, x, name=f"{prefix}{name}")


def _final_states(plan: Plan, ways: list[int]) -> int:
    """The states after the last step forwards and after the first one backwards."""
    last = plan.values[ways[0]][1] - 1
    ends = (plan.step(Slice(i, i + 1, axis=1, keepdim=False), way) for i, way in zip((last, 0), ways, strict=True))
    return plan.step(Concat(), *ends)


SCHEMES = (Scheme("a recurrent network of torch.nn", ("weight_ih_l0", "weight_hh_l0"), build),)
