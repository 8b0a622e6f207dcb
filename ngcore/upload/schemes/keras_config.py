"""Keras models, Sequential and Functional, by the config that their archives hold."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ngcore.networks import (
    ACTIVATION_KINDS,
    Activation,
    Add,
    BatchNorm,
    Concat,
    Conv2d,
    Embedding,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
    Multiply,
    Pad,
    Pool,
    PositionPool,
    Resize,
    Softmax,
)
from ngcore.upload.schemes.asking import ask_image, ask_length
from ngcore.upload.schemes.keras_names import KerasLayer, keras_layers
from ngcore.upload.schemes.plan import ACTIVATIONS, MisfitError, Plan
from ngcore.upload.shapes import Shape

Config = Mapping[str, Any]
NOTHING = frozenset({"Dropout", "SpatialDropout2D", "GaussianNoise", "ActivityRegularization"})
JOINS: dict[str, Callable[[], Layer]] = {"Add": Add, "Concatenate": Concat, "Multiply": Multiply}
KINDS = {
    "Dense": "dense",
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "BatchNormalization": "batch_norm",
    "LayerNormalization": "layer_norm",
    "Embedding": "embedding",
}
"""The layers with weights that are read."""


def build(plan: Plan, model: Config) -> tuple[int, ...]:
    """The steps of a model, layer by layer.

    Args:
        plan: The plan; its tensors are named as Keras names them.
        model: The config, as in the archive.

    Raises:
        MisfitError: Naming the first layer that is not read.
    """
    if model.get("class_name") not in ("Sequential", "Functional"):
        raise MisfitError(f"it is a {model.get('class_name')!s:.40}, not a Sequential or Functional model")
    layers = list(model["config"]["layers"])
    if not layers or layers[0].get("class_name") != "InputLayer":
        layers.insert(0, {"class_name": "InputLayer", "config": _implied_input(model, layers)})
    inputs = [layer for layer in layers if layer.get("class_name") == "InputLayer"]
    reads = plan.read(*(_input_shape(plan, layer["config"], layers) for layer in inputs))
    made = dict(zip((layer["config"].get("name") for layer in inputs), reads, strict=True))
    own, counts, before = {layer.name: layer for layer in keras_layers(plan.shapes)}, Counter[str](), reads[0]
    for fields in layers:
        stored = _stored_name(str(fields["class_name"]), counts)
        if fields["class_name"] != "InputLayer":
            names = _inbound(fields)
            before = _step(plan, [made[name] for name in names] if names else [before], fields, own, stored)
            made[fields["config"].get("name")] = before
    ends = [name for name, _, _ in _histories(model["config"].get("output_layers", []))]
    return tuple(made[name] for name in ends) or (before,)


def _step(plan: Plan, read: list[int], fields: Config, own: Mapping[str, KerasLayer], stored: str) -> int:
    """What a layer makes of the values that it reads."""
    kind, config = fields["class_name"], fields["config"]
    if config.get("data_format", "channels_last") != "channels_last":
        raise MisfitError("its channels come first")
    if kind in JOINS:
        return plan.step(JOINS[kind](), *read)
    (x,) = read
    if kind in NOTHING:
        return x
    if kind in MOVES:
        return MOVES[kind](plan, x, config)
    if kind not in KINDS:
        raise MisfitError(f"its layer {config.get('name')!r} is of the kind {kind}, which is not read")
    layer = own.get(stored) or own.get(str(config.get("name")))
    if layer is None or layer.kind != KINDS[kind]:
        raise MisfitError(f"there are no weights of its layer {config.get('name')!r}")
    return _activated(plan, _with_weights(plan, x, layer, config), config.get("activation", "linear"))


def _histories(node: Any) -> Iterator[tuple[str, int, int]]:
    """All (layer, node, tensor) that a config refers to, in their order."""
    if isinstance(node, dict):
        for value in node.values():
            yield from _histories(value)
    elif isinstance(node, list):
        if len(node) >= 3 and isinstance(node[0], str) and all(type(part) is int for part in node[1:3]):
            yield node[0], node[1], node[2]
        else:
            for value in node:
                yield from _histories(value)


def _inbound(fields: Config) -> list[str]:
    """Names of the layers that a layer of a Functional model reads."""
    nodes = fields.get("inbound_nodes", [])
    found = list(_histories(nodes))
    if len(nodes) > 1 or any(number or tensor for _, number, tensor in found):
        raise MisfitError(f"its layer {fields['config'].get('name')!r} is used more than once")
    return [name for name, _, _ in found]


def _stored_name(kind: str, counts: "Counter[str]") -> str:
    """What Keras 3 calls a layer in a file: its kind in small letters, with a number from the second on."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
    counts[words] += 1
    return words if counts[words] == 1 else f"{words}_{counts[words] - 1}"


