"""Many networks of one architecture in one safetensors file, stacked, and back."""

import json
from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from ngcore.errors import ShapeMismatchError, UnsupportedNetworkError, UploadError
from ngcore.networks import Network
from ngcore.upload import safetensors_format
from ngcore.upload.export import parse_architecture
from ngcore.upload.limits import LOCAL

STACK_KEY, IDS_KEY = "ngcore.stack", "ngcore.ids"


def export_stack(network: Network, ids: Sequence[str], path: Path | str | None = None) -> bytes:
    """N networks as one safetensors file that says their architecture and what each is called, in float32.

    The tensors have the names of `architecture.parameter_shapes` and the networks as their leading axis.

    Args:
        network: N networks.
        ids: What to call each of them.
        path: Where to write the file; None to write none.

    Returns:
        The bytes of the file.

    Raises:
        ShapeMismatchError: If there are more or fewer names than networks.
        NotFiniteError: If a weight is not finite in float32; nothing is written then.
    """
    if len(ids) != len(network):
        raise ShapeMismatchError(f"Expected {len(network)} names for as many networks, got {len(ids)}.")
    metadata = {
        STACK_KEY: json.dumps(network.architecture.to_dict(), sort_keys=True),
        IDS_KEY: json.dumps(list(ids)),
        "format": "pt",
    }
    single = network.detach().to("cpu", torch.float32).expect_finite("networks to export")
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in single.parameters.items()}
    data = safetensors.torch.save(tensors, metadata)
    if path is not None:
        Path(path).write_bytes(data)
    return data


def is_stack(data: bytes) -> bool:
    """Whether the bytes of a file are those of a file of `export_stack`, as far as its header says."""
    if not safetensors_format.matches(data[: safetensors_format.PREFIX_BYTES + 1]):
        return False
    try:
        return STACK_KEY in safetensors_format.parse_header(data)[1]
    except UploadError:
        return False


def read_stack(data: bytes) -> tuple[Network, list[str]]:
    """The networks of a file of `export_stack`, bit for bit, and what each is called.

    Raises:
        UploadError: If the file is damaged, too large, or holds no stack.
    """
    contents = safetensors_format.read(data, LOCAL)
    if STACK_KEY not in contents.metadata:
        raise UnsupportedNetworkError("Expected a file of stacked networks, as export_stack writes it.")
    architecture = parse_architecture(contents.metadata[STACK_KEY])
    try:
        network = Network(architecture, contents.tensors)
        ids = json.loads(contents.metadata.get(IDS_KEY, ""))
    except (ShapeMismatchError, ValueError, RecursionError) as error:
        raise UnsupportedNetworkError(f"The stack in the file cannot be used: {error}") from None
    if not isinstance(ids, list) or len(ids) != len(network) or not all(isinstance(one, str) for one in ids):
        raise UnsupportedNetworkError(f"Expected a name for each of {len(network)} networks in the file.")
    return network, ids
