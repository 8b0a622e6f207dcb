"""Writing a network with its architecture, and reading that architecture from a stranger's file."""

import dataclasses
import json
import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from ngcore.errors import NeuralGraphError, ShapeMismatchError, UnsupportedNetworkError
from ngcore.networks import Architecture, Network
from ngcore.networks.architecture import has_weights
from ngcore.networks.layers import LAYER_TYPES
from ngcore.upload.limits import MAX_LAYERS, MAX_SIDE, MAX_SIZE
from ngcore.upload.shapes import Shape

ARCHITECTURE_KEY = "ngcore.architecture"
FIELDS_BELOW_ONE = {
    **dict.fromkeys(("padding", "output_padding", "source", "target", "start", "axis", "order"), 0),
    "amounts": -MAX_SIDE,
}
"""The least value of the sizes that may be less than 1."""

MAX_STEPS, MAX_NAME_LENGTH, MAX_RANK, MAX_TUPLE = 10_000, 500, 5, 8


def export_network(network: Network, path: Path | str | None = None) -> bytes:
    """One network as a safetensors file that says its own architecture, in float32.

    The tensors are named as in the state dict of the `torch.nn.Sequential` of its layers. `read_network` gives the
    same network back, bit for bit.

    Args:
        network: A stack of one.
        path: Where to write the file; None to write none.

    Returns:
        The bytes of the file.

    Raises:
        ShapeMismatchError: If the stack does not hold exactly one network.
        NotFiniteError: If a weight is not finite in float32; nothing is written then.
    """
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected one network to export, got a stack of {len(network)}.")
    metadata = {ARCHITECTURE_KEY: json.dumps(network.architecture.to_dict(), sort_keys=True), "format": "pt"}
    single = network.detach().to("cpu", torch.float32).expect_finite("a network to export")
    tensors = {
        name: tensor[0].clone(memory_format=torch.contiguous_format) for name, tensor in single.parameters.items()
    }
    data = safetensors.torch.save(tensors, metadata)
    if path is not None:
        Path(path).write_bytes(data)
    return data