def _implied_input(model: Config, layers: list[Config]) -> Config:
    """The config of the input of a model that lists none."""
    first = layers[0] if layers else {}
    known = first.get("config", {}).get("batch_input_shape") or first.get("build_config", {}).get("input_shape")
    return {"name": None, "batch_shape": known or model["config"].get("build_input_shape")}


def _input_shape(plan: Plan, config: Config, layers: list[Config]) -> Shape:
    """Shape of an input in the order of torch, asked for where Keras left it open."""
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    if not isinstance(shape, list) or not all(side is None or (type(side) is int and side > 0) for side in shape[1:]):
        raise MisfitError("its config does not say the shape of its input")
    sides = shape[1:]
    table = next((layer for layer in layers if layer.get("class_name") == "Embedding"), None)
    if table and len(sides) == 1:
        return (table["config"]["input_dim"], sides[0] or ask_length(plan))
    if not sides or sides[-1] is None:
        raise MisfitError("its config does not say how many features it reads")
    if len(sides) == 3 and None in sides[:2]:
        return (sides[2], *ask_image(plan, 32, reason="its config leaves the size of the image open"))
    if None in sides or len(sides) not in (1, 3):
        raise MisfitError(f"it reads values of shape {sides}")
    return (sides[-1], *sides[:-1])


def _with_weights(plan: Plan, x: int, layer: KerasLayer, config: Config) -> int:
    for role in layer.tensors:
        plan.take(f"{layer.name}.{role}", layer.view(role))
    made, x = _layer(plan, x, layer, config)
    expected = made.parameter_shapes()
    if expected != layer.shapes:
        raise MisfitError(f"the weights of {layer.name!r} have shapes {layer.shapes} instead of {expected}")
    return plan.step(made, x, name=layer.name)


def _layer(plan: Plan, x: int, layer: KerasLayer, config: Config) -> tuple[Layer, int]:
    """The layer, and the value that it reads (padded where Keras pads on one side more)."""
    shape, channels = layer.shapes.get("weight", ()), plan.values[x][0]
    has_bias = "bias" in layer.tensors
    match layer.kind:
        case "dense":
            return Linear(shape[1], shape[0], has_bias), x
        case "embedding":
            return Embedding(*shape), x
        case "batch_norm" | "layer_norm":
            if layer.tensors.keys() & {"weight", "bias"} != {"weight", "bias"}:
                raise MisfitError(f"{layer.name!r} has no scale or no shift")
            if config.get("axis", -1) not in (-1, len(plan.values[x]), [len(plan.values[x])], [-1]):
                raise MisfitError(f"{layer.name!r} normalises along another axis than the channels")
            kind = BatchNorm if layer.kind == "batch_norm" else LayerNorm
            return kind(channels, float(config.get("epsilon", 1e-3))), x
    stride, dilation = _pair(config.get("strides", 1)), _pair(config.get("dilation_rate", 1))
    x, padding = _padded(plan, x, str(config.get("padding", "valid")), shape[2:], stride, dilation)
    if layer.kind == "depthwise_conv2d" and shape[1] != 1:
        raise MisfitError(f"{layer.name!r} makes several channels of each")
    groups = channels // shape[1]
    return Conv2d(channels, shape[0], shape[2:], stride, padding, groups, has_bias, dilation), x


def _pair(sizes: Any) -> tuple[int, int]:
    pair = tuple(sizes) if isinstance(sizes, list | tuple) else (sizes, sizes)
    if len(pair) != 2 or not all(type(size) is int and size > 0 for size in pair):
        raise MisfitError(f"its config has sizes {sizes!r:.40}")
    return pair[0], pair[1]


