"""The structure of an input network: steps over values, and the chains and small networks that are built most."""

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ngcore.errors import ArchitectureError, NeuralGraphError, UnknownNameError
from ngcore.networks.layers import (
    CHAIN_LAYERS,
    LAYER_TYPES,
    Activation,
    ActivationKind,
    Add,
    Conv2d,
    Convolution,
    Embedding,
    GlobalAveragePool,
    Layer,
    Linear,
    Shape,
)
from ngcore.networks.naming import short_name


@dataclasses.dataclass(frozen=True)
class Step:
    """One layer at work.

    Attributes:
        layer: What it does.
        reads: The values that it reads; 0 … inputs − 1 are the inputs, then each step makes one.
        name: Its parameters are called "<name>.<parameter>"; steps of one name share them (tied weights).
    """

    layer: Layer
    reads: tuple[int, ...]
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Skip:
    """A residual connection of a chain: what layer `source` − 1 makes is added to what layer `target` − 1 makes.

    0 stands for the input.
    """

    source: int
    target: int


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The structure of an input network: a directed acyclic graph of steps over values.

    The inputs are the first values; every step makes the next one of values before it. Shapes are
    (channels, *positions), without stack and batch axes.

    Example:
        >>> architecture = siren((2, 32, 32, 1))
        >>> architecture.name, architecture.num_parameters
        ('2-32-32-1 sine', 1185)

    Attributes:
        input_shapes: Shape of each input; of tokens (size of the vocabulary, *positions), see `Embedding`.
        steps: The steps, in the order of the forward pass.
        outputs: The values that the network returns.
        input_orders: Where callers give inputs with their axes in another order: axis i of the value is axis
            `input_orders[k][i]` of what is given as input k, the batch aside; () where all are given as they are.
        output_orders: The same for what is returned: its axis i is axis `output_orders[k][i]` of the value.

    Raises:
        ArchitectureError: Where values and layers do not fit.
    """

    input_shapes: tuple[Shape, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    input_orders: tuple[tuple[int, ...], ...] = ()
    output_orders: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.input_shapes or any(not shape or min(shape) < 1 for shape in self.input_shapes):
            raise ArchitectureError(
                f"Expected input shapes (features,) or (channels, height, width), got {self.input_shapes}."
            )
        num_values = len(self.shapes)
        if not self.outputs or not all(0 <= value < num_values for value in self.outputs):
            raise ArchitectureError(f"Expected outputs among values 0 … {num_values - 1}, got {self.outputs}.")
        _check_ties(self.steps)
        _check_orders(self.input_orders, self.input_shapes)
        _check_orders(self.output_orders, [self.shapes[value] for value in self.outputs])

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.input_shapes, self.steps, self.outputs, self.input_orders, self.output_orders))

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Shape of every value."""
        shapes = list(self.input_shapes)
        for step in self.steps:
            if not all(0 <= value < len(shapes) for value in step.reads):
                raise ArchitectureError(f"Expected a step that reads values before it, got {step}.")
            least, most = step.layer.reads
            if len(step.reads) < least or (most is not None and len(step.reads) > most):
                raise ArchitectureError(f"Expected {least} to {most or 'any number of'} values to read, got {step}.")
            shapes.append(step.layer.output_shape(*(shapes[value] for value in step.reads)))
        return tuple(shapes)

    @property
    def num_inputs(self) -> int:
        """How many values are inputs."""
        return len(self.input_shapes)

    @cached_property
    def parameter_shapes(self) -> dict[str, Shape]:
        """Shape of every parameter, named "<step>.<parameter>" as in torch."""
        return {
            f"{step.name}.{name}": shape for step in self.steps for name, shape in step.layer.parameter_shapes().items()
        }

    @cached_property
    def num_parameters(self) -> int:
        """Number of scalars in one network, running statistics included."""
        return sum(math.prod(shape) for shape in self.parameter_shapes.values())

    @cached_property
    def given_shapes(self) -> tuple[Shape, ...]:
        """Shape of each input as callers give it, the batch aside; of tokens without the vocabulary."""
        shapes = []
        for number, shape in enumerate(self.input_shapes):
            order = self.input_orders[number] if self.input_orders else tuple(range(len(shape)))
            given = tuple(shape[order.index(axis)] for axis in range(len(shape)))
            shapes.append(given[1:] if number in self.token_values else given)
        return tuple(shapes)

    @property
    def input_shape(self) -> Shape:
        """Shape of the first input."""
        return self.input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of the first output."""
        return self.shapes[self.outputs[0]]

    @property
    def is_convolutional(self) -> bool:
        """Whether the network reads maps."""
        return len(self.input_shape) == 3

    @cached_property
    def token_values(self) -> frozenset[int]:
        """The values that are tokens, (batch, *positions) whole numbers: inputs that Embeddings read."""
        found = {step.reads[0] for step in self.steps if isinstance(step.layer, Embedding)}
        for number in reversed(range(len(self.steps))):
            if self.num_inputs + number in found:
                found |= set(self.steps[number].reads)
        return frozenset(found)

    @cached_property
    def layer_sizes(self) -> tuple[int, ...]:
        """Neurons (channels) of the input and of every layer of weights (the "layer layout" of other code)."""
        sizes = [self.shapes[self.num_inputs + i][0] for i, step in enumerate(self.steps) if has_weights(step.layer)]
        return (self.input_shape[0], *sizes)

    @cached_property
    def weight_layers(self) -> dict[str, Linear | Convolution]:
        """The Linear layers and convolutions by the names of their steps."""
        layers = ((step.name, step.layer) for step in self.steps)
        return {name: layer for name, layer in layers if isinstance(layer, Linear | Convolution)}

    @cached_property
    def chain(self) -> "Chain | None":
        """These steps as a chain of layers with skips; None where they are none."""
        return _as_chain(self)

    @property
    def is_sequential(self) -> bool:
        """Whether it is a chain of layers without residual connections."""
        return self.chain is not None and not self.chain.skips

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in the order of the forward pass, without those that join values of a chain."""
        return self.chain.layers if self.chain else tuple(step.layer for step in self.steps)

    @property
    def skips(self) -> tuple[Skip, ...]:
        """The residual connections of a chain.

        Raises:
            ArchitectureError: If it is none.
        """
        if self.chain is None:
            raise ArchitectureError(f"Expected a chain of layers, got {self.name}.")
        return self.chain.skips

    @cached_property
    def name(self) -> str:
        """A short human name such as "2-32-32-1 sine"."""
        steps = [step.layer for step in self.steps]
        return short_name(steps, self.layer_sizes, is_chain=bool(self.chain), reads_maps=self.is_convolutional)

    @cached_property
    def id(self) -> str:
        """Twelve hex digits that identify the structure."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; inverse of `from_dict`. Chains are spelled as lists of layers and skips."""
        fields: dict[str, Any]
        if self.chain:
            fields = {
                "input_shape": self.input_shape,
                "layers": [layer.to_dict() for layer in self.chain.layers],
                "skips": [dataclasses.asdict(skip) for skip in self.chain.skips],
            }
        else:
            steps = [{"layer": s.layer.to_dict(), "reads": s.reads, "name": s.name} for s in self.steps]
            fields = {"input_shapes": self.input_shapes, "steps": steps, "outputs": self.outputs}
            orders = {"input_orders": self.input_orders, "output_orders": self.output_orders}
            fields |= {name: order for name, order in orders.items() if order}
        return json.loads(json.dumps(fields))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Architecture":
        """Inverse of `to_dict`.

        Raises:
            ArchitectureError: If the fields do not describe an architecture.
        """
        try:
            if "steps" in fields:
                steps = tuple(
                    Step(_layer_from_dict(step["layer"]), tuple(int(i) for i in step["reads"]), str(step["name"]))
                    for step in fields["steps"]
                )
                shapes = tuple(tuple(int(size) for size in shape) for shape in fields["input_shapes"])
                orders = [
                    tuple(tuple(int(axis) for axis in order) for order in fields.get(name, ()))
                    for name in ("input_orders", "output_orders")
                ]
                return cls(shapes, steps, tuple(int(value) for value in fields["outputs"]), *orders)
            layers = tuple(_layer_from_dict(layer) for layer in fields["layers"])
            skips = tuple(Skip(int(skip["source"]), int(skip["target"])) for skip in fields.get("skips", ()))
            return chain(tuple(int(size) for size in fields["input_shape"]), layers, skips)
        except NeuralGraphError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ArchitectureError(f"Expected the fields of an architecture, got {fields!r:.200}.") from error


