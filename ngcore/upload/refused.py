"""Formats that are recognised only to say why they are not read, and how to convert them."""

import dataclasses
from collections.abc import Callable

from ngcore.upload.archive import first_name
from ngcore.upload.pickles import HOW_TO_CONVERT

KERAS_TO_NPZ = (
    "Convert a model of Dense layers where you trust it, then upload model.npz:\n"
    "import keras, numpy as np\n"
    'dense = [layer.get_weights() for layer in keras.saving.load_model("model.keras").layers if layer.weights]\n'
    'np.savez("model.npz", **{f"{i}.{n}": a.T for i, d in enumerate(dense) for n, a in zip(("weight", "bias"), d)})'
)
ONNX_TO_NPZ = (
    "Convert it, then upload model.npz:\n"
    "import numpy as np, onnx\n"
    'graph = onnx.load("model.onnx").graph\n'
    'np.savez("model.npz", **{t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer})'
)
ARRAY_TO_NPZ = (
    "Save all arrays in one file, then upload model.npz:\n"
    "import numpy as np\n"
    'weight, bias = np.load("weight.npy"), np.load("bias.npy")\n'
    'np.savez("model.npz", **{"0.weight": weight, "0.bias": bias})'
)
KERAS_ENTRIES = {"metadata.json", "config.json", "model.weights.h5"}
ONNX_FIELD_TAGS = b"\x12\x1a\x22\x28\x32\x3a\x42"  # the fields of a model that may follow its version
MAX_ONNX_VERSION = 20
MAX_PICKLE_PROTOCOL = 5


@dataclasses.dataclass(frozen=True)
class RefusedFormat:
    """A format that is known and not read."""

    message: str
    matches: Callable[[bytes], bool]


def _is_onnx(head: bytes) -> bool:
    return len(head) > 2 and head[0] == 8 and 1 <= head[1] <= MAX_ONNX_VERSION and head[2] in ONNX_FIELD_TAGS


def _is_pickle(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0x80 and head[1] <= MAX_PICKLE_PROTOCOL


REFUSED = (
    RefusedFormat(
        "This is a Keras model, which can run code when loaded. " + KERAS_TO_NPZ,
        lambda head: first_name(head) in KERAS_ENTRIES,
    ),
    RefusedFormat(
        "This is an HDF5 file, which can refer to other files on this machine. " + KERAS_TO_NPZ,
        lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"),
    ),
    RefusedFormat(
        "This is a bare pickle, which can run code when loaded; it was not. " + HOW_TO_CONVERT,
        _is_pickle,
    ),
    RefusedFormat("This is a single NumPy array. " + ARRAY_TO_NPZ, lambda head: head.startswith(b"\x93NUMPY")),
    RefusedFormat("This is an ONNX model, which is not read. " + ONNX_TO_NPZ, _is_onnx),
)
