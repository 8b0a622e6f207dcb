"""Formats that are recognised only to say what they are and how to convert them."""

import dataclasses
from collections.abc import Callable

from ngcore.errors import UnknownFormatError
from ngcore.upload.archive import first_name
from ngcore.upload.recipes import ARRAY_TO_NPZ, CONVERT, KERAS_TO_NPZ, PICKLE_TO_NPZ, TORCH_TO_NPZ

KERAS_ENTRIES = {"metadata.json", "config.json", "model.weights.h5"}
LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled number that torch < 1.6 wrote first
SAVED_MODEL = b"\x08\x01\x12"  # schema version 1, then a graph; ONNX is past version 1 since 2017
MAX_PICKLE_PROTOCOL = 5


@dataclasses.dataclass(frozen=True)
class RefusedFormat:
    """A format that is known and not read.

    Attributes:
        message: What the file is, and what to do.
        matches: Whether the first bytes of a file are of this format.
        recipe: Code that converts it; empty if there is none.
    """

    message: str
    matches: Callable[[bytes], bool]
    recipe: str = ""

    @property
    def error(self) -> UnknownFormatError:
        """The refusal."""
        return UnknownFormatError(self.message, recipe=self.recipe)


def _is_pickle(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0x80 and head[1] <= MAX_PICKLE_PROTOCOL


def _is_torchscript(head: bytes) -> bool:
    """Whether an archive starts with an entry of a program: torch writes its tensors or its code first."""
    _, _, entry = (first_name(head) or "").partition("/")
    return entry.startswith(("code/", "data/", "constants.pkl", "constants/"))


REFUSED = (
    RefusedFormat(
        f"This is a TorchScript program (torch.jit.save), not a state dict. {CONVERT}",
        _is_torchscript,
        TORCH_TO_NPZ,
    ),
    RefusedFormat(
        f"This is a bare pickle, which can run code when loaded; it was not. {CONVERT}", _is_pickle, PICKLE_TO_NPZ
    ),
    RefusedFormat(
        "This is a single NumPy array. Save all arrays in one file, then upload model.npz.",
        lambda head: head.startswith(b"\x93NUMPY"),
        ARRAY_TO_NPZ,
    ),
    RefusedFormat(
        "This is a TensorFlow SavedModel, a program rather than weights. "
        "Save the Keras model it came from as .keras, convert that, then upload model.npz.",
        lambda head: head.startswith(SAVED_MODEL),
        KERAS_TO_NPZ,
    ),
    RefusedFormat(
        "This is a TensorFlow Lite model, which is not read. Upload the weights of the model it was converted from.",
        lambda head: head[4:8] == b"TFL3",
    ),
    RefusedFormat(
        "This is a GGUF file of a language model, which is not read; the safetensors files that it was made of are.",
        lambda head: head.startswith(b"GGUF"),
    ),
)
