"""Writing a network with its architecture, and reading that architecture from a stranger's file."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from ngcore.errors import NeuralGraphError, ShapeMismatchError, UnsupportedNetworkError
from ngcore.networks import Architecture, Network
from ngcore.networks.layers import LAYER_TYPES
from ngcore.upload.limits import MAX_LAYERS, MAX_SIDE, MAX_SIZE
from ngcore.upload.shapes import Shape

ARCHITECTURE_KEY = "ngcore.architecture"
FIELDS_THAT_MAY_BE_ZERO = {"padding", "source", "target"}


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


def parse_architecture(text: str) -> Architecture:
    """Architecture of the JSON text that `export_network` writes, with every field checked.

    Raises:
        UnsupportedNetworkError: If the text is no such architecture.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if not isinstance(fields, dict) or set(fields) != {"input_shape", "layers", "skips"}:
        raise _invalid("it does not consist of input_shape, layers and skips")
    layers, skips, shape = fields["layers"], fields["skips"], fields["input_shape"]
    if not isinstance(layers, list) or not isinstance(skips, list) or max(len(layers), len(skips)) > MAX_LAYERS:
        raise _invalid(f"layers and skips are no lists of at most {MAX_LAYERS}")
    if not _is_shape(shape):
        raise _invalid("its input_shape is no shape of a vector or of an image of reasonable size")
    for i, layer in enumerate(layers):
        if not _is_layer(layer):
            raise _invalid(f"layer {i} is not described as a supported layer")
    if not all(isinstance(skip, dict) and _are_valid(skip, {"source": int, "target": int}) for skip in skips):
        raise _invalid("a skip is not described by a source and a target")
    try:
        return Architecture.from_dict(fields)
    except NeuralGraphError as error:
        raise _invalid(str(error).rstrip(".")) from None


def check_parameters(architecture: Architecture, shapes: Mapping[str, Shape]) -> None:
    """Refuse tensors that are not those of an architecture, naming the first.

    Raises:
        UnsupportedNetworkError: If one is missing, unknown or of another shape.
    """
    if not architecture.weight_layers:
        raise _invalid("it has no linear or convolutional layer")
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
    if not isinstance(shape, list) or len(shape) not in (1, 3):
        return False
    return _is_value(shape[0], int) and all(_is_value(side, int) and side <= MAX_SIDE for side in shape[1:])


def _is_layer(layer: Any) -> bool:
    if not isinstance(layer, dict) or not isinstance(kind := layer.get("kind"), str) or kind not in LAYER_TYPES:
        return False
    types = {name: field.type for name, field in LAYER_TYPES[kind].__dataclass_fields__.items() if name != "kind"}
    return _are_valid({name: value for name, value in layer.items() if name != "kind"}, types)


def _are_valid(values: Mapping[str, Any], types: Mapping[str, Any]) -> bool:
    """Whether all fields are there and of their types, with sizes of at least 1 (0 where that has a meaning)."""
    return values.keys() == types.keys() and all(
        _is_value(value, types[name], least=0 if name in FIELDS_THAT_MAY_BE_ZERO else 1)
        for name, value in values.items()
    )


def _is_value(value: Any, kind: Any, *, least: int = 1) -> bool:
    if kind is int:
        return type(value) is int and least <= value <= MAX_SIZE
    if kind is bool:
        return type(value) is bool
    if kind is float:
        return type(value) in (int, float) and abs(value) < MAX_SIZE and math.isfinite(value)
    if kind == tuple[int, int]:
        return isinstance(value, list) and len(value) == 2 and all(_is_value(v, int, least=least) for v in value)
    return isinstance(value, str)


def _invalid(reason: str) -> UnsupportedNetworkError:
    return UnsupportedNetworkError(f"The architecture in the file cannot be used: {reason}.")