@dataclasses.dataclass(frozen=True)
class Chain:
    """What the first format of files tells of an architecture.

    Attributes:
        layers: One after the other.
        skips: In the order of their targets.
    """

    layers: tuple[Layer, ...]
    skips: tuple[Skip, ...]


def has_weights(layer: Layer) -> bool:
    """Whether new neurons are connected to those read by learned weights."""
    return layer.flow in ("mix", "scan")


def _check_ties(steps: Sequence[Step]) -> None:
    """Check that steps of one name agree in the shapes of their parameters."""
    shapes: dict[str, dict[str, Shape]] = {}
    for step in steps:
        own = step.layer.parameter_shapes()
        if own and shapes.setdefault(step.name, own) != own:
            raise ArchitectureError(
                f"Expected steps called {step.name!r} to share their parameters, got {shapes[step.name]} and {own}."
            )


def _check_orders(orders: Sequence[tuple[int, ...]], shapes: Sequence[Shape]) -> None:
    if orders and [sorted(order) for order in orders] != [list(range(len(shape))) for shape in shapes]:
        raise ArchitectureError(f"Expected orders of the axes of {list(shapes)}, got {list(orders)}.")


def chain(input_shape: Sequence[int], layers: Sequence[Layer], skips: Sequence[Skip] = ()) -> Architecture:
    """A chain of layers with residual connections; the steps are called "0", "1", … as in `torch.nn.Sequential`.

    Args:
        input_shape: (features,) of a vector or (channels, height, width) of a map.
        layers: One after the other.
        skips: Residual connections between values of equal shape.

    Raises:
        ArchitectureError: Where two layers, or the ends of a skip, do not fit.
    """
    shapes = tuple(itertools.accumulate(layers, lambda shape, own: own.output_shape(shape), initial=tuple(input_shape)))
    for skip in skips:
        if not 0 <= skip.source < skip.target <= len(layers):
            raise ArchitectureError(f"Expected a skip forwards between values 0 … {len(layers)}, got {skip}.")
        if shapes[skip.source] != shapes[skip.target]:
            raise ArchitectureError(
                f"Expected a skip between values of equal shape, got {shapes[skip.source]} and {shapes[skip.target]} "
                f"in {skip}."
            )
    steps: list[Step] = []
    places = [0]  # of what each layer makes, skips added
    for number, layer in enumerate(layers):
        steps.append(Step(layer, (places[-1],), str(number)))
        place = len(steps)
        for skip in skips:
            if skip.target == number + 1:
                steps.append(Step(Add(), (places[skip.source], place)))
                place = len(steps)
        places.append(place)
    return Architecture((tuple(input_shape),), tuple(steps), (len(steps),))


