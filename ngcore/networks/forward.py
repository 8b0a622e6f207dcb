"""Running a stack of networks as functions, one value of the forward pass after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.layers import Layer

StepRunner = Callable[[int, Mapping[str, Tensor], Sequence[Tensor]], Tensor]
"""From the number of a step, its parameters and what it reads to what it makes, as `Layer.run` does."""


def forward_values(
    architecture: Architecture,
    parameters: Mapping[str, Tensor],
    inputs: Tensor | Sequence[Tensor],
    *,
    num_networks: int,
    run_step: StepRunner | None = None,
) -> Iterator[Tensor]:
    """Run N stacked networks and yield every value, holding none longer than the steps after it need.

    Args:
        architecture: The structure that the networks share.
        parameters: Tensors (networks, *shape) by name.
        inputs: Each (batch, *input shape), shared by all networks, or (networks, batch, *input shape); tokens
            (batch, *positions) or (networks, batch, *positions).
        num_networks: N.
        run_step: How to run a step, where it is not as at inference (batch statistics, dropout).

    Yields:
        The inputs and what each step makes, (networks, batch, *shape of the value).

    Raises:
        ShapeMismatchError: If inputs do not fit the input shapes.
    """
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if len(given) != architecture.num_inputs:
        raise ShapeMismatchError(f"Expected {architecture.num_inputs} inputs, got {len(given)}.")
    run_step = run_step or _as_at_inference(architecture)
    held: dict[int, Tensor] = {}
    last_uses = _last_uses(architecture)
    for number, x in enumerate(given):
        held[number] = _expanded(architecture, number, x, num_networks)
        yield held[number]
    for number, step in enumerate(architecture.steps):
        own = {name: parameters[f"{step.name}.{name}"] for name in step.layer.parameter_shapes()}
        value = run_step(number, own, [held[i] for i in step.reads])
        place = architecture.num_inputs + number
        if place in last_uses:
            held[place] = value
        for i in set(step.reads):
            if last_uses[i] == place:
                del held[i]
        yield value


def run(
    architecture: Architecture,
    parameters: Mapping[str, Tensor],
    inputs: Tensor | Sequence[Tensor],
    *,
    num_networks: int,
    run_step: StepRunner | None = None,
) -> tuple[Tensor, ...]:
    """The outputs of N stacked networks, inputs and outputs in the order in which callers have them.

    See `forward_values`, for which channels come first.
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if architecture.input_orders and len(inputs) == architecture.num_inputs:
        inputs = [
            _turned(x, *about)
            for x, *about in zip(inputs, architecture.given_shapes, architecture.input_orders, strict=True)
        ]
    wanted = set(architecture.outputs)
    values = forward_values(architecture, parameters, inputs, num_networks=num_networks, run_step=run_step)
    found: dict[int, Tensor] = {}
    batch = 1
    for place, value in enumerate(values):
        batch = max(batch, value.shape[1]) if place < architecture.num_inputs else batch
        if place in wanted:
            found[place] = value
    outputs = [found[i].expand(-1, batch, *found[i].shape[2:]) for i in architecture.outputs]
    if architecture.output_orders:
        pairs = zip(outputs, architecture.output_orders, strict=True)
        outputs = [value.permute(0, 1, *(axis + 2 for axis in order)) for value, order in pairs]
    return tuple(outputs)


def _turned(x: Tensor, shape: Sequence[int], order: Sequence[int]) -> Tensor:
    """An input as it is given, (batch, *shape) or (networks, batch, *shape), with the axes of its value."""
    leading = x.dim() - len(shape)
    if leading not in (1, 2) or tuple(x.shape[leading:]) != tuple(shape):
        raise ShapeMismatchError(f"Expected inputs of shape (batch, *{tuple(shape)}), got {tuple(x.shape)}.")
    if len(order) != len(shape):
        return x  # tokens
    return x.permute(*range(leading), *(axis + leading for axis in order))


def apply_layer(layer: Layer, parameters: Mapping[str, Tensor], *values: Tensor) -> Tensor:
    """Apply one layer of N networks to values (networks, batch, *shape)."""
    return layer.run(parameters, *values)


def _as_at_inference(architecture: Architecture) -> StepRunner:
    return lambda number, parameters, values: apply_layer(architecture.steps[number].layer, parameters, *values)


def _last_uses(architecture: Architecture) -> dict[int, int]:
    """For each value that is read, the last value that is made of it."""
    return {i: architecture.num_inputs + number for number, step in enumerate(architecture.steps) for i in step.reads}


def _expanded(architecture: Architecture, number: int, x: Tensor, num_networks: int) -> Tensor:
    """An input as (networks, batch, *input shape), tokens without the axis of channels."""
    shape = architecture.input_shapes[number]
    if number in architecture.token_values:
        _check_tokens(x, shape[0])
        shape = shape[1:]
    if tuple(x.shape[x.dim() - len(shape) :]) != shape or x.dim() - len(shape) not in (1, 2):
        raise ShapeMismatchError(f"Expected inputs of shape (batch, *{shape}), got {tuple(x.shape)}.")
    if x.dim() == len(shape) + 1:
        x = x.expand(num_networks, *x.shape)
    if x.shape[0] != num_networks:
        raise ShapeMismatchError(f"Expected inputs for {num_networks} networks, got them for {x.shape[0]}.")
    return x


def _check_tokens(x: Tensor, count: int) -> None:
    if x.is_floating_point() or x.dtype == torch.bool:
        raise ShapeMismatchError(f"Expected tokens as whole numbers, got {x.dtype}.")
    if torch.compiler.is_compiling():  # torch.export sees shapes alone
        return
    if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < count:
        raise ShapeMismatchError(f"Expected tokens of 0 … {count - 1}, got numbers of {int(x.min())} … {int(x.max())}.")
