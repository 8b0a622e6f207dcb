"""Named tensors grouped into layers: what each name ends in, and what the shape of its weight says."""

import dataclasses
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from ngcore.errors import UnsupportedNetworkError
from ngcore.upload.limits import MAX_LAYERS
from ngcore.upload.names import NORMS, TABLES, TRANSPOSED, pieces
from ngcore.upload.shapes import Shape

ROLES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
COUNTER = "num_batches_tracked"
STATISTICS = ("running_mean", "running_var")
ModuleKind = Literal["linear", "conv2d", "batch_norm", "layer_norm"]
KIND_BY_NDIM: dict[int, ModuleKind] = {2: "linear", 4: "conv2d"}
RESIDUAL_NAME = re.compile(r"downsample|shortcut|skip|residual|resblock|layer\d+\.\d+\.(conv|bn)\d", re.IGNORECASE)
HOW_TO_EXPORT = (
    "Only plain chains of layers can be told from names and shapes; a file written by "
    "ngcore.upload.export_network says the rest itself."
)
BATCH_STATISTICS = " without running statistics, so that it depends on the other inputs of a batch"
Token = tuple[int, int, str]


@dataclasses.dataclass(frozen=True)
class Module:
    """The tensors of one layer.

    Attributes:
        prefix: The common prefix of their names, such as "net.0".
        kind: The kind of layer.
        shape: Shape of its weight (of its statistics, if a norm has no weight).
        names: The full name of each tensor by its role.
    """

    prefix: str
    kind: ModuleKind
    shape: Shape
    names: dict[str, str]

    @cached_property
    def key(self) -> tuple[Token, ...]:
        """The prefix in pieces whose order is natural: net.2 before net.10."""
        parts = re.findall(r"\d+|\D+", self.prefix)
        return tuple((0, int(part[:18]), "") if part[0].isdecimal() else (1, 0, part) for part in parts)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers in the prefix."""
        return tuple(number for kind, number, _ in self.key if kind == 0)

    @property
    def pattern(self) -> tuple[str, ...]:
        """The prefix without its numbers; layers that share it are in the order of their numbers."""
        return tuple(text for _, _, text in self.key)

    @property
    def is_norm(self) -> bool:
        """Whether it normalises and has no weights between neurons."""
        return self.kind in ("batch_norm", "layer_norm")

    @property
    def described(self) -> str:
        """How messages call it: its first tensor and the shape."""
        return f"{next(iter(self.names.values()))!r} of shape {self.shape}"


def group_modules(shapes: Mapping[str, Shape]) -> list[Module]:
    """Group tensors by what precedes the last dot of their names, in the order of the names.

    Raises:
        UnsupportedNetworkError: Naming the first tensor that belongs to no supported layer.
    """
    groups: dict[str, dict[str, str]] = {}
    for name in shapes:
        prefix, _, role = name.rpartition(".")
        if role not in ROLES:
            raise UnsupportedNetworkError(
                f"Expected names that end in {', '.join(ROLES[:-1])}, got {name!r} of shape {shapes[name]}. "
                + HOW_TO_EXPORT
            )
        if RESIDUAL_NAME.search(prefix):
            raise UnsupportedNetworkError(
                f"The name {name!r} is one of a residual network, whose skip connections cannot be told. "
                + HOW_TO_EXPORT
            )
        groups.setdefault(prefix, {})[role] = name
    if 2 * len(groups) > MAX_LAYERS:  # an activation may follow each
        raise UnsupportedNetworkError(f"Expected at most {MAX_LAYERS // 2} layers, got {len(groups)}.")
    modules = [_module(prefix, names, shapes) for prefix, names in groups.items()]
    if all(module.is_norm for module in modules):
        raise UnsupportedNetworkError("Expected the weights of linear or convolutional layers, got none.")
    return modules


def _module(prefix: str, names: dict[str, str], shapes: Mapping[str, Shape]) -> Module:
    ordered = {role: names[role] for role in ROLES if role in names and role != COUNTER}
    if not ordered:
        raise UnsupportedNetworkError(f"Expected a layer with weights, got {names[COUNTER]!r} alone.")
    first = ordered.get("weight") or ordered.get("running_mean") or next(iter(ordered.values()))
    shape = shapes[first]
    module = Module(prefix, _kind(first, shape, set(ordered)), shape, ordered)
    for role, name in ordered.items():
        if role != "weight" and shapes[name] != shape[:1]:
            raise UnsupportedNetworkError(
                f"Expected {name!r} of shape {shape[:1]}, got {shapes[name]}.{_why_swapped(shape, shapes[name])}"
            )
    _check_name(module)
    return module


def _why_swapped(shape: Shape, bias: Shape) -> str:
    """What it means that a bias has a number for each input instead of each output."""
    if bias != shape[1:2]:
        return ""
    if len(shape) == 2:
        return " The weight seems to be stored as inputs × outputs, as Keras and JAX do; transpose it."
    return " The weight seems to be that of a transposed convolution, which is not supported."


def _check_name(module: Module) -> None:
    """Refuse layers whose name says that they are not what their shape suggests.

    Raises:
        UnsupportedNetworkError: If a layer is named as a transposed convolution, a table, or another kind of norm.
    """
    words = pieces(module.prefix)
    own = pieces(module.prefix.rpartition(".")[2])
    name = next(iter(module.names.values()))
    if module.kind == "conv2d" and words & TRANSPOSED:
        raise _unsupported(name, "a transposed convolution")
    if module.kind == "linear" and "bias" not in module.names and words & TABLES:
        raise _unsupported(name, "an embedding table")
    for kind, names in NORMS.items():
        if module.kind == "layer_norm" and kind != "layer_norm" and own & names:
            raise _unsupported(name, f"a {kind.replace('_', ' ')}{BATCH_STATISTICS if kind == 'batch_norm' else ''}")


def _unsupported(name: str, what: str) -> UnsupportedNetworkError:
    return UnsupportedNetworkError(f"The name {name!r} is that of {what}, which is not supported.")


def _kind(first: str, shape: Shape, present: set[str]) -> ModuleKind:
    has_statistics = present.issuperset(STATISTICS)
    if len(shape) == 1 and has_statistics and ("weight" in present) == ("bias" in present):
        return "batch_norm"
    if len(shape) == 1 and present == {"weight", "bias"}:
        return "layer_norm"
    if len(shape) in KIND_BY_NDIM and "weight" in present and present <= {"weight", "bias"}:
        return KIND_BY_NDIM[len(shape)]
    raise UnsupportedNetworkError(
        f"Expected the weight of a linear layer (2 axes), a 2-D convolution (4 axes) or a norm (1 axis and a bias), "
        f"got {first!r} of shape {shape} with {', '.join(sorted(present))}. " + HOW_TO_EXPORT
    )
