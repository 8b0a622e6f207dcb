"""A look at a pickle without running it: which operations it would do, against a list of harmless ones."""

import pickletools
import struct

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.upload.limits import MAX_PICKLE_BYTES
from ngcore.upload.recipes import CONVERT, TORCH_TO_NPZ
from ngcore.upload.text import clean_text

GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch DoubleStorage",
    "torch FloatStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
    "torch LongStorage",
    "torch IntStorage",
    "torch ShortStorage",
    "torch CharStorage",
    "torch ByteStorage",
    "torch BoolStorage",
}
OPCODES = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
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
        for opcode, argument, position in pickletools.genops(pickle):
            _check_operation(opcode.name, argument)
            end = 1 + (position or 0)
    except UnsafeFileError:
        raise
    except (ValueError, IndexError, OverflowError, struct.error):
        raise UnknownFormatError("This torch file is damaged: its pickle cannot be read.") from None
    if end != len(pickle):
        raise UnsafeFileError("The pickle of this torch file is followed by something else.")


def _check_operation(opcode: str, argument: object) -> None:
    if opcode == "GLOBAL" and argument not in GLOBALS:
        raise _refused(f"a file that would call {clean_text(str(argument)).replace(' ', '.', 1)!r}")
    if opcode not in OPCODES:
        raise _refused(f"a pickle with the operation {opcode}")


def _refused(what: str) -> UnsafeFileError:
    return UnsafeFileError(
        f"Expected a state dict of plain tensors, got {what}; it was not run. {CONVERT}",
        recipe=TORCH_TO_NPZ,
    )
