"""Hand-made optimisers on stacks of networks, each network with a learning rate of its own."""

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.networks import Network
from ngcore.optim.moments import Moments, base_step, cosine
from ngcore.zoo.stack_runs import fixed_parameters

HandMadeMethod = Literal["sgd", "adamw", "muon"]
HAND_MADE: tuple[HandMadeMethod, ...] = get_args(HandMadeMethod)

MOMENTUM = 0.9
BETAS, EPSILON, WEIGHT_DECAY = (0.9, 0.999), 1e-8, 0.01
"""Of AdamW, as torch has them."""


class HandMadeStack:
    """N networks of one architecture in training by one method.

    SGD has Nesterov momentum 0.9, AdamW the other numbers of `torch.optim.AdamW`; Muon for matrices and Adam for
    vectors make the steps of `base_step`.

    Args:
        method: One of `HAND_MADE`.
        network: The networks as they start.
        rates: Learning rate of each network; for Muon a factor of its own step sizes.
        total_steps: Steps in which rates fall to 0 by half a cosine; None: they stay.

    Raises:
        ShapeMismatchError: If there is not one rate for each network.
        NeuralGraphError: If a rate is not positive.
    """

    def __init__(
        self,
        method: HandMadeMethod,
        network: Network,
        rates: Float[Tensor, " networks"],
        *,
        total_steps: int | None = None,
    ) -> None:
        if rates.shape != (len(network),):
            raise ShapeMismatchError(f"Expected {len(network)} learning rates, got shape {tuple(rates.shape)}.")
        if not bool((rates > 0).all()):
            raise NeuralGraphError(f"Expected learning rates above 0, got {rates.tolist()}.")
        fixed = fixed_parameters(network.architecture)
        learned = {name: tensor for name, tensor in network.parameters.items() if name not in fixed}
        self.method, self.network, self.rates, self.total_steps = method, network, rates, total_steps
        self.count = 0
        self._means = {name: torch.zeros_like(tensor) for name, tensor in learned.items()}
        self._squares = {name: torch.zeros_like(tensor) for name, tensor in learned.items()}
        self._moments = Moments.zero(learned, network.architecture)

    @torch.no_grad()
    def step(self, gradients: Mapping[str, Tensor]) -> None:
        """Make one step.

        Args:
            gradients: Of each parameter that is learned, (networks, *shape).
        """
        factor = self.rates * cosine(self.count, self.total_steps)
        self.count += 1
        steps = getattr(self, f"_{self.method}")(gradients)
        moved = {
            name: self.network.parameters[name] - factor.view(-1, *(1,) * (step.dim() - 1)) * step
            for name, step in steps.items()
        }
        self.network = self.network.having({**self.network.parameters, **moved})

    def _sgd(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._means = {name: MOMENTUM * self._means[name] + gradient for name, gradient in gradients.items()}
        return {name: gradient + MOMENTUM * self._means[name] for name, gradient in gradients.items()}

    def _adamw(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        first, second = BETAS
        self._means = {name: torch.lerp(g, self._means[name], first) for name, g in gradients.items()}
        self._squares = {name: torch.lerp(g.square(), self._squares[name], second) for name, g in gradients.items()}
        steps = {}
        for name in gradients:
            mean = self._means[name] / (1 - first**self.count)
            root = (self._squares[name] / (1 - second**self.count)).sqrt()
            steps[name] = mean / (root + EPSILON) + WEIGHT_DECAY * self.network.parameters[name]
        return steps

    def _muon(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        self._moments = self._moments.after(gradients)
        return base_step(self._moments, gradients)