def import_network(path: Path | str) -> Network:
    """One network of a file that `export_network` wrote, whatever its size; for files of one's own.

    Raises:
        UnsupportedNetworkError: If the file has no architecture, or other tensors than it says.
    """
    with safetensors.safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(ARCHITECTURE_KEY)
    if text is None:
        raise _invalid("there is none")
    architecture, tensors = parse_architecture(text), safetensors.torch.load_file(path)
    check_parameters(architecture, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    return Network(architecture, {name: tensor[None] for name, tensor in tensors.items()})


def parse_architecture(text: str) -> Architecture:
    """Architecture of the JSON text that `export_network` writes, with every field checked.

    Raises:
        UnsupportedNetworkError: If the text is no such architecture.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if not isinstance(fields, dict):
        raise _invalid("it is no object")
    if set(fields) - {"input_orders", "output_orders"} == {"input_shapes", "steps", "outputs"}:
        _check_steps(fields)
    elif set(fields) == {"input_shape", "layers", "skips"}:
        _check_chain(fields)
    else:
        raise _invalid("it does not consist of input_shape, layers and skips, or of input_shapes, steps and outputs")
    try:
        return Architecture.from_dict(fields)
    except NeuralGraphError as error:
        raise _invalid(str(error).rstrip(".")) from None


def _check_chain(fields: Mapping[str, Any]) -> None:
    layers, skips = fields["layers"], fields["skips"]
    if not isinstance(layers, list) or not isinstance(skips, list) or max(len(layers), len(skips)) > MAX_LAYERS:
        raise _invalid(f"layers and skips are no lists of at most {MAX_LAYERS}")
    if not _is_shape(fields["input_shape"]) or len(fields["input_shape"]) not in (1, 3):
        raise _invalid("its input_shape is no shape of a vector or of an image of reasonable size")
    for i, layer in enumerate(layers):
        if not _is_layer(layer):
            raise _invalid(f"layer {i} is not described as a supported layer")
    if not all(isinstance(skip, dict) and _are_valid(skip, {"source": int, "target": int}) for skip in skips):
        raise _invalid("a skip is not described by a source and a target")


def _check_steps(fields: Mapping[str, Any]) -> None:
    steps, shapes, outputs = fields["steps"], fields["input_shapes"], fields["outputs"]
    if not all(isinstance(part, list) and len(part) <= MAX_STEPS for part in (steps, shapes, outputs)):
        raise _invalid(f"input_shapes, steps and outputs are no lists of at most {MAX_STEPS}")
    if not shapes or not all(_is_shape(shape) for shape in shapes):
        raise _invalid("its input_shapes are no shapes of vectors, sequences or images of reasonable size")
    if not _are_places(outputs):
        raise _invalid("its outputs are no numbers of values")
    orders = [fields.get(name, []) for name in ("input_orders", "output_orders")]
    if not all(isinstance(part, list) and len(part) <= MAX_STEPS and all(map(_are_places, part)) for part in orders):
        raise _invalid("its input_orders and output_orders are no lists of axes")
    for i, step in enumerate(steps):
        if not isinstance(step, dict) or set(step) != {"layer", "reads", "name"} or not _is_layer(step["layer"]):
            raise _invalid(f"step {i} is not described as a supported layer, what it reads and a name")
        if not _are_places(step["reads"]) or not isinstance(step["name"], str) or len(step["name"]) > MAX_NAME_LENGTH:
            raise _invalid(f"step {i} does not say by numbers what it reads, or has no name of reasonable length")


def _are_places(values: Any) -> bool:
    return isinstance(values, list) and len(values) <= MAX_STEPS and all(_is_value(v, int, least=0) for v in values)


def check_parameters(architecture: Architecture, shapes: Mapping[str, Shape]) -> None:
    """Refuse tensors that are not those of an architecture, naming the first.

    Raises:
        UnsupportedNetworkError: If one is missing, unknown or of another shape.
    """
    if not any(has_weights(step.layer) for step in architecture.steps):
        raise _invalid("it has no layer of weights")
    expected = architecture.parameter_shapes
    for name in sorted(expected.keys() | shapes.keys()):
        if expected.get(name) != shapes.get(name):
            raise UnsupportedNetworkError(
                f"The architecture in the file expects {_tensor(expected.get(name))} called {name!r}, "
                f"the file holds {_tensor(shapes.get(name))}."
            )


def _tensor(shape: Shape | None) -> str:
    return "no tensor" if shape is None else f"a tensor of shape {shape}"


def _is_shape(shape: Any) -> bool:
    if not isinstance(shape, list) or not 1 <= len(shape) <= MAX_RANK:
        return False
    return _is_value(shape[0], int) and all(_is_value(side, int) and side <= MAX_SIDE for side in shape[1:])


def _is_layer(layer: Any) -> bool:
    if not isinstance(layer, dict) or not isinstance(kind := layer.get("kind"), str) or kind not in LAYER_TYPES:
        return False
    fields = dataclasses.fields(LAYER_TYPES[kind])  # type: ignore[arg-type]
    values = {name: value for name, value in layer.items() if name != "kind"}
    types = {field.name: field.type for field in fields if field.name in values or not field.metadata.get("is_newer")}
    return _are_valid(values, types)


def _are_valid(values: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
    """Whether all fields are there and of their types, with sizes of at least 1 (0 where that has a meaning)."""
    return values.keys() == types.keys() and all(
        _is_value(value, types[name], least=FIELDS_BELOW_ONE.get(name, 1)) for name, value in values.items()
    )


def _is_value(value: Any, kind: Any, *, least: int = 1) -> bool:
    if value is None:
        return kind in (int | None, float | None)
    if kind in (int, int | None):
        return type(value) is int and least <= value <= MAX_SIZE
    if kind is bool:
        return type(value) is bool
    if kind in (float, float | None):
        return type(value) in (int, float) and abs(value) < MAX_SIZE and math.isfinite(value)
    if typing.get_origin(kind) is tuple:
        own = typing.get_args(kind)[0]
        is_list = isinstance(value, list) and len(value) <= MAX_TUPLE
        return is_list and all(_is_value(v, own, least=least) for v in value)
    if typing.get_origin(kind) is typing.Literal:
        return isinstance(value, str) and value in typing.get_args(kind)
    return isinstance(value, str)


def _invalid(reason: str) -> UnsupportedNetworkError:
    return UnsupportedNetworkError(f"The architecture in the file cannot be used: {reason}.")
