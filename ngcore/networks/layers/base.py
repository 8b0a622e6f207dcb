"""What every layer declares: its parameters, the neurons along their axes, its shapes, its flow, and how it runs."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor

from ngcore.errors import ArchitectureError

Shape = tuple[int, ...]
"""(channels, *positions) of a value: (features,), (channels, length), (channels, height, width), …"""

Parameters = Mapping[str, Tensor]
Flow = Literal[
    "mix",
    "keep",
    "norm",
    "spread",
    "gather",
    "join",
    "cut",
    "turn",
    "add",
    "multiply",
    "attend",
    "scan",
    "source",
    "reduce",
]
Symmetry = Literal["sign", "scale"]
MAX_FLOAT = 3.4e38  # what single precision holds
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Axis:
    """The neurons that run along one axis of a parameter.

    Attributes:
        end: "out": those of the layer's result; "in": those of the first value that it reads.
        of_value: Axis of that value: 0 is the channels, 1 and above are positions.
        repeats: How often they stand one after the other (the gates of a recurrence).
        groups: Above 1 where the axis holds the neurons of one group only, that of the parameter's first axis.
    """

    end: Literal["out", "in"]
    of_value: int = 0
    repeats: int = 1
    groups: int = 1


OUT, IN = Axis("out"), Axis("in")
Axes = dict[str, tuple[Axis | None, ...]]
"""By parameter one entry an axis; None where the axis runs along no neurons (kernels)."""


class Layer(abc.ABC):
    """One function with parameters, as data.

    Symmetries, alignment, permutation and the neural graph read `axes` and `flow` alone; only running a layer is its
    own business.

    Attributes:
        kind: Its name in files.
        flow: What becomes of the neurons of the values that it reads:

            * "mix": new ones, connected by weights;
            * "keep", "norm": those read; a norm couples them;
            * "spread": each one once for every position; "gather": the reverse;
            * "join", "cut": side by side; a run of them;
            * "turn": channels and positions change places;
            * "add", "multiply": those of all values read, tied one to one;
            * "attend": those of the values attended to, by heads; queries and keys are tied one to one;
            * "scan": new ones, read again at the next position;
            * "source": new ones, from no value;
            * "reduce": one, of all.
    """

    kind: ClassVar[str]
    flow: ClassVar[Flow]
    passes: ClassVar[frozenset[Symmetry]] = frozenset()
    """Symmetries of a neuron that the layer hands on: f(−x) = −f(x) is "sign", f(s x) = s f(x), s > 0, is "scale"."""

    reads: ClassVar[tuple[int, int | None]] = (1, 1)
    """The least and the largest number of values read; None: any number."""

    pins_positions: ClassVar[bool] = False
    """Whether the order of positions matters to it."""

    period: ClassVar[int | None] = None
    """Channels whose index agrees modulo this play one role, and no others; None: all play one role."""

    num_groups: ClassVar[int] = 1
    """Groups of channels that stay together (grouped convolutions, group norms, heads)."""

    def parameter_shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by their names."""
        return {}

    @property
    def axes(self) -> Axes:
        """The neurons along the axes of each parameter."""
        return {}

    @abc.abstractmethod
    def output_shape(self, *shapes: Shape) -> Shape:
        """Shape of the value that this layer makes of values of `shapes`.

        Raises:
            ArchitectureError: If it cannot read them.
        """

    def kept_positions(self, *shapes: Shape) -> tuple[int | None, ...]:
        """For each position axis of the result the position axis (1, 2, …) of the first value that it is, or None."""
        return tuple(range(1, len(self.output_shape(*shapes))))

    @abc.abstractmethod
    def run(self, parameters: Parameters, *values: Tensor) -> Tensor:
        """Apply the layers of N networks.

        Args:
            parameters: Tensors (networks, *shape) by name.
            values: What it reads, each (networks, batch, *shape).

        Returns:
            (networks, batch, *output shape).
        """

    def to_dict(self) -> dict[str, Any]:
        """Kind and fields, without those `newer` than the first format of files that are at their default."""
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if not (field.metadata.get("is_newer") and getattr(self, field.name) == field.default)
        }
        return {"kind": self.kind, **fields}


def newer(default: T) -> T:
    """A field that the first format of files did not have: files leave it out where it is at its default."""
    return dataclasses.field(default=default, metadata={"is_newer": True})


def require(fits: bool, layer: Layer, expected: str, *shapes: Shape) -> None:
    """Check what a layer reads.

    Raises:
        ArchitectureError: If it does not fit.
    """
    if not fits:
        got = " and ".join(map(str, shapes))
        raise ArchitectureError(f"Expected a value of shape {expected} before {layer}, got {got}.")


def require_sizes(layer: Layer, *sizes: int, at_least: int = 1) -> None:
    """Check that sizes are whole numbers.

    Raises:
        ArchitectureError: If one is not, or is too small.
    """
    if not all(type(size) is int and size >= at_least for size in sizes):
        raise ArchitectureError(f"Expected whole numbers of at least {at_least} as sizes, got {layer}.")


def set_number(layer: Layer, name: str) -> None:
    """Make a field a float, as 30 and 30.0 are one structure with one id; single precision must be able to hold it.

    Raises:
        ArchitectureError: If it is not finite.
    """
    number = float(getattr(layer, name))
    if not abs(number) <= MAX_FLOAT:
        raise ArchitectureError(f"Expected a finite {name}, got {layer}.")
    object.__setattr__(layer, name, number)


def along(parameter: Tensor, x: Tensor) -> Tensor:
    """(networks, *shape) of a parameter along the first axes of a value → (networks, 1, *shape, 1, …)."""
    rest = x.dim() - parameter.dim() - 1
    return parameter.view(parameter.shape[0], 1, *parameter.shape[1:], *(1,) * rest)


def folded(x: Tensor) -> Tensor:
    """(networks, batch, …) → (networks · batch, …)."""
    return x.flatten(0, 1)
