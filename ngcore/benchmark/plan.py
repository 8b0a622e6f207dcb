"""What a benchmark measures: the cases, and how long and how often."""

import dataclasses
import itertools
import os
from typing import Any, Literal

LayoutName = Literal["block", "flat", "torch_geometric"]
Mode = Literal["training", "inference"]
Precision = Literal["float32", "bfloat16"]

MODES: tuple[Mode, ...] = ("training", "inference")
LAYOUTS: dict[str, tuple[LayoutName, ...]] = {"ng-gnn": ("block", "flat", "torch_geometric"), "ng-t": ("block", "flat")}
"""The layouts that each preset is measured in; only NG-GNN has a torch_geometric reference."""


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCase:
    """One setting of one model on one batch of SIRENs.

    Attributes:
        preset: Name of the model.
        layout: How its messages are passed.
        mode: "training" = forward, backward and an AdamW step; "inference" = forward without gradients.
        precision: "bfloat16" means autocast.
        is_compiled: Whether `torch.compile` is used.
        layer_sizes: Neurons of each layer of the input networks.
        batch: Networks a step.
        seconds: Repeat for at least this long.
        threads: Threads of torch.
    """

    preset: str
    layout: LayoutName = "block"
    mode: Mode = "training"
    precision: Precision = "float32"
    is_compiled: bool = False
    layer_sizes: tuple[int, ...] = (2, 32, 32, 1)
    batch: int = 64
    seconds: float = 5.0
    threads: int = dataclasses.field(default_factory=num_cores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitCase:
    """SIRENs (2-32-32-1) fitted to 28 × 28 images by one process.

    Attributes:
        count: Images.
        steps: Adam steps.
        pixels: Random pixels a step.
        is_compiled: Whether the step is compiled.
        threads: Threads of torch.
    """

    count: int
    steps: int = 500
    pixels: int = 256
    is_compiled: bool = True
    threads: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """All that one benchmark measures.

    Attributes:
        presets: Models.
        precisions: Precisions that each is measured in.
        has_compiled: Whether the block layout is measured with `torch.compile`, too.
        layer_sizes: Neurons of each layer of the input networks.
        batch: Networks a step.
        seconds: Time for each row.
        widths: Neurons of each of two hidden layers, in the sweep of sizes.
        depths: Hidden layers of 32 neurons, in the sweep of sizes.
        fit_count: Images that each process fits SIRENs to; 0 leaves fitting out.
        fit_steps: Adam steps of these fits.
        fit_processes: Processes that fit at once.
        fit_is_compiled: Whether their step is compiled.
        mixed_networks: Networks of a batch in which each has an architecture of its own.
        forward_networks: Input networks of the stacks whose forward passes are measured.
        trained_networks: Networks of the stacks whose training is measured.
        is_isolated: Whether every row has a process of its own, so that its peak memory is its own.
        threads: Threads of torch.
    """

    presets: tuple[str, ...] = tuple(LAYOUTS)
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    has_compiled: bool = True
    layer_sizes: tuple[int, ...] = (2, 32, 32, 1)
    batch: int = 64
    seconds: float = 3.0
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    depths: tuple[int, ...] = (2, 4, 8, 16)
    fit_count: int = 256
    fit_steps: int = 500
    fit_processes: int = dataclasses.field(default_factory=num_cores)
    fit_is_compiled: bool = True
    mixed_networks: int = 32
    forward_networks: int = 64
    trained_networks: int = 4
    is_isolated: bool = True
    threads: int = dataclasses.field(default_factory=num_cores)

    def model_cases(self) -> list[ModelCase]:
        """Every preset in every layout, mode and precision, and compiled where that is asked for."""
        settings = [
            (preset, layout, precision, is_compiled)
            for preset in self.presets
            for layout in LAYOUTS[preset]
            for is_compiled in ((False, True) if self.has_compiled and layout == "block" else (False,))
            for precision in self.precisions
        ]
        return [
            self._case(preset, mode, layout=layout, precision=precision, is_compiled=is_compiled)
            for preset, layout, precision, is_compiled in settings
            for mode in MODES
        ]

    def size_cases(self) -> list[ModelCase]:
        """NG-GNN in the block layout on networks of growing width and depth, about as many edges in every batch."""
        shapes = [(width, 2) for width in self.widths] + [(32, depth) for depth in self.depths]
        cases = []
        for width, depth in dict.fromkeys(shapes):
            sizes = (2, *(width,) * depth, 1)
            batch = max(1, min(self.batch, 64 * 1120 // num_edges(sizes)))
            cases += [self._case("ng-gnn", mode, layer_sizes=sizes, batch=batch) for mode in MODES]
        return cases

    def fit_cases(self) -> list[FitCase]:
        """One case for each process that fits SIRENs."""
        case = FitCase(count=self.fit_count, steps=self.fit_steps, is_compiled=self.fit_is_compiled)
        return [case] * self.fit_processes if self.fit_count else []

    def _case(self, preset: str, mode: Mode, **changes: Any) -> ModelCase:
        case = ModelCase(
            preset=preset,
            mode=mode,
            layer_sizes=self.layer_sizes,
            batch=self.batch,
            seconds=self.seconds,
            threads=self.threads,
        )
        return dataclasses.replace(case, **changes)


def num_edges(layer_sizes: tuple[int, ...]) -> int:
    """Weights of a chain of Linear layers."""
    return sum(n_in * n_out for n_in, n_out in itertools.pairwise(layer_sizes))


FULL = Plan()
QUICK = Plan(
    precisions=("float32",),
    has_compiled=False,
    seconds=1.0,
    widths=(16, 64),
    depths=(2, 8),
    fit_count=32,
    fit_steps=100,
)