def _as_chain(architecture: Architecture) -> Chain | None:
    if architecture.num_inputs != 1 or architecture.outputs != (len(architecture.steps),):
        return None
    if architecture.input_orders or architecture.output_orders:
        return None
    layers: list[Layer] = []
    skips: list[Skip] = []
    places = [0]
    for value, step in enumerate(architecture.steps, start=1):
        if isinstance(step.layer, CHAIN_LAYERS) and step.reads == (value - 1,) and step.name == str(len(layers)):
            layers.append(step.layer)
            places.append(value)
            continue
        is_skip = isinstance(step.layer, Add) and not step.name and len(step.reads) == 2 and layers
        if not is_skip or step.reads[0] not in places[:-1] or step.reads[1] != value - 1:
            return None
        skips.append(Skip(places.index(step.reads[0]), len(layers)))
        places[-1] = value
    return Chain(tuple(layers), tuple(skips))


def _layer_from_dict(fields: Mapping[str, Any]) -> Layer:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items() if k != "kind"}
    if fields["kind"] not in LAYER_TYPES:
        raise UnknownNameError("layer kind", fields["kind"], LAYER_TYPES)
    return LAYER_TYPES[fields["kind"]](**values)


def mlp(sizes: Sequence[int], activation: Activation | ActivationKind = "relu") -> Architecture:
    """A multi-layer perceptron of the given layer sizes, `activation` after all but the last layer."""
    function = activation if isinstance(activation, Activation) else Activation(activation)
    linears = [Linear(n_in, n_out) for n_in, n_out in itertools.pairwise(sizes)]
    layers = [layer for linear in linears for layer in (linear, function)][:-1]
    return chain((sizes[0],), tuple(layers))


def siren(sizes: Sequence[int] = (2, 32, 32, 1), omega_0: float = 30.0) -> Architecture:
    """A SIREN (Sitzmann et al. 2020): sin(omega_0 · (W x + b)) after all but the last layer."""
    return mlp(sizes, Activation("sine", omega_0=omega_0))


def small_cnn(
    channels: Sequence[int] = (1, 16, 16, 16),
    *,
    num_classes: int = 10,
    activation: ActivationKind = "relu",
    image_size: tuple[int, int] = (32, 32),
    stride: int = 2,
) -> Architecture:
    """Three-by-three convolutions, global average pooling and a Linear, as in the Small CNN Zoo."""
    convolutions = [
        Conv2d(c_in, c_out, (3, 3), (stride, stride), (1, 1)) for c_in, c_out in itertools.pairwise(channels)
    ]
    body = [layer for convolution in convolutions for layer in (convolution, Activation(activation))]
    head = (GlobalAveragePool(), Linear(channels[-1], num_classes))
    return chain((channels[0], *image_size), (*body, *head))
