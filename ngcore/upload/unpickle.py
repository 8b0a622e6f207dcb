"""Pickles of torch files as plain data, by hand: nothing that they name is imported, nothing that they call runs."""

import dataclasses
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError

STORAGE_DTYPES = {
    "torch DoubleStorage": "float64",
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch LongStorage": "int64",
    "torch IntStorage": "int32",
    "torch ShortStorage": "int16",
    "torch CharStorage": "int8",
    "torch ByteStorage": "uint8",
    "torch BoolStorage": "bool",
}
KEYS = (str, int, float, type(None))  # a tuple as a key could take for ever to hash
PICKLE_ERRORS = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error)


@dataclasses.dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, such as "collections OrderedDict"; never imported."""

    text: str


@dataclasses.dataclass(frozen=True)
class Inert:
    """What would have come of calling a class or function that means nothing to us."""

    name: str


@dataclasses.dataclass(frozen=True)
class Storage:
    """Numbers that stand elsewhere in the file."""

    dtype: str
    key: str
    numel: int


@dataclasses.dataclass(frozen=True)
class TensorView:
    """A tensor as a view of a storage; offset, shape and strides are a stranger's and not checked yet."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def load_pickle(pickle: bytes) -> Any:
    """The dicts, lists, tuples, numbers, texts and `TensorView`s that a checked pickle describes.

    Raises:
        UnknownFormatError: If it is damaged.
        UnsupportedNetworkError: If the key of a dict is neither text nor number.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            OPERATIONS[opcode.name](machine, argument)
        return machine.stack[-1]
    except UnsupportedNetworkError:
        raise
    except PICKLE_ERRORS:
        raise UnknownFormatError("This torch file is damaged: its pickle cannot be read.") from None


class _Machine:
    """The stack, the stacks below each mark, and the memo of the pickle machine."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def last(self, count: int) -> list[Any]:
        """Take the last `count` items off the stack."""
        items = [self.stack.pop() for _ in range(count)]
        return items[::-1]

    def call(self) -> None:
        function, arguments = self.last(2)
        name = function.text if isinstance(function, Name) else ""
        self.push(CALLS[name](*arguments) if name in CALLS else Inert(name))

    def load_storage(self) -> None:
        kind, storage_type, key, _, numel = self.stack.pop()[:5]  # the fourth says on which device it was
        if kind != "storage":
            raise ValueError(kind)
        self.push(Storage(STORAGE_DTYPES[storage_type.text], str(key), int(numel)))


def _put(machine: _Machine, items: list[Any]) -> None:
    """Keys and values by turns into the dict on the stack."""
    target = machine.stack[-1]
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, KEYS):
            raise UnsupportedNetworkError(f"Expected texts or numbers as keys, got one of type {type(key).__name__}.")
        target[key] = value


def _add(machine: _Machine, items: list[Any]) -> None:
    machine.stack[-1].extend(items)


def _rebuild_tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> TensorView:
    if not isinstance(storage, Storage):
        raise TypeError(type(storage).__name__)
    return TensorView(storage, offset, tuple(shape), tuple(strides))


CALLS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": dict,
    "collections defaultdict": lambda *_: {},
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
}
Operation = Callable[[_Machine, Any], Any]


def _push(make: Callable[[Any], Any]) -> Operation:
    return lambda machine, argument: machine.push(make(argument))


def _tuple_of(count: int) -> Operation:
    return lambda machine, _: machine.push(tuple(machine.last(count)))


STRINGS = ("BINUNICODE", "BINSTRING", "SHORT_BINSTRING")  # the last two are Python 2's

OPERATIONS: dict[str, Operation] = {
    "PROTO": lambda machine, version: None,
    "STOP": lambda machine, _: None,
    "MARK": lambda machine, _: machine.mark(),
    "NONE": _push(lambda _: None),
    "NEWTRUE": _push(lambda _: True),
    "NEWFALSE": _push(lambda _: False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", *STRINGS), _push(lambda value: value)),
    "EMPTY_DICT": _push(lambda _: {}),
    "EMPTY_LIST": _push(lambda _: []),
    "EMPTY_TUPLE": _push(lambda _: ()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "SETITEM": lambda machine, _: _put(machine, machine.last(2)),
    "SETITEMS": lambda machine, _: _put(machine, machine.since_mark()),
    "APPEND": lambda machine, _: _add(machine, machine.last(1)),
    "APPENDS": lambda machine, _: _add(machine, machine.since_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda machine, at: machine.memo.update({at: machine.stack[-1]})),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda machine, at: machine.push(machine.memo[at])),
    "GLOBAL": _push(Name),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda machine, _: machine.call()),
    "BUILD": lambda machine, _: machine.stack.pop(),  # what it would set are attributes, of which we have none
    "BINPERSID": lambda machine, _: machine.load_storage(),
}
