"""What the networks of `cnn-park` are: convolutional networks of any depth, width, kernels, skips, norms and heads."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from ngcore.networks import (
    Activation,
    ActivationKind,
    Add,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Linear,
    cost_of,
)
from ngcore.zoo.cnn_runs import ACTIVATIONS
from ngcore.zoo.drawing import Draw, RunRanges, Steps, draw_run, even_places, pick
from ngcore.zoo.groups import Group, Traits, split_of_group
from ngcore.zoo.stack_runs import StackRun
from ngcore.zoo.stack_training import StackTrainConfig

INPUT_SHAPE = (3, 32, 32)
NUM_CLASSES = 10
DEPTHS = range(2, 9)
CHANNELS = (4, 8, 16, 24, 32, 48, 64)
KERNELS = (3, 3, 3, 5, 7)
MAX_PARAMETERS = 120_000
MAX_MULTIPLY_ADDS = 1_200_000  # of one image
MIN_SIDE = 4  # maps are not made smaller by strides
TRAIN_FRACTIONS = (0.25, 0.5, 1.0, 1.0)
BATCH_SIZES = (32, 64, 128)
MIN_LENGTH = 0.3
RANGES = RunRanges(
    learning_rates={"adam": (3e-4, 1e-2), "rmsprop": (2e-4, 5e-3), "sgd": (5e-3, 1e-1)},
    undropped=0.7,
    max_dropout=0.4,
    clean=0.6,
)
_SHARED = ("depth", "norm", "train_fraction", "batch_size", "length", "depthwise", "head")


@dataclasses.dataclass
class _Plan:
    """What is decided of a network before its strides are: one entry per convolution.

    A residual (source, target) adds what follows activation `source` to what comes before activation `target`.
    """

    channels: list[int]
    kernels: list[int]
    functions: list[ActivationKind]
    is_depthwise: list[bool]
    strides: list[int]
    residuals: list[tuple[int, int]]
    has_norm: bool
    is_flat: bool


def draw_park(number: int, indices: Sequence[int], config: StackTrainConfig) -> Group[StackRun]:
    """Draw a group: its architecture, and runs of these indices."""
    seed = config.seed
    places = even_places(number, _SHARED, seed=seed)
    plan, architecture = _draw_architecture(places, Draw(seed, "architecture", number))
    fraction = pick(places["train_fraction"], TRAIN_FRACTIONS)
    shared = {
        "group": number,
        "train_fraction": fraction,
        "batch_size": pick(places["batch_size"], BATCH_SIZES),
        "length": round(MIN_LENGTH ** (1 - places["length"]) * math.sqrt(fraction), 4),
    }
    return Group(
        runs=[draw_run(index, shared, RANGES, seed=seed) for index in indices],
        architecture=architecture,
        traits=_traits(plan, architecture),
        split=split_of_group(number, seed=seed),
    )


def _draw_architecture(places: Mapping[str, float], draw: Draw) -> tuple[_Plan, Architecture]:
    while True:
        plan = _draw_plan(places, draw)
        architecture = _fitting(plan, draw)
        if architecture is not None:
            return plan, architecture


def _draw_plan(places: Mapping[str, float], draw: Draw) -> _Plan:
    depth = pick(places["depth"], DEPTHS)
    level = draw.whole(0, 5)
    channels = []
    for _ in range(depth):
        channels.append(CHANNELS[level])
        level = min(max(level + draw.choice((-1, 0, 0, 1, 1)), 0), len(CHANNELS) - 1)
    shared = draw.choice(ACTIVATIONS)
    is_mixed = draw.chance(0.5)
    has_depthwise = places["depthwise"] < 0.35
    return _Plan(
        channels=channels,
        kernels=[draw.choice(KERNELS) for _ in range(depth)],
        functions=[draw.choice(ACTIVATIONS) if is_mixed else shared for _ in range(depth)],
        is_depthwise=[has_depthwise and i > 0 and draw.chance(0.7) for i in range(depth)],
        strides=[1] * depth,
        residuals=_draw_residuals(depth, draw),
        has_norm=places["norm"] < 0.6,
        is_flat=places["head"] < 0.35,
    )


def _draw_residuals(depth: int, draw: Draw) -> list[tuple[int, int]]:
    """Pairs of a source and a later target at least two convolutions on, no two with the same target."""
    if depth < 3 or draw.chance(0.25):
        return []
    targets = [target for target in range(2, depth) if draw.chance(0.5)]
    return [(draw.whole(max(0, target - 4), target - 2), target) for target in targets]


def _fitting(plan: _Plan, draw: Draw) -> Architecture | None:
    """The network with strides, early ones more likely, and then smaller kernels, that bring its cost below the limits.

    None where nothing does.
    """
    while True:
        architecture = _build(plan)
        is_cheap = cost_of(architecture).multiply_adds <= MAX_MULTIPLY_ADDS
        if is_cheap and architecture.num_parameters <= MAX_PARAMETERS:
            return architecture
        side = INPUT_SHAPE[1]
        for stride in plan.strides:
            side = -(-side // stride)
        free = [i for i, stride in enumerate(plan.strides) if stride == 1]
        large = [i for i, kernel in enumerate(plan.kernels) if kernel > min(KERNELS)]
        if side // 2 >= MIN_SIDE and free and not (is_cheap and not plan.is_flat):
            plan.strides[free[int(len(free) * draw.uniform() ** 2)]] = 2
        elif large:
            plan.kernels[draw.choice(large)] -= 2
        else:
            return None


def _build(plan: _Plan) -> Architecture:
    s = Steps(INPUT_SHAPE)
    after: list[int] = []  # values after each activation
    for i, (width, kernel) in enumerate(zip(plan.channels, plan.kernels, strict=True)):
        _convolve(s, width, kernel, plan.strides[i], is_depthwise=plan.is_depthwise[i], bias=not plan.has_norm)
        if plan.has_norm:
            s(BatchNorm(width))
        for source, target in plan.residuals:
            if target == i:
                _add(s, after[source])
        after.append(s(Activation(plan.functions[i])))
    s(Flatten() if plan.is_flat else GlobalAveragePool())
    s(Linear(s.shape[0], NUM_CLASSES))
    return s.end()


def _convolve(s: Steps, width: int, kernel: int, stride: int, *, is_depthwise: bool, bias: bool) -> None:
    """A convolution, without the bias that batch norm would cancel: Adam would make steps of its rounding."""
    before = s.shape[0]
    around = ((kernel, kernel), (stride, stride), (kernel // 2, kernel // 2))
    if is_depthwise:
        s(Conv2d(before, before, *around, groups=before, bias=bias))
        s(Conv2d(before, width, (1, 1), bias=bias))
    else:
        s(Conv2d(before, width, *around, bias=bias))


def _add(s: Steps, source: int) -> None:
    """Add a value to the last one, through a 1×1 convolution where their shapes differ."""
    value, (channels, *sides) = s.last, s.shapes[source]
    if s.shapes[source] != s.shape:
        stride = -(-sides[0] // s.shape[1])
        source = s(Conv2d(channels, s.shape[0], (1, 1), (stride, stride)), source, name=f"skip{value}")
    s(Add(), source, value)


def _traits(plan: _Plan, architecture: Architecture) -> Traits:
    names = dict.fromkeys(plan.functions)
    return {
        "family": "cnn",
        "depth": len(plan.channels),
        "width": max(plan.channels),
        "min_channels": min(plan.channels),
        "max_kernel": max(plan.kernels),
        "activation": next(iter(names)) if len(names) == 1 else "mixed",
        "norm": "batch_norm" if plan.has_norm else "none",
        "residuals": len(plan.residuals),
        "projections": sum(
            isinstance(step.layer, Conv2d) and step.name.startswith("skip") for step in architecture.steps
        ),
        "depthwise": sum(plan.is_depthwise),
        "head": "flatten" if plan.is_flat else "gap",
        "num_parameters": architecture.num_parameters,
        "multiply_adds": cost_of(architecture).multiply_adds,
    }
