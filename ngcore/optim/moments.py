"""What an optimiser keeps of past gradients, and the hand-made step that the learned one starts from."""

import dataclasses
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.networks import Architecture

FAST, SLOW, SQUARE = 0.95, 0.99, 0.95
"""How much of the moments stays at each step."""

MATRIX_RATE, VECTOR_RATE = 0.05, 0.01
"""Step sizes of matrices and kernels (Muon), and of vectors (Adam), at the start of a cosine schedule."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
EPSILON = 1e-8

Tensors = Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Moments:
    """Exponential means of the gradients of N stacked networks, each (networks, *shape), by parameter.

    Attributes:
        fast: Of gradients, decaying by `FAST`.
        slow: Of gradients, decaying by `SLOW`.
        square: Of squared gradients, decaying by `SQUARE`.
        count: Gradients seen.
        groups: How many matrices lie one below the other in the kernels of grouped convolutions.
    """

    fast: Tensors
    slow: Tensors
    square: Tensors
    count: int = 0
    groups: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def zero(cls, parameters: Tensors, architecture: Architecture | None = None) -> "Moments":
        """Before the first gradient.

        Args:
            parameters: By name.
            architecture: Whose parameters they are.
        """
        fast, slow, square = ({name: torch.zeros_like(tensor) for name, tensor in parameters.items()} for _ in range(3))
        return cls(fast, slow, square, groups={} if architecture is None else _groups(architecture))

    def after(self, gradients: Tensors) -> "Moments":
        """With one more gradient of each parameter."""
        return dataclasses.replace(
            self,
            fast={name: torch.lerp(g, self.fast[name], FAST) for name, g in gradients.items()},
            slow={name: torch.lerp(g, self.slow[name], SLOW) for name, g in gradients.items()},
            square={name: torch.lerp(g.square(), self.square[name], SQUARE) for name, g in gradients.items()},
            count=self.count + 1,
        )

    def mean(self, name: str) -> Tensor:
        """The slow mean of a parameter's gradients, without the zeros that it started from."""
        return self.slow[name] / (1 - SLOW**self.count)

    def adam(self, name: str) -> Tensor:
        """The direction of Adam (Kingma and Ba 2015): mean over root mean square, without their starts."""
        mean = self.fast[name] / (1 - FAST**self.count)
        return mean / ((self.square[name] / (1 - SQUARE**self.count)).sqrt() + EPSILON)


def base_step(moments: Moments, gradients: Tensors) -> dict[str, Tensor]:
    """The step, to be subtracted, that is made before anything is learned, at the start of a schedule.

    Matrices and kernels (outputs, inputs, …) follow Muon (Jordan et al. 2024): Nesterov momentum, orthogonalised as a
    matrix of outputs and all else, times √max(1, outputs / rest); the kernels of each group of a grouped convolution
    are a matrix of their own, as the neurons before each group have an order of their own. Vectors follow Adam.

    Args:
        moments: With `gradients` as the last.
        gradients: Of each parameter, (networks, *shape).
    """
    return {name: _base_step(moments, name, gradient) for name, gradient in gradients.items()}


def _base_step(moments: Moments, name: str, gradient: Tensor) -> Tensor:
    if gradient.dim() < 3:
        return VECTOR_RATE * moments.adam(name)
    matrix = torch.lerp(gradient, moments.fast[name], FAST).flatten(2)
    matrix = matrix.unflatten(1, (moments.groups.get(name, 1), -1)).flatten(0, 1)
    outputs, rest = matrix.shape[1:]
    return MATRIX_RATE * math.sqrt(max(1.0, outputs / rest)) * orthogonalise(matrix).view_as(gradient)


def _groups(architecture: Architecture) -> dict[str, int]:
    """Groups of the kernels that see more than one neuron each; depthwise kernels are one matrix."""
    shapes = architecture.parameter_shapes
    return {
        name: step.layer.num_groups
        for step in architecture.steps
        if step.layer.num_groups > 1 and len(shapes.get(name := f"{step.name}.weight", ())) > 1 and shapes[name][1] > 1
    }


def orthogonalise(
    matrices: Float[Tensor, "networks rows columns"], *, steps: int = 5
) -> Float[Tensor, "networks rows columns"]:
    """Matrices with nearly equal singular values and the same singular vectors, by Newton–Schulz iterations.

    The coefficients bring singular values to about 0.7 … 1.2 in five steps (Jordan et al. 2024). The iteration commutes
    with permutations of rows and columns.
    """
    a, b, c = NEWTON_SCHULZ
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-30)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(a * x, torch.baddbmm(b * gram, gram, gram, alpha=c), x)
    return x.mT if is_tall else x


def cosine(step: int, total_steps: int | None) -> float:
    """The factor of all steps: from 1 down to 0 by half a cosine; always 1 where the end is not known."""
    if total_steps is None:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(step / total_steps, 1.0)))