def _padded(
    plan: Plan, x: int, padding: str, kernel: Shape, stride: Shape, dilation: Shape = (1, 1)
) -> tuple[int, tuple[int, int]]:
    """The value with what "same" padding adds after it, and the padding that is the same on both sides."""
    if padding not in ("same", "valid"):
        raise MisfitError(f"it pads {padding!r:.20}")
    if padding == "valid":
        return x, (0, 0)
    totals = []
    for side, size, step, taps in zip(plan.values[x][1:], kernel, stride, dilation, strict=True):
        reach = taps * (size - 1) + 1
        totals.append(max((-(-side // step) - 1) * step + reach - side, 0))
    if any(total % 2 for total in totals):
        amounts = tuple(part for total in totals for part in (total // 2, total - total // 2))
        return plan.step(Pad(amounts), x), (0, 0)
    return x, (totals[0] // 2, totals[1] // 2)


def _activated(plan: Plan, x: int, name: Any) -> int:
    """An activation by its name in Keras; a softmax is one over the channels."""
    if isinstance(name, dict):
        name = name.get("config", {}).get("name") or name.get("class_name")
    own = ACTIVATIONS.get(str(name), str(name))
    if own == "softmax":
        return plan.step(Softmax(), x)
    if own == "relu6":
        return plan.step(Activation("hard_tanh", low=0.0, high=6.0), x)
    if own not in ACTIVATION_KINDS or own in ("hard_sigmoid", "leaky_relu"):  # Keras has slopes of its own
        raise MisfitError(f"its activation {own!r:.40} is not read")
    return x if own == "none" else plan.step(Activation(own), x)


def _pool(plan: Plan, x: int, config: Config, kind: str) -> int:
    kernel = _pair(config.get("pool_size", 2))
    stride = _pair(config.get("strides") or list(kernel))
    padded, padding = _padded(plan, x, str(config.get("padding", "valid")), kernel, stride)
    if padded != x:
        raise MisfitError(f"its pool {config.get('name')!r} pads one side more than the other")
    return plan.step(Pool(kind, kernel, stride, padding, count_include_pad=False), x)  # type: ignore[arg-type]


def _global_max(plan: Plan, x: int, config: Config) -> int:
    return plan.step(PositionPool("max", tuple(range(1, len(plan.values[x])))), x)


def _zero_padded(plan: Plan, x: int, config: Config) -> int:
    (top, bottom), (left, right) = config.get("padding", [[1, 1], [1, 1]])
    return plan.step(Pad((top, bottom, left, right)), x)


def _resized(plan: Plan, x: int, config: Config) -> int:
    if config.get("interpolation", "nearest") != "nearest":
        raise MisfitError("it enlarges maps by another rule than the nearest neighbour")
    factors = _pair(config.get("size", 2))
    height, width = plan.values[x][1:]
    return plan.step(Resize((height * factors[0], width * factors[1])), x)


def _leaky(plan: Plan, x: int, config: Config) -> int:
    slope = config.get("negative_slope", config.get("alpha", 0.3))
    return plan.step(Activation("leaky_relu", negative_slope=float(slope)), x)


def _rectified(plan: Plan, x: int, config: Config) -> int:
    if config.get("negative_slope") or config.get("threshold"):
        raise MisfitError("its ReLU has a slope or a threshold")
    most = config.get("max_value")
    return plan.step(Activation("relu") if most is None else Activation("hard_tanh", low=0.0, high=float(most)), x)


MOVES: dict[str, Callable[[Plan, int, Config], int]] = {
    "Activation": lambda plan, x, config: _activated(plan, x, config.get("activation")),
    "AveragePooling2D": lambda plan, x, config: _pool(plan, x, config, "mean"),
    "Flatten": lambda plan, x, config: plan.step(Flatten(channels_last=True), x) if len(plan.values[x]) > 1 else x,
    "GlobalAveragePooling2D": lambda plan, x, config: plan.step(GlobalAveragePool(), x),
    "GlobalMaxPooling2D": _global_max,
    "LeakyReLU": _leaky,
    "MaxPooling2D": lambda plan, x, config: _pool(plan, x, config, "max"),
    "ReLU": _rectified,
    "Softmax": lambda plan, x, config: plan.step(Softmax(), x),
    "UpSampling2D": _resized,
    "ZeroPadding2D": _zero_padded,
}
"""The layers without weights that are read."""
