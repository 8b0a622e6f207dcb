"""What torch's own arithmetic, activations and reductions are in terms of a foreign graph."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch

from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node
from ngcore.networks.lifting.operations import activation

Made = Node | list[Node]
Handler = Callable[[ForeignGraph, SimpleNamespace, str], Made]
"""Reads the graph, the arguments of the operation by name, and the path of the module that calls it."""

SAME = (
    *("contiguous", "clone", "detach", "alias", "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"),
    *("lift_fresh_copy", "lift_fresh", "native_dropout"),
)
"""Operations that change nothing in evaluation mode."""


def unary(function: str, **numbers: str | float) -> Handler:
    """An activation; `numbers` are settings, or the names of the arguments that give them."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        found = {key: getattr(a, value) if isinstance(value, str) else value for key, value in numbers.items()}
        return graph.apply("activate", a.self, layer=activation(function, **found), path=path)

    return handle


def first(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The tensor itself."""
    return a.self if hasattr(a, "self") else a.input


def cast(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Another precision, which a network here does not know; of constants in full."""
    dtype = getattr(a, "dtype", None)
    x: Node = a.self
    if dtype is None or dtype == x.dtype or (dtype.is_floating_point and x.dtype.is_floating_point):
        return x
    if x.value is not None:
        return graph.derived(x.value.to(dtype), [x], path)
    return graph.unknown(f"a cast to {str(dtype).removeprefix('torch.')}", x.shape, dtype, [x], path)


def tensor(graph: ForeignGraph, value: Any) -> Node:
    """A tensor, or a number as one."""
    return value if isinstance(value, Node) else graph.constant(torch.tensor(float(value), dtype=torch.float64))


def _operand(graph: ForeignGraph, value: Any, like: Node) -> Node:
    node = tensor(graph, value)
    if node.value is not None and not node.dtype.is_floating_point and like.dtype.is_floating_point:
        return graph.derived(node.value.to(like.dtype), [node], node.path)
    return node


def add(graph: ForeignGraph, a: SimpleNamespace, path: str, *, sign: float = 1.0) -> Made:
    """Computes x + α y, or x − α y."""
    x, y = _operand(graph, a.self, a.other) if isinstance(a.other, Node) else a.self, None
    y = _operand(graph, a.other, x)
    factor = sign * float(getattr(a, "alpha", 1))
    return graph.apply("add", x, y if factor == 1 else graph.apply("affine", y, factor=factor, path=path), path=path)


def subtract(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes x − α y."""
    return add(graph, a, path, sign=-1.0)


def subtract_from(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes y − α x."""
    swapped = SimpleNamespace(self=tensor(graph, a.other), other=a.self, alpha=getattr(a, "alpha", 1))
    return add(graph, swapped, path, sign=-1.0)


def multiply(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes x · y."""
    if any(isinstance(x, Node) and x.attrs.get("what") == "view_as_complex" for x in (a.self, a.other)):
        return complex_product(graph, a, path)
    x = _operand(graph, a.self, a.other) if isinstance(a.other, Node) else a.self
    return graph.apply("multiply", x, _operand(graph, a.other, x), path=path)


def complex_product(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A product with fixed complex numbers: a rotation of pairs, if they are pairs again afterwards."""
    pairs, other = (a.self, a.other) if a.self.attrs.get("what") == "view_as_complex" else (a.other, a.self)
    shape = torch.broadcast_shapes(pairs.shape, other.shape)
    made = graph.unknown("a product of complex numbers", shape, torch.complex128, [pairs, other], path)
    made.attrs["why"] = "complex numbers"
    return made


def reciprocal(graph: ForeignGraph, x: Node, path: str) -> Node:
    """1 / x."""
    return graph.apply("activate", x, layer=activation("power", alpha=-1.0), path=path)


def divide(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes x / y."""
    if getattr(a, "rounding_mode", None) is not None:
        return graph.unknown("a division that rounds", a.self.shape, a.self.dtype, [a.self], path)
    x = _operand(graph, a.self, a.other) if isinstance(a.other, Node) else a.self
    y = _operand(graph, a.other, x)
    if y.number is not None:
        return graph.apply("multiply", x, graph.constant(torch.tensor(1 / y.number, dtype=torch.float64)), path=path)
    return graph.apply("multiply", x, reciprocal(graph, y, path), path=path)


def power(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Computes x to a fixed power."""
    exponent = a.exponent.number if isinstance(a.exponent, Node) else a.exponent
    if exponent is None or not isinstance(a.self, Node):
        made = graph.unknown("a power with an exponent that is no number", a.exponent.shape, a.exponent.dtype, [], path)
        made.reads = tuple(x for x in (a.self, a.exponent) if isinstance(x, Node))
        return made
    return graph.apply("activate", a.self, layer=activation("power", alpha=exponent), path=path)


def clamp(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Between two numbers."""
    low, high = getattr(a, "min", None), getattr(a, "max", None)
    layer = activation("clamp", low=-math.inf if low is None else low, high=math.inf if high is None else high)
    return graph.apply("activate", a.self, layer=layer, path=path)


def elu(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """ELU; its general form has factors of its own."""
    if a.scale != 1 or a.input_scale != 1:
        return graph.unknown("an ELU with a scale of its own", a.self.shape, a.self.dtype, [a.self], path)
    return graph.apply("activate", a.self, layer=activation("elu", alpha=a.alpha), path=path)


def softplus(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Softplus, exact where its threshold is torch's own."""
    if a.threshold != 20:
        return graph.unknown("a softplus with a threshold of its own", a.self.shape, a.self.dtype, [a.self], path)
    return graph.apply("activate", a.self, layer=activation("softplus", beta=a.beta), path=path)


def gelu(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """GELU in both forms."""
    kind = "gelu_tanh" if a.approximate == "tanh" else "gelu"
    return graph.apply("activate", a.self, layer=activation(kind), path=path)


def glu(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One half gates the other."""
    axis = a.dim % len(a.self.shape)
    half = a.self.shape[axis] // 2
    value, gate = (graph.apply("slice", a.self, axis=axis, start=i * half, stop=(i + 1) * half) for i in (0, 1))
    return graph.apply("multiply", value, graph.apply("activate", gate, layer=activation("sigmoid")), path=path)


def where(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One of two, by a fixed choice."""
    condition = a.condition if hasattr(a, "condition") else a.mask
    kept, other = (a.self, a.other) if hasattr(a, "condition") else (a.value, a.self)
    reads = [x for x in (condition, kept, other) if isinstance(x, Node)]
    if condition.value is None:
        shape = torch.broadcast_shapes(*(x.shape for x in reads))
        return graph.unknown("a choice that depends on the input", shape, reads[-1].dtype, reads, path)
    dtype = next(x.dtype for x in reads[1:] if x.dtype.is_floating_point)
    chosen = condition.value.bool()
    return graph.apply(
        "add", _kept(graph, kept, chosen, dtype, path), _kept(graph, other, ~chosen, dtype, path), path=path
    )


def _kept(graph: ForeignGraph, value: Any, where: torch.Tensor, dtype: torch.dtype, path: str) -> Node:
    """A tensor where it is chosen, elsewhere 0; a choice of −∞ leaves the rest as it is."""
    node = tensor(graph, value)
    if node.value is not None:
        numbers = torch.where(where, node.value.to(dtype), torch.zeros((), dtype=dtype))
        return graph.derived(numbers, [node], path)
    return graph.apply("multiply", node, graph.constant(where.to(dtype)), path=path)


def masked_fill(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A number in place of some entries, by a fixed mask."""
    number = a.value.number if isinstance(a.value, Node) else a.value
    if a.mask.value is not None and number == -math.inf and a.self.value is None:
        hidden = torch.where(a.mask.value.bool(), -math.inf, 0.0).to(a.self.dtype)
        return graph.apply("add", a.self, graph.constant(hidden), path=path)
    return where(graph, a, path)


def listed(value: int | Sequence[int]) -> list[int]:
    """One number or several as a list."""
    return [value] if isinstance(value, int) else list(value)


def reduction(kind: str) -> Handler:
    """A mean, sum, maximum or minimum over axes."""

    def handle(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
        rank, asked = len(a.self.shape), getattr(a, "dim", None)
        axes = tuple(range(rank)) if asked in (None, []) else tuple(axis % rank for axis in listed(asked))
        keepdim = getattr(a, "keepdim", False)
        made = graph.apply("reduce", a.self, reduction=kind, axes=axes, keepdim=keepdim, path=path)
        if kind in ("max", "min") and isinstance(asked, int):  # with the places of the maxima
            places = graph.unknown("the place of a maximum", made.shape, torch.long, [a.self], path)
            return [made, places]
        return made

    return handle


def largest(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The maximum over axes, without its place."""
    return reduction("max")(graph, SimpleNamespace(self=a.self, dim=list(listed(a.dim)), keepdim=a.keepdim), path)


def smallest(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The minimum over axes, without its place."""
    return reduction("min")(graph, SimpleNamespace(self=a.self, dim=list(listed(a.dim)), keepdim=a.keepdim), path)


def variance(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The mean square distance from the mean."""
    rank, asked = len(a.self.shape), getattr(a, "dim", None)
    axes = tuple(range(rank)) if asked is None else tuple(axis % rank for axis in listed(asked))
    correction = getattr(a, "correction", None)
    less = int(a.unbiased) if hasattr(a, "unbiased") else 1 if correction is None else int(correction)
    count = math.prod(a.self.shape[axis] for axis in axes)
    mean = graph.apply("reduce", a.self, reduction="mean", axes=axes, keepdim=True, path=path)
    centred = graph.apply("add", a.self, graph.apply("affine", mean, factor=-1.0), path=path)
    squares = graph.apply("activate", centred, layer=activation("power", alpha=2.0), path=path)
    kept = getattr(a, "keepdim", False)
    made = graph.apply("reduce", squares, reduction="mean", axes=axes, keepdim=kept, path=path)
    return graph.apply("affine", made, factor=count / max(count - less, 1e-300), path=path) if less else made


def softmax(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Softmax over an axis."""
    return graph.apply("softmax", a.self, axis=a.dim % len(a.self.shape), path=path)


def log_softmax(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Its logarithm."""
    return graph.apply("softmax", a.self, axis=a.dim % len(a.self.shape), is_log=True, path=path)


ARITHMETIC: dict[str, Handler] = {
    **dict.fromkeys(SAME, first),
    **dict.fromkeys(("to", "_to_copy", "type_as", "float", "double", "half"), cast),
    "_log_softmax": log_softmax,
    "_softmax": softmax,
    "abs": unary("abs"),
    "add": add,
    "amax": largest,
    "amin": smallest,
    "celu": unary("celu", alpha="alpha"),
    "clamp": clamp,
    "clamp_max": clamp,
    "clamp_min": clamp,
    "cos": unary("cosine"),
    "div": divide,
    "elu": elu,
    "erf": lambda graph, a, path: graph.apply("erf", a.self, path=path),
    "exp": unary("exp"),
    "gelu": gelu,
    "glu": glu,
    "hardshrink": unary("hard_shrink", alpha="lambd"),
    "hardsigmoid": unary("hard_sigmoid"),
    "hardswish": unary("hard_swish"),
    "hardtanh": unary("hard_tanh", low="min_val", high="max_val"),
    "leaky_relu": unary("leaky_relu", negative_slope="negative_slope"),
    "log": unary("log"),
    "log_sigmoid": unary("log_sigmoid"),
    "log_softmax": log_softmax,
    "masked_fill": masked_fill,
    "max": reduction("max"),
    "mean": reduction("mean"),
    "min": reduction("min"),
    "mish": unary("mish"),
    "mul": multiply,
    "multiply": multiply,
    "neg": lambda graph, a, path: graph.apply("affine", a.self, factor=-1.0, path=path),
    "pow": power,
    "reciprocal": unary("power", alpha=-1.0),
    "relu": unary("relu"),
    "relu6": unary("hard_tanh", low=0.0, high=6.0),
    "rsqrt": unary("power", alpha=-0.5),
    "rsub": subtract_from,
    "selu": unary("selu"),
    "sigmoid": unary("sigmoid"),
    "silu": unary("silu"),
    "sin": unary("sine"),
    "softmax": softmax,
    "softplus": softplus,
    "softshrink": unary("soft_shrink", alpha="lambd"),
    "sqrt": unary("power", alpha=0.5),
    "square": unary("power", alpha=2.0),
    "sub": subtract,
    "sum": reduction("sum"),
    "tanh": unary("tanh"),
    "threshold": unary("threshold", beta="threshold", alpha="value"),
    "var": variance,
    "where": where,
}
