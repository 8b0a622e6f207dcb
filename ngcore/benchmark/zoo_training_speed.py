"""How fast the networks of zoos are trained: as stacks, beside torch's own modules and optimisers, one at a time."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ngcore.networks import from_module
from ngcore.zoo.stack_runs import StackRun
from ngcore.zoo.stack_training import TrainingStack

NUM_CLASSES = 10
GREY, COLOUR = (1, 28, 28), (3, 32, 32)


@dataclasses.dataclass(frozen=True)
class ZooTrainingCase:
    """One architecture of a zoo.

    Attributes:
        name: What it is.
        make: Makes its module.
        input_shape: Of one image.
    """

    name: str
    make: Callable[[], nn.Module]
    input_shape: tuple[int, ...]


def zoo_training_cases() -> list[ZooTrainingCase]:
    """The small CNN, a CNN with batch norm as of `cnn-park`, and one network of each family of `fashion-families`."""
    return [
        ZooTrainingCase("small CNN", _small_cnn, (1, 32, 32)),
        ZooTrainingCase("CNN with batch norm", _park_cnn, COLOUR),
        ZooTrainingCase("MLP", _mlp, GREY),
        ZooTrainingCase("GRU", lambda: _Recurrent(nn.GRU), GREY),
        ZooTrainingCase("LSTM", lambda: _Recurrent(nn.LSTM), GREY),
        ZooTrainingCase("transformer", _Transformer, GREY),
    ]


def measure_zoo_training(
    case: ZooTrainingCase, *, num_networks: int = 4, batch: int = 64, seconds: float = 3.0, threads: int = 1
) -> dict[str, Any]:
    """One row: training steps of Adam; a stack and single modules take turns, medians are compared."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    images, labels = torch.randn(batch, *case.input_shape), torch.randint(NUM_CLASSES, (num_networks, batch))
    module = case.make()
    runs = [StackRun(index=i, group=0) for i in range(num_networks)]
    stack = TrainingStack(from_module(module, images)[[0] * num_networks], runs)
    optimiser = torch.optim.Adam(module.parameters())
    times: dict[str, list[float]] = {"stack": [], "single": []}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["single"]) < 3:
        times["stack"].append(_seconds(lambda: stack.train(images, labels, {}, progress=0.0)))
        times["single"].append(_seconds(lambda: _train_single(module, optimiser, images, labels[0])))
    own, single = (statistics.median(found[1:]) for found in times.values())  # the first ones warm up
    passes, reference = num_networks * batch / own, batch / single
    return {
        "architecture": case.name,
        "parameters": stack.architecture.num_parameters,
        "networks": num_networks,
        "images": batch,
        "image_passes_per_second": round(passes),
        "single_per_second": round(reference),
        "times_single": round(passes / reference, 2),
    }


def _seconds(work: Callable[[], object]) -> float:
    """Seconds of one core, whatever else the machine does."""
    start = time.process_time()
    work()
    return time.process_time() - start


def _train_single(module: nn.Module, optimiser: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    optimiser.zero_grad()
    functional.cross_entropy(module(images), labels).backward()
    optimiser.step()


def _small_cnn() -> nn.Module:
    layers = [layer for width in (1, 16, 16) for layer in (nn.Conv2d(width, 16, 3, 2, 1), nn.ReLU())]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, NUM_CLASSES))


def _park_cnn() -> nn.Module:
    layers: list[nn.Module] = []
    before = 3
    for width, stride in ((8, 2), (16, 1), (24, 2), (32, 1)):
        layers += [nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.SiLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, NUM_CLASSES))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 10))


class _Recurrent(nn.Module):
    def __init__(self, cell: type[nn.GRU] | type[nn.LSTM]) -> None:
        super().__init__()
        self.cell, self.head = cell(28, 48, batch_first=True), nn.Linear(48, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Rows of pixels as time steps; the last state answers."""
        return self.head(self.cell(x.squeeze(1))[0][:, -1])


class _Transformer(nn.Module):
    """16 patches as tokens, one pre-norm block of two heads."""

    def __init__(self, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.patches, self.positions = nn.Conv2d(1, width, 7, 7), nn.Parameter(torch.zeros(16, width))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down, self.head = nn.Linear(width, 64), nn.Linear(64, width), nn.Linear(width, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """From (batch, 1, 28, 28) to (batch, classes)."""
        x = self.patches(x).flatten(2).mT + self.positions
        normal = self.norm1(x)
        query, key, value = (
            linear(normal).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for linear in (self.query, self.key, self.value)
        )
        x = x + self.out(functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))
