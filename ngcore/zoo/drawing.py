"""Drawing what varies between the groups and runs of a zoo: evenly over groups, independently over runs."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch

from ngcore.networks import Activation, ActivationKind, Add, Architecture, Layer, Shape, Step
from ngcore.zoo.runs import keyed_generator
from ngcore.zoo.stack_runs import INITS, SCHEDULES, StackRun

T = TypeVar("T")
_PRIMES = (2, 3, 5, 7, 13, 11, 19)


class Draw:
    """Random choices from a generator that depends on nothing but a seed, a purpose and numbers."""

    def __init__(self, seed: int, purpose: str, *numbers: int) -> None:
        self._generator = keyed_generator(seed, purpose, *numbers)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number between `low` and `high`."""
        return low + (high - low) * torch.rand((), generator=self._generator, dtype=torch.float64).item()

    def log_uniform(self, low: float, high: float) -> float:
        """A positive number whose logarithm is uniform."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.uniform() < probability

    def choice(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely."""
        return choices[int(self.uniform() * len(choices))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.uniform() * (high - low + 1))


def even_places(index: int, names: Sequence[str], *, seed: int, of: str = "groups") -> dict[str, float]:
    """A number in [0, 1) for each name, from a sequence of low discrepancy: even over the first n indices, for every n.

    It is Richtmyer's: multiples of the square roots of primes modulo 1 (1951), from a random start for each `of`.
    """
    starts = torch.rand(len(names), generator=keyed_generator(seed, f"places of {of}"), dtype=torch.float64).tolist()
    steps = zip(names, starts, _PRIMES, strict=False)
    return {name: (start + index * math.sqrt(prime)) % 1 for name, start, prime in steps}


def pick(place: float, choices: Sequence[T]) -> T:
    """The choice at a place in [0, 1)."""
    return choices[int(place * len(choices))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRanges:
    """From what the hyper-parameters of single runs are drawn.

    Attributes:
        learning_rates: Log-uniform range by optimiser.
        weight_decay: Log-uniform range.
        undropped: Share of runs without dropout.
        max_dropout: Of the others the rate is this times the square of a uniform number.
        clean: Share of runs without label noise.
        max_label_noise: Of the others the noise is uniform up to this.
        init_gain: Log-uniform range.
    """

    learning_rates: Mapping[str, tuple[float, float]]
    weight_decay: tuple[float, float] = (1e-8, 1e-3)
    undropped: float = 0.6
    max_dropout: float = 0.5
    clean: float = 0.4
    max_label_noise: float = 0.4
    init_gain: tuple[float, float] = (0.5, 2.0)


def draw_run(index: int, shared: Mapping[str, Any], ranges: RunRanges, *, seed: int) -> StackRun:
    """Draw a run; it depends on its index, the seed and what its group shares."""
    draw = Draw(seed, "run", index)
    optimiser = draw.choice(tuple(ranges.learning_rates))
    drops, rate, is_clean, noise = draw.uniform(), draw.uniform(), draw.chance(ranges.clean), draw.uniform()
    return StackRun(
        **shared,
        index=index,
        optimiser=optimiser,
        learning_rate=draw.log_uniform(*ranges.learning_rates[optimiser]),
        schedule=draw.choice(SCHEDULES),
        weight_decay=draw.log_uniform(*ranges.weight_decay),
        dropout=0.0 if drops < ranges.undropped else ranges.max_dropout * rate**2,
        label_noise=0.0 if is_clean else ranges.max_label_noise * noise,
        init=draw.choice(INITS),
        init_gain=draw.log_uniform(*ranges.init_gain),
    )


class Steps:
    """Collects the steps of an architecture; chains with skips come out as `ngcore.networks.chain` makes them.

    Attributes:
        shapes: Shape of every value so far.
        last: The value made last.
    """

    def __init__(self, input_shape: Shape) -> None:
        self.shapes: list[Shape] = [input_shape]
        self._steps: list[Step] = []
        self._num_layers = 0

    @property
    def last(self) -> int:
        """The value made last."""
        return len(self.shapes) - 1

    @property
    def shape(self) -> Shape:
        """Shape of the value made last."""
        return self.shapes[-1]

    def __call__(self, layer: Layer, *reads: int, name: str | None = None) -> int:
        """Append a step that reads `reads`, or the last value; returns the number of the value that it makes."""
        if not reads and layer.reads[0]:
            reads = (self.last,)
        if name is None:
            name = "" if isinstance(layer, Add) else str(self._num_layers)
            self._num_layers += not isinstance(layer, Add)
        self._steps.append(Step(layer, reads, name))
        self.shapes.append(layer.output_shape(*(self.shapes[value] for value in reads)))
        return self.last

    def activate(self, function: ActivationKind) -> int:
        """Append an activation."""
        return self(Activation(function))

    def end(self) -> Architecture:
        """The architecture whose output is the last value."""
        return Architecture((self.shapes[0],), tuple(self._steps), (self.last,))
