"""Forward passes of a stack in training and at inference, and the gradients of its losses."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ngcore.networks import Activation, Architecture, BatchNorm, Network, Recurrence
from ngcore.networks.forward import run
from ngcore.zoo.stack_layers import run_fast

BATCH_NORM_MOMENTUM = 0.1  # torch's
_Parameters = Mapping[str, Tensor]
Factors = Mapping[int, Tensor]
"""Dropout: by the number of a step the factors (networks, batch, channels) on what it makes."""


def dropped_steps(architecture: Architecture) -> tuple[int, ...]:
    """Steps whose channels dropout drops: activations and recurrences, but for the first where there are several."""
    found = [i for i, step in enumerate(architecture.steps) if isinstance(step.layer, Activation | Recurrence)]
    return tuple(found[1:] or found)


def training_logits(
    architecture: Architecture, parameters: _Parameters, images: Tensor, *, num_networks: int, factors: Factors
) -> tuple[Float[Tensor, "networks batch classes"], dict[str, Tensor]]:
    """Run a stack as in training: batch norms by the statistics of the minibatch, dropout by given factors.

    Args:
        architecture: Its first output are logits.
        parameters: Of `num_networks` networks.
        images: (batch, *input shape), shared by all networks.
        num_networks: Size of the stack.
        factors: See `Factors`; {} drops nothing.

    Returns:
        The logits, and the running statistics of all batch norms after this minibatch, by name.
    """
    statistics: dict[str, Tensor] = {}

    def run_step(number: int, own: _Parameters, values: Sequence[Tensor]) -> Tensor:
        step = architecture.steps[number]
        if isinstance(step.layer, BatchNorm):
            value, updated = _normalise(step.layer, own, values[0])
            statistics.update({f"{step.name}.{name}": tensor for name, tensor in updated.items()})
        else:
            value = run_fast(step.layer, own, *values)
        if number not in factors:
            return value
        return value * factors[number].view(*value.shape[:3], *(1,) * (value.dim() - 3))

    (logits, *_) = run(architecture, parameters, images, num_networks=num_networks, run_step=run_step)
    return logits, statistics


@torch.no_grad()
def logits_of(network: Network, images: Tensor) -> Float[Tensor, "networks batch classes"]:
    """Run a stack as at inference: `network(images)`, but faster; equal to it up to rounding."""
    architecture = network.architecture

    def run_step(number: int, own: _Parameters, values: Sequence[Tensor]) -> Tensor:
        return run_fast(architecture.steps[number].layer, own, *values)

    return run(architecture, network.parameters, images, num_networks=len(network), run_step=run_step)[0]


def loss_gradients(
    network: Network,
    images: Float[Tensor, "batch ..."],
    labels: Int[Tensor, "networks batch"],
    *,
    names: Sequence[str],
    factors: Factors,
) -> tuple[Float[Tensor, "networks trained"], dict[str, Tensor]]:
    """Gradient of each network's mean cross-entropy on a minibatch of shared images.

    Args:
        network: The stack.
        images: The minibatch.
        labels: What each network shall answer.
        names: The parameters to differentiate by.
        factors: See `Factors`.

    Returns:
        The gradients, flattened side by side in the order of `names`, and running statistics as `training_logits`.
    """
    leaves = {name: network.parameters[name].detach().requires_grad_() for name in names}
    parameters = {**network.parameters, **leaves}
    logits, statistics = training_logits(
        network.architecture, parameters, images, num_networks=len(network), factors=factors
    )
    loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / len(images)
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return torch.cat([gradient.flatten(1) for gradient in gradients], dim=1), statistics


def _normalise(layer: BatchNorm, parameters: _Parameters, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Batch normalisation by the minibatch's own statistics, and the running ones after it, as `torch.nn.BatchNorm`."""
    num_networks, batch, channels = x.shape[:3]
    maps = x.transpose(0, 1).reshape(batch, num_networks * channels, *x.shape[3:])
    running = {name: parameters[name].detach().flatten().clone() for name in ("running_mean", "running_var")}
    scale, shift = (parameters[name].flatten() if layer.affine else None for name in ("weight", "bias"))
    y = functional.batch_norm(
        maps, running["running_mean"], running["running_var"], scale, shift, True, BATCH_NORM_MOMENTUM, layer.eps
    )
    updated = {name: tensor.view(num_networks, channels) for name, tensor in running.items()}
    return y.view(batch, num_networks, channels, *x.shape[3:]).transpose(0, 1), updated
