"""GRU and LSTM layers of a stack, each forward and backward as one function, faster than autograd's loop."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_aten = torch.ops.aten


def scan_lstm(
    of_input: Float[Tensor, "networks steps batch gates"], weight_hh: Float[Tensor, "networks gates hidden"]
) -> Float[Tensor, "networks steps batch hidden"]:
    """The hidden states of an LSTM that starts at 0.

    Args:
        of_input: W_ih x + b_ih + b_hh of every step, gates i, f, g, o one after the other.
        weight_hh: W_hh.
    """
    doubled = _doubled(2, 4, weight_hh.shape[2], of_input)
    result: Tensor = _Lstm.apply(of_input * doubled, weight_hh * doubled[:, None])
    return result


def scan_gru(
    of_input: Float[Tensor, "networks steps batch gates"],
    weight_hh: Float[Tensor, "networks gates hidden"],
    bias_hh: Float[Tensor, "networks gates"],
) -> Float[Tensor, "networks steps batch hidden"]:
    """The hidden states of a GRU that starts at 0.

    Args:
        of_input: W_ih x + b_ih of every step, gates r, z, n one after the other.
        weight_hh: W_hh.
        bias_hh: b_hh.
    """
    doubled = _doubled(2, 3, weight_hh.shape[2], of_input)
    result: Tensor = _Gru.apply(of_input * doubled, weight_hh * doubled[:, None], bias_hh * doubled)
    return result


def _doubled(gate: int, num_gates: int, hidden: int, like: Tensor) -> Tensor:
    """Factors that are 2 for the gate of a tanh, as tanh(x) = 2 σ(2x) − 1 and torch's sigmoid is the faster of both."""
    factors = like.new_ones(num_gates, hidden)
    factors[gate] = 2
    return factors.flatten()


class _Lstm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, of_input: Tensor, weight_hh: Tensor) -> Tensor:
        num_networks, steps, batch, rows = of_input.shape
        size = rows // 4
        gates = torch.empty_like(of_input)
        cells, squashed, hidden = of_input.new_empty(3, num_networks, steps, batch, size)
        turned = weight_hh.mT
        for t in range(steps):
            own = gates[:, t]
            if t:
                torch.baddbmm(of_input[:, t], hidden[:, t - 1], turned, out=own)
            else:
                own.copy_(of_input[:, t])
            own.sigmoid_()
            i, f, g, o = own.split(size, dim=2)
            g.mul_(2).sub_(1)
            cell = torch.mul(i, g, out=cells[:, t])
            if t:
                cell.addcmul_(f, cells[:, t - 1])
            torch.mul(o, torch.tanh(cell, out=squashed[:, t]), out=hidden[:, t])
        ctx.save_for_backward(weight_hh, gates, cells, squashed, hidden)
        return hidden

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor, Tensor]:
        weight_hh, gates, cells, squashed, hidden = ctx.saved_tensors
        steps, size = gates.shape[1], hidden.shape[3]
        grad = torch.empty_like(gates)
        of_hidden, of_cell = None, torch.zeros_like(hidden[:, 0])
        for t in reversed(range(steps)):
            i, f, g, o = gates[:, t].split(size, dim=2)
            d_i, d_f, d_g, d_o = grad[:, t].split(size, dim=2)
            dh = grad_hidden[:, t] if of_hidden is None else of_hidden.add_(grad_hidden[:, t])
            torch.mul(dh, squashed[:, t], out=d_o)
            of_cell += _aten.tanh_backward(dh * o, squashed[:, t])
            torch.mul(of_cell, g, out=d_i)
            torch.mul(of_cell, i, out=d_g)
            torch.mul(of_cell, cells[:, t - 1], out=d_f) if t else d_f.zero_()
            of_cell = of_cell * f
            d_g.mul_(2)
            g.add_(1).mul_(0.5)  # the sigmoid again
            _aten.sigmoid_backward.grad_input(grad[:, t], gates[:, t], grad_input=grad[:, t])
            of_hidden = grad[:, t] @ weight_hh
        return grad, _of_weight(grad, hidden)


class _Gru(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, of_input: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
        num_networks, steps, batch, rows = of_input.shape
        size = rows // 3
        gates = of_input.new_empty(num_networks, steps, batch, 2 * size)
        news, of_hiddens, hidden = of_input.new_empty(3, num_networks, steps, batch, size)
        turned, bias = weight_hh.mT, bias_hh[:, None]
        before = hidden.new_zeros(num_networks, batch, size)
        for t in range(steps):
            of_hidden = torch.baddbmm(bias, before, turned)
            torch.add(of_input[:, t, :, : 2 * size], of_hidden[..., : 2 * size], out=gates[:, t]).sigmoid_()
            r, z = gates[:, t].split(size, dim=2)
            of_hiddens[:, t] = of_hidden[..., 2 * size :]
            new = torch.addcmul(of_input[:, t, :, 2 * size :], r, of_hiddens[:, t], out=news[:, t])
            new.sigmoid_().mul_(2).sub_(1)
            before = torch.lerp(new, before, z, out=hidden[:, t])
        ctx.save_for_backward(weight_hh, gates, news, of_hiddens, hidden)
        return hidden

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weight_hh, gates, news, of_hiddens, hidden = ctx.saved_tensors
        steps, size = gates.shape[1], hidden.shape[3]
        grad, by_hidden = gates.new_empty(2, *gates.shape[:3], 3 * size)
        before = torch.zeros_like(hidden[:, 0])
        of_hidden = None
        for t in reversed(range(steps)):
            r, z = gates[:, t].split(size, dim=2)
            d_r, d_z, d_n = grad[:, t].split(size, dim=2)
            dh = grad_hidden[:, t] if of_hidden is None else of_hidden.add_(grad_hidden[:, t])
            torch.sub(hidden[:, t - 1] if t else before, news[:, t], out=d_z).mul_(dh)
            kept = dh * z
            torch.mul(_aten.tanh_backward(dh - kept, news[:, t]), 0.5, out=d_n)  # by what was doubled
            torch.mul(d_n, of_hiddens[:, t], out=d_r)
            both = grad[:, t, :, : 2 * size]
            _aten.sigmoid_backward.grad_input(both, gates[:, t], grad_input=both)
            by_hidden[:, t, :, : 2 * size] = both
            torch.mul(d_n, r, out=by_hidden[:, t, :, 2 * size :])
            of_hidden = torch.baddbmm(kept, by_hidden[:, t], weight_hh)
        return grad, _of_weight(by_hidden, hidden), by_hidden.sum((1, 2))


def _of_weight(
    grad: Float[Tensor, "networks steps batch gates"], hidden: Float[Tensor, "networks steps batch hidden"]
) -> Float[Tensor, "networks gates hidden"]:
    """Gradient of W_hh: the sum over steps of the outer products with the state before."""
    return grad[:, 1:].flatten(1, 2).mT @ hidden[:, :-1].flatten(1, 2)
