"""Recurrent layers: RNN, LSTM and GRU, one layer in one direction; deeper and bidirectional ones are several steps."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ngcore.networks.layers.base import OUT, Axes, Axis, Flow, Layer, Parameters, Shape, require, require_sizes

Cell = Literal["rnn_tanh", "rnn_relu", "lstm", "gru"]
NUM_GATES: Mapping[Cell, int] = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}


@dataclasses.dataclass(frozen=True)
class Recurrence(Layer):
    """h_t = cell(x_t, h_{t−1}) over an axis of positions: (input_size, steps) → (hidden_size, steps).

    Parameters are those of `torch.nn.RNN`, `LSTM` and `GRU`: `weight_ih` (gates · hidden, input), `weight_hh`
    (gates · hidden, hidden) and biases, gates in torch's order (LSTM i, f, g, o; GRU r, z, n). Reads the inputs, and
    maybe the first hidden state (hidden_size,) and the first cell state of an LSTM; without, they are 0.

    Attributes:
        cell: "rnn_tanh", "rnn_relu", "lstm" or "gru".
        input_size: Channels read.
        hidden_size: Channels of the hidden state.
        bias: Whether there are biases.
        is_reversed: Whether it goes from the last position to the first.
        returns: "hidden" states, or the "cell" states of an LSTM.
    """

    cell: Cell
    input_size: int
    hidden_size: int
    bias: bool = True
    is_reversed: bool = False
    returns: Literal["hidden", "cell"] = "hidden"
    kind: ClassVar[str] = "recurrence"
    flow: ClassVar[Flow] = "scan"
    reads: ClassVar[tuple[int, int | None]] = (1, 3)
    pins_positions: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_sizes(self, self.input_size, self.hidden_size)

    @property
    def num_gates(self) -> int:
        """Gates, the rows of the weights for each hidden neuron."""
        return NUM_GATES[self.cell]

    def parameter_shapes(self) -> dict[str, Shape]:
        """See `Layer`."""
        rows = self.num_gates * self.hidden_size
        shapes: dict[str, Shape] = {"weight_ih": (rows, self.input_size), "weight_hh": (rows, self.hidden_size)}
        return shapes | (dict.fromkeys(("bias_ih", "bias_hh"), (rows,)) if self.bias else {})

    @property
    def axes(self) -> Axes:
        """See `Layer`."""
        gates = Axis("out", repeats=self.num_gates)
        biases: Axes = dict.fromkeys(("bias_ih", "bias_hh"), (gates,)) if self.bias else {}
        return {"weight_ih": (gates, Axis("in")), "weight_hh": (gates, OUT)} | biases

    def output_shape(self, *shapes: Shape) -> Shape:
        """See `Layer`."""
        require(len(shapes[0]) == 2 and shapes[0][0] == self.input_size, self, f"({self.input_size}, steps)", shapes[0])
        for shape in shapes[1:]:
            require(shape == (self.hidden_size,), self, f"({self.hidden_size},) as a first state", shape)
        return (self.hidden_size, shapes[0][1])

    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """See `Layer`."""
        x, *states = values
        of_input = parameters["weight_ih"][:, None] @ x  # networks, batch, gates · hidden, steps
        bias_hh: Tensor | float = 0.0
        if self.bias:
            of_input = of_input + parameters["bias_ih"][:, None, :, None]
            bias_hh = parameters["bias_hh"][:, None]
        zero = x.new_zeros(x.shape[0], x.shape[1], self.hidden_size)
        hidden, cell = (*states, *(zero,) * (2 - len(states)))
        found = []
        steps = range(x.shape[3])
        for t in reversed(steps) if self.is_reversed else steps:
            of_hidden = hidden @ parameters["weight_hh"].mT + bias_hh
            hidden, cell = CELLS[self.cell](of_input[..., t], of_hidden, hidden, cell)
            found.append(hidden if self.returns == "hidden" else cell)
        return torch.stack(found[::-1] if self.is_reversed else found, dim=3)


def _rnn_tanh(of_input: Tensor, of_hidden: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    return torch.tanh(of_input + of_hidden), cell


def _rnn_relu(of_input: Tensor, of_hidden: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(of_input + of_hidden), cell


def _lstm(of_input: Tensor, of_hidden: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = (of_input + of_hidden).chunk(4, dim=-1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _gru(of_input: Tensor, of_hidden: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    (r_x, z_x, n_x), (r_h, z_h, n_h) = of_input.chunk(3, dim=-1), of_hidden.chunk(3, dim=-1)
    z, n = (z_x + z_h).sigmoid(), torch.tanh(n_x + (r_x + r_h).sigmoid() * n_h)
    return (1 - z) * n + z * hidden, cell


CELLS: Mapping[Cell, Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "rnn_tanh": _rnn_tanh,
    "rnn_relu": _rnn_relu,
    "lstm": _lstm,
    "gru": _gru,
}
