"""MLPs, and networks of coordinates: SIRENs, NeRFs."""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class Sine(nn.Module):
    """sin(ω₀ x)."""

    def __init__(self, omega: float) -> None:
        super().__init__()
        self.omega = omega

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * x)


class SineLayer(nn.Module):
    """A Linear layer and a sine (Sitzmann et al. 2020)."""

    def __init__(self, n_in: int, n_out: int, omega_0: float) -> None:
        super().__init__()
        self.linear, self.omega_0 = nn.Linear(n_in, n_out), omega_0

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega_0 * self.linear(x))


class LearnedSine(nn.Module):
    """A sine with a frequency and phase for each neuron, as of a modulated SIREN."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frequency, self.phase = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.frequency + self.phase).sin()


class Residual(nn.Module):
    """MLP blocks with shortcuts, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 6), nn.Linear(6, 2, bias=False)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 6), nn.PReLU(6)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + 0.5 * block(x)
        return self.last(x)


class Gated(nn.Module):
    """A gated MLP with spectral norm on one layer and odd activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(4, 6))
        self.second = torch.nn.utils.spectral_norm(nn.Linear(3, 5))
        self.last = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.glu(self.first(x), dim=-1)
        return functional.log_softmax(self.last(functional.hardtanh(self.second(x), -0.5, 0.7)), dim=1)


class NeRF(nn.Module):
    """Sines and cosines of coordinates, and the input joined again half-way (Mildenhall et al. 2020)."""

    def __init__(self, *, buffered: bool, depth: int = 4) -> None:
        super().__init__()
        self.buffered = buffered
        if buffered:
            self.register_buffer("frequencies", 2.0 ** torch.arange(3) * math.pi)
        width = 3 + 3 * 3 * 2
        sizes = [width, *[8] * depth]
        self.skip = depth // 2
        self.layers = nn.ModuleList(
            nn.Linear(n_in + (width if i == self.skip else 0), n_out)
            for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
        )
        self.density, self.feature = nn.Linear(8, 1), nn.Linear(8, 8)
        self.colour = nn.Sequential(nn.Linear(8 + 3, 5), nn.ReLU(), nn.Linear(5, 3), nn.Sigmoid())

    def encode(self, x: Tensor) -> Tensor:
        if self.buffered:
            angles = (x[..., None] * self.frequencies).flatten(-2)
            return torch.cat([x, angles.sin(), angles.cos()], dim=-1)
        waves = [f(2.0**i * x) for i in range(3) for f in (torch.sin, torch.cos)]
        return torch.cat([x, *waves], dim=-1)

    def forward(self, position: Tensor, direction: Tensor) -> Tensor:
        encoded = self.encode(position)
        x = encoded
        for i, layer in enumerate(self.layers):
            x = functional.relu(layer(torch.cat([encoded, x], -1) if i == self.skip else x))
        colour = self.colour(torch.cat([self.feature(x), direction], dim=-1))
        return torch.cat([colour, functional.relu(self.density(x))], dim=-1)


class RandomFeatures(nn.Module):
    """Fourier features of a fixed random matrix (Tancik et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(2, 5))
        self.layers = nn.Sequential(nn.Linear(10, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        angles = 2 * math.pi * x @ self.frequencies
        return self.layers(torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1))


BUILDERS = {
    "mlp/sequential": lambda: (
        nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)),
        (torch.randn(2, 3),),
    ),
    "mlp/residual": lambda: (Residual(), (torch.randn(2, 3),)),
    "mlp/gated": lambda: (Gated(), (torch.randn(2, 4),)),
    "nerf/joined": lambda: (NeRF(buffered=False), (torch.randn(2, 3), torch.randn(2, 3))),
    "nerf/samples": lambda: (NeRF(buffered=True), (torch.randn(2, 4, 3), torch.randn(2, 4, 3))),
    "nerf/random features": lambda: (RandomFeatures(), (torch.randn(2, 2),)),
    "siren/first frequency": lambda: (
        nn.Sequential(SineLayer(2, 6, 30.0), SineLayer(6, 6, 1.5), nn.Linear(6, 1)),
        (torch.rand(2, 2),),
    ),
    "siren/modules": lambda: (
        nn.Sequential(nn.Linear(2, 6), Sine(20.0), nn.Linear(6, 6), Sine(1.0), nn.Linear(6, 3)),
        (torch.rand(2, 2),),
    ),
    "siren/learned": lambda: (
        nn.Sequential(nn.Linear(2, 5), LearnedSine(5), nn.Linear(5, 5), LearnedSine(5), nn.Linear(5, 1)),
        (torch.rand(2, 2),),
    ),
}
