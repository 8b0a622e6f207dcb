"""How fast stacks of input networks run and are trained, beside the same functions written out in torch."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ngcore.networks import (
    Activation,
    Add,
    Architecture,
    Attend,
    LayerNorm,
    Linear,
    Network,
    PositionPool,
    Slice,
    Step,
    siren,
    small_cnn,
)

D, TOKENS, HEADS, HIDDEN = 32, 16, 4, 64
Forward = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""From the parameters of N networks and inputs that they share to answers (networks, batch, outputs)."""


@dataclasses.dataclass(frozen=True)
class ForwardCase:
    """One architecture and the code that its forward pass is compared with.

    Attributes:
        name: What it is.
        architecture: Its steps.
        reference: "written out" (the fewest calls to torch that there are) or "torch.func.vmap" over a module.
        run: The reference.
        batch: Inputs.
    """

    name: str
    architecture: Architecture
    reference: str
    run: Forward
    batch: int


def forward_cases() -> list[ForwardCase]:
    """SIRENs and small CNNs beside written-out code, CNNs and transformers beside `torch.func.vmap`."""
    cnn = small_cnn((1, 8, 8, 8), image_size=(16, 16))
    modules = [nn.Sequential(nn.Conv2d(a, 8, 3, 2, 1), nn.ReLU()) for a in (1, 8, 8)]
    flat = [layer for module in modules for layer in module]
    sequential = nn.Sequential(*flat, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
    names = {f"{i}.{p}": f"{8 if i == 7 else i}.{p}" for i in (0, 2, 4, 7) for p in ("weight", "bias")}
    return [
        ForwardCase("SIREN 2-32-32-1", siren(), "written out", _siren, 256),
        ForwardCase("small CNN", cnn, "written out", _cnn, 32),
        ForwardCase("small CNN", cnn, "torch.func.vmap", _vmapped(sequential, names), 32),
        ForwardCase("transformer", _transformer(), "torch.func.vmap", _vmapped(_TorchTransformer(), None), 16),
    ]


def measure_forward(
    case: ForwardCase, *, num_networks: int = 64, seconds: float = 3.0, threads: int = 1
) -> list[dict[str, Any]]:
    """Two rows: inference, and a forward and backward pass; runs of both sides take turns, medians are compared."""
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    parameters = {
        name: torch.randn(num_networks, *shape, generator=generator) / math.sqrt(math.prod(shape[1:]))
        for name, shape in case.architecture.parameter_shapes.items()
    }
    network = Network(case.architecture, parameters)
    inputs = torch.randn(case.batch, *case.architecture.input_shape, generator=generator)
    sides: dict[str, Forward] = {
        "own": lambda parameters, x: Network(case.architecture, parameters)(x),
        "reference": case.run,
    }
    difference = (sides["own"](network.parameters, inputs) - case.run(network.parameters, inputs)).abs().max()
    rows = []
    for mode in ("inference", "training"):
        times = _times(sides, network, inputs, seconds=seconds, has_gradients=mode == "training")
        own, reference = (1e3 * statistics.median(times[side]) for side in sides)
        rows.append(
            {"architecture": case.name, "mode": mode, "networks": num_networks, "inputs": case.batch}
            | {"reference": case.reference, "ms": round(own, 2), "reference_ms": round(reference, 2)}
            | {"times_reference": round(own / reference, 2), "difference": float(difference.detach())}
        )
    return rows


def _times(
    sides: Mapping[str, Forward], network: Network, inputs: Tensor, *, seconds: float, has_gradients: bool
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {side: [] for side in sides}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["reference"]) < 4:
        for side, run in sides.items():
            leaves = {name: p.detach().requires_grad_(has_gradients) for name, p in network.parameters.items()}
            start = time.perf_counter()
            with torch.set_grad_enabled(has_gradients):
                answers = run(leaves, inputs)
                if has_gradients:
                    torch.autograd.grad(answers.square().sum(), list(leaves.values()))
            times[side].append(time.perf_counter() - start)
    return {side: found[1:] for side, found in times.items()}  # the first one warms up


def _siren(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    h = x.expand(len(parameters["0.weight"]), *x.shape)
    for i in (0, 2):
        h = torch.sin(30 * (h @ parameters[f"{i}.weight"].mT + parameters[f"{i}.bias"][:, None]))
    return h @ parameters["4.weight"].mT + parameters["4.bias"][:, None]


def _cnn(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
    n, batch = len(parameters["0.weight"]), len(x)
    h = x.repeat(1, n, 1, 1)
    for i in (0, 2, 4):
        weight, bias = parameters[f"{i}.weight"].flatten(0, 1), parameters[f"{i}.bias"].flatten()
        h = functional.relu(functional.conv2d(h, weight, bias, 2, 1, groups=n))
    h = h.mean((2, 3)).view(batch, n, -1).transpose(0, 1)
    return h @ parameters["7.weight"].mT + parameters["7.bias"][:, None]


def _vmapped(module: nn.Module, names: Mapping[str, str] | None) -> Forward:
    """A module for all networks at once; `names` says what it calls the parameters, None: as they are called."""

    def run(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        own = {(names or {}).get(name, name): tensor for name, tensor in parameters.items()}
        return torch.func.vmap(lambda p: torch.func.functional_call(module, p, (x,)))(own)

    return run


def _transformer() -> Architecture:
    """One pre-norm block over vectors of a sequence, and a head that reads their mean."""
    layers: list[tuple[Any, tuple[int, ...], str]] = [
        (LayerNorm(D), (0,), "norm1"),
        (Linear(D, 3 * D), (1,), "qkv"),
        *[(Slice(i * D, (i + 1) * D), (2,), "") for i in range(3)],
        (Attend(HEADS), (3, 4, 5), ""),
        (Linear(D, D), (6,), "out"),
        (Add(), (0, 7), ""),
        (LayerNorm(D), (8,), "norm2"),
        (Linear(D, HIDDEN), (9,), "up"),
        (Activation("gelu"), (10,), ""),
        (Linear(HIDDEN, D), (11,), "down"),
        (Add(), (8, 12), ""),
        (PositionPool("mean", (1,)), (13,), ""),
        (Linear(D, 10), (14,), "head"),
    ]
    return Architecture(((D, TOKENS),), tuple(Step(*fields) for fields in layers), (15,))


class _TorchTransformer(nn.Module):
    """The same in torch, with channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down, self.head = nn.Linear(D, HIDDEN), nn.Linear(HIDDEN, D), nn.Linear(D, 10)

    def forward(self, x: Tensor) -> Tensor:
        """From (batch, channels, tokens) to (batch, classes)."""
        x = x.mT
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1))
        attended = (q @ k.mT / math.sqrt(D // HEADS)).softmax(-1) @ v  # the fused one has no batching rule on CPUs
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))
