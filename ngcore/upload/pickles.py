"""A look at a pickle without running it: which operations it would do, against a list of harmless ones."""

import pickletools
import struct

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_PICKLE_BYTES, MAX_PICKLE_OPERATIONS
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.unpickle import OPERATIONS, STORAGE_DTYPES

INERT = {  # settings and results beside weights; what they would make is never made
    "argparse Namespace",
    "types SimpleNamespace",
    "numpy dtype",
    "numpy._core.multiarray scalar",
    "numpy.core.multiarray scalar",
    "_codecs encode",
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ set",
    "builtins dict",
    "builtins list",
    "builtins set",
    "numpy ndarray",
    "numpy._core.multiarray _reconstruct",
    "numpy.core.multiarray _reconstruct",
    "collections defaultdict",
    "datetime datetime",
    "datetime timedelta",
    "pathlib PosixPath",
    "pathlib WindowsPath",
    "torch Size",
    "torch device",
    "torch.torch_version TorchVersion",
}
GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *STORAGE_DTYPES,
    *INERT,
}


def check_pickle(pickle: bytes) -> None:
    """Refuse a pickle that does anything but put tensors into dicts, lists and tuples.

    Raises:
        UnsafeFileError: If it names a class or function, or uses an operation, that a state dict does not need.
        UnknownFormatError: If it is damaged.
        TooLargeError: If it is too long.
    """
    if len(pickle) > MAX_PICKLE_BYTES:
        raise TooLargeError(f"Expected a pickle of at most {MAX_PICKLE_BYTES:,} bytes, got {len(pickle):,}.")
    end = 0
    try:
        for number, (opcode, argument, position) in enumerate(pickletools.genops(pickle)):
            if number == MAX_PICKLE_OPERATIONS:
                raise TooLargeError(f"Expected a pickle of at most {MAX_PICKLE_OPERATIONS:,} operations, got more.")
            _check_operation(opcode.name, argument)
            end = 1 + (position or 0)
    except (TooLargeError, UnsafeFileError):
        raise
    except (ValueError, IndexError, OverflowError, struct.error):
        raise UnknownFormatError("This torch file is damaged: its pickle cannot be read.") from None
    if end != len(pickle):
        raise UnsafeFileError("The pickle of this torch file is followed by something else.")


def end_of_pickle(stream: bytes) -> int:
    """How many bytes the first pickle of a stream takes.

    Raises:
        UnknownFormatError: If it is damaged, or does not end.
        TooLargeError: If it is too long.
    """
    end = 0
    try:
        for number, (_, _, position) in enumerate(pickletools.genops(stream)):
            if number == MAX_PICKLE_OPERATIONS:
                raise TooLargeError(f"Expected a pickle of at most {MAX_PICKLE_OPERATIONS:,} operations, got more.")
            end = 1 + (position or 0)
    except TooLargeError:
        raise
    except (ValueError, IndexError, OverflowError, struct.error):
        raise UnknownFormatError("This torch file is damaged: its pickle cannot be read.") from None
    return end


def _check_operation(opcode: str, argument: object) -> None:
    if opcode == "GLOBAL" and argument not in GLOBALS:
        raise _refused(f"a file that would call {clean_text(str(argument)).replace(' ', '.', 1)!r}")
    if opcode not in OPERATIONS:
        raise _refused(f"a pickle with the operation {opcode}")


def _refused(what: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"Expected a state dict of plain tensors, got {what}; it was not run. {CONVERT}",
        recipe=TORCH_TO_NPZ,
    )
