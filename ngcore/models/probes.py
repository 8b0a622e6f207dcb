"""Probes: learned inputs on which input networks are run."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.models.input_spec import Inputs, InputSpec
from ngcore.networks import Network

LR_SCALE = 0.1


class Probes(nn.Module):
    """P learned inputs, free ones or those of a generator.

    Free probes are parameters, drawn from U(−1, 1) at first (paper, Sec. 2.4). A generator is deep and linear, and
    makes them from learned latents: probes move together, which regularises them (Kahana et al. 2024).

    They learn at a tenth of the model's rate (`lr_scale`, which the training loop reads): what a network answers can
    change entirely from one place to the next, and what reads the answers must be able to follow.

    Args:
        num_probes: P.
        input_shape: Shape of one input: (features,) or (channels, height, width).
        is_generated: Whether a generator makes them.
        d_latent: Width of the latents and of the generator.
    """

    def __init__(self, num_probes: int, input_shape: Sequence[int], *, is_generated: bool, d_latent: int = 32) -> None:
        super().__init__()
        self.input_shape = tuple(input_shape)
        self.inputs = None if is_generated else nn.Parameter(2 * torch.rand(num_probes, *input_shape) - 1)
        if is_generated:
            self.latents = nn.Parameter(torch.randn(num_probes, d_latent))
            is_image = len(self.input_shape) == 3
            make = _image_generator if is_image else _point_generator
            self.generator = make(d_latent, self.input_shape)
        for parameter in self.parameters():
            parameter.lr_scale = LR_SCALE  # type: ignore[attr-defined]

    def make(self) -> Float[Tensor, "probes ..."]:
        """The inputs, (probes, *input_shape)."""
        if self.inputs is not None:
            return self.inputs
        if len(self.input_shape) != 3:
            return self.generator(self.latents).unflatten(1, self.input_shape)
        _, height, width = self.input_shape
        return self.generator(self.latents[:, :, None, None])[:, :, :height, :width].tanh()


class TokenProbes(nn.Module):
    """P random sequences of tokens, which stay as they are: tokens are no numbers that could be learned.

    Args:
        num_probes: P.
        input_shape: (size of the vocabulary, *positions).
    """

    tokens: Tensor

    def __init__(self, num_probes: int, input_shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("tokens", torch.randint(0, input_shape[0], (num_probes, *input_shape[1:])))

    def make(self) -> Tensor:
        """The tokens, (probes, *positions)."""
        return self.tokens


class InputProbes(nn.Module):
    """Probes of networks that read tokens or have several inputs, P of each input.

    Args:
        inputs: What the networks read.
        num_probes: P.
        is_generated: Whether generators make those that are learned.
    """

    def __init__(self, inputs: Inputs, num_probes: int, *, is_generated: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            TokenProbes(num_probes, shape)
            if number in inputs.tokens
            else Probes(num_probes, shape, is_generated=is_generated)
            for number, shape in enumerate(inputs.shapes)
        )

    def make(self) -> list[Tensor]:
        """The probes of each input."""
        return [part.make() for part in cast(Iterable[Probes | TokenProbes], self.parts)]


class ProbesByInputs(nn.Module):
    """Probes for networks that read inputs of several shapes: P for each of those shapes, with a generator each.

    An image of 32 × 32 in colour says nothing to a network that reads rows of 28 grey pixels, so nothing is shared;
    what reads the answers has to tell the shapes apart as well.

    Args:
        spec: The networks.
        num_probes: P.
        is_generated: Whether generators make those that are learned.
    """

    def __init__(self, spec: InputSpec, num_probes: int, *, is_generated: bool) -> None:
        super().__init__()
        self.kinds = nn.ModuleList(_probes_of(own, num_probes, is_generated=is_generated) for own in spec.inputs)


ProbeMaker = Probes | InputProbes | ProbesByInputs


def probes_for(spec: InputSpec, num_probes: int, *, is_generated: bool) -> ProbeMaker:
    """P inputs for the networks of a specification, for each shape of inputs that they read."""
    if len(spec.inputs) > 1:
        return ProbesByInputs(spec, num_probes, is_generated=is_generated)
    return _probes_of(spec.inputs[0], num_probes, is_generated=is_generated)


def probes_of(maker: ProbeMaker, spec: InputSpec, network: Network) -> list[Tensor]:
    """The probes that networks can read, (probes, *shape) for each of their inputs.

    Raises:
        ShapeMismatchError: If the specification has no such networks.
    """
    number = spec.number_of_inputs(network.architecture)
    own = cast(Probes | InputProbes, maker.kinds[number]) if isinstance(maker, ProbesByInputs) else maker
    with torch.autocast(network.device.type, enabled=False):  # coordinates need full precision
        made = own.make()
    return [made] if isinstance(made, Tensor) else made


def _probes_of(inputs: Inputs, num_probes: int, *, is_generated: bool) -> Probes | InputProbes:
    if inputs.tokens or len(inputs.shapes) > 1:
        return InputProbes(inputs, num_probes, is_generated=is_generated)
    return Probes(num_probes, inputs.shapes[0], is_generated=is_generated)


def _point_generator(d_latent: int, input_shape: Sequence[int]) -> nn.Sequential:
    """Latent → Linear → Linear → point, started so that points spread like a uniform draw from [−1, 1]."""
    first = _started(nn.Linear(d_latent, d_latent), std=d_latent**-0.5)
    return nn.Sequential(first, _started(nn.Linear(d_latent, math.prod(input_shape)), std=(3 * d_latent) ** -0.5))


def _image_generator(d_latent: int, input_shape: Sequence[int]) -> nn.Sequential:
    """Latent → transposed convolutions to 4 × 4, 8 × 8, … until the map covers the image, nothing between them."""
    channels, height, width = input_shape
    num_doublings = max(0, (max(height, width) - 1).bit_length() - 2)
    widths = [d_latent] * (num_doublings + 1) + [channels]
    layers = [_started(nn.ConvTranspose2d(d_latent, widths[1], 4), std=d_latent**-0.5)]
    for n_in, n_out in itertools.pairwise(widths[1:]):
        doubling = nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)
        layers.append(_started(doubling, std=(4 * n_in) ** -0.5))  # 2 × 2 of the 16 taps meet in each pixel
    return nn.Sequential(*layers)


def _started(layer: nn.Linear | nn.ConvTranspose2d, *, std: float) -> nn.Module:
    """Start a linear layer with normal weights and no bias."""
    nn.init.normal_(layer.weight, std=std)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
