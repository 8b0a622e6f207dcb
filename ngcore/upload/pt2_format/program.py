"""The program in an archive of `torch.export` → a foreign graph, by the same rules as a module in memory."""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, TooLargeError, UnsupportedNetworkError
from ngcore.networks.lifting.aten_layers import HANDLERS
from ngcore.networks.lifting.exported import VIEWS
from ngcore.networks.lifting.nodes import Node, Source
from ngcore.text import clean_text
from ngcore.upload.limits import MAX_NDIM, MAX_ONNX_STEPS, MAX_SIZE
from ngcore.upload.onnx_format.bounded import BoundedGraph
from ngcore.upload.pt2_format.listing import SCALAR_TYPES, damaged
from ngcore.upload.tensors import FLOATS

OPERATION = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
ON_WHOLE_NUMBERS: Mapping[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.floordiv": operator.floordiv,
    "_operator.mod": operator.mod,
    "_operator.mul": operator.mul,
    "_operator.sub": operator.sub,
}
SKIPPED = ("_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range_for_size")
COMPUTED = frozenset(
    (
        *("arange", "bitwise_and", "bitwise_not", "bitwise_or", "cumsum", "eq", "expand", "eye", "full"),
        *("full_like", "ge", "gt", "le", "linspace", "logical_and", "logical_not", "logical_or", "lt"),
        *("masked_fill", "ne", "new_full", "new_ones", "new_zeros", "ones", "ones_like", "outer"),
        *("scalar_tensor", "to", "tril", "triu", "vdot", "where", "zeros", "zeros_like"),
    )
)
"""Operations of torch that are run on constants: none of them reads or writes anything but tensors."""

PLAIN = ("as_int", "as_float", "as_bool", "as_string", "as_ints", "as_floats", "as_bools", "as_strings")
IGNORED = ("as_none", "as_device", "as_layout", "as_memory_format")
EXPORT_AGAIN = """\
import torch

program = torch.export.load("model.pt2")
example = tuple(x.repeat(2, *[1] * (x.dim() - 1)) for x in program.example_inputs[0])
# module: what was exported; exporting it for two samples shows which axis is that of samples
torch.export.save(torch.export.export(module, example), "model-2.pt2")
"""


def graph_of(program: Mapping[str, Any], tensors: Mapping[str, Tensor], learned: frozenset[str]) -> BoundedGraph:
    """The foreign graph of a program.

    Args:
        program: The JSON of the program.
        tensors: The tensors of the archive by their names.
        learned: Which of them are parameters.

    Raises:
        UploadError: If the program cannot be read, not even in part.
        ArchitectureError: If its tensors do not fit each other.
    """
    return _Reader(program["graph_module"], tensors, learned).read()


class _Reader:
    def __init__(self, module: Mapping[str, Any], tensors: Mapping[str, Tensor], learned: frozenset[str]) -> None:
        self.program, self.signature = module["graph"], module["signature"]
        self.tensors, self.learned = tensors, learned
        self.graph = BoundedGraph()
        self.known: dict[str, Any] = {}
        self.roots: dict[str, str] = {}  # by the name of a view that of the tensor whose memory it is
        self.stale: set[str] = set()

    def read(self) -> BoundedGraph:
        """The graph."""
        for name, value in self.program["sym_int_values"].items():
            self.known[name] = _size(value)
        for spec in self.signature["input_specs"]:
            self._give(spec)
        nodes = self.program["nodes"]
        if len(nodes) > MAX_ONNX_STEPS:
            raise TooLargeError(f"Expected a program of at most {MAX_ONNX_STEPS:,} operations, got {len(nodes):,}.")
        for node in nodes:
            self._read(node)
        outputs = [spec["user_output"]["arg"] for spec in self.signature["output_specs"] if "user_output" in spec]
        self.graph.outputs = [self._value(output) for output in outputs]
        if not self.graph.outputs or not all(isinstance(output, Node) for output in self.graph.outputs):
            raise UnsupportedNetworkError("Expected a program that returns tensors.")
        return self.graph

    def _give(self, spec: Mapping[str, Any]) -> None:
        """What an input of the program stands for: an input of the network, or a tensor of its own."""
        ((kind, fields),) = spec.items()
        keys = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
        if kind == "user_input":
            name = fields["arg"].get("as_tensor", {}).get("name")
            if name is None:
                raise UnsupportedNetworkError("Expected a program whose inputs are tensors.")
            shape, dtype = self._declared(name)
            if not shape:
                raise UnsupportedNetworkError("Expected inputs with an axis for the batch, got a number.")
            if shape[0] == 1:
                raise UnsupportedNetworkError(
                    "This program was exported for one sample, which does not tell the axis of samples from others of "
                    "one entry. Export it for two or more, then upload model-2.pt2.",
                    recipe=EXPORT_AGAIN,
                )
            self.known[name] = self.graph.input(shape, dtype, clean_text(name))
        elif kind in keys:
            own = fields[keys[kind]]
            if own not in self.tensors:
                raise damaged(f"it holds no numbers for {clean_text(own)!r}")
            source = Source(clean_text(own), is_learned=own in self.learned)
            tensor = self.tensors[own]
            full = tensor.float() if tensor.dtype in FLOATS and tensor.dtype.itemsize < 4 else tensor
            self.known[fields["arg"]["name"]] = self.graph.constant(full, source)
        else:
            raise UnsupportedNetworkError(f"Expected a program of tensors, got a {clean_text(kind)} among its inputs.")

    def _declared(self, name: str) -> tuple[tuple[int, ...], torch.dtype]:
        meta = self.program["tensor_values"][name]
        shape = tuple(_size(size) for size in meta["sizes"])
        dtype = _dtype(meta["dtype"])
        if len(shape) > MAX_NDIM or not all(0 < size <= MAX_SIZE for size in shape):
            raise TooLargeError(f"Expected tensors of moderate size, got shape {shape!s:.100}.")
        return shape, torch.float32 if dtype in FLOATS and dtype.itemsize < 4 else dtype

    def _read(self, node: Mapping[str, Any]) -> None:
        target, found = node["target"], OPERATION.fullmatch(node["target"])
        given = {entry["name"]: self._value(entry["arg"]) for entry in node["inputs"]}
        name = found[1] if found else ""
        if name in SKIPPED or not node["outputs"]:
            return
        if "as_tensor" not in node["outputs"][0] and "as_tensors" not in node["outputs"][0]:
            self._read_number(node, name or target, given)
            return
        made = self._made(node, found, given)
        results = [made] if isinstance(made, Node) else list(made)
        names = [own for output in node["outputs"] for own in _names(output)]
        for own, result in zip(names, results, strict=False):
            self.known[own] = result
        self._note_memory(node, name, names, results)

    def _read_number(self, node: Mapping[str, Any], name: str, given: dict[str, Any]) -> None:
        """A whole number, such as a size."""
        own = node["outputs"][0]["as_sym_int"]["as_name"] if "as_sym_int" in node["outputs"][0] else None
        if own is None:
            return
        if name == "sym_size":
            self.known[own] = given["self"].shape[given["dim"]]
        elif name in ON_WHOLE_NUMBERS and all(type(value) is int for value in given.values()):
            self.known[own] = ON_WHOLE_NUMBERS[name](*given.values())
        elif own not in self.known:
            raise UnsupportedNetworkError(f"Expected numbers from sizes alone, got {clean_text(name)}.")

    def _note_memory(self, node: Mapping[str, Any], name: str, names: list[str], results: list[Any]) -> None:
        """Keep account of who shares memory with whom, and of what is no longer what it was."""
        first = next(
            (entry["arg"]["as_tensor"]["name"] for entry in node["inputs"] if "as_tensor" in entry["arg"]), None
        )
        if first is None:
            return
        root = self.roots.get(first, first)
        if name.endswith("_") and not name.startswith("_"):
            self.stale |= {own for own, of in self.roots.items() if of == root and own != first} | ({root} - {first})
            self.known[first] = results[0]
            self.roots[names[0]] = root
        elif name in VIEWS:
            self.roots |= dict.fromkeys(names, root)

    def _value(self, arg: Mapping[str, Any]) -> Any:
        """An argument as a plain value, with nodes for tensors."""
        ((kind, value),) = arg.items()
        if kind in ("as_float", "as_sym_float") and isinstance(value, str):
            return float(value)  # JSON has no infinity
        if kind in PLAIN:
            return value
        if kind in IGNORED:
            return None
        if kind == "as_tensor":
            return self._tensor(value["name"])
        if kind == "as_tensors":
            return [self._tensor(one["name"]) for one in value]
        if kind == "as_optional_tensors":
            return [None if "as_none" in one else self._tensor(one["as_tensor"]["name"]) for one in value]
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            return self._number(value)
        if kind in ("as_sym_ints", "as_sym_floats"):
            return [self._number(one) for one in value]
        if kind == "as_scalar_type":
            return _dtype(value)
        raise UnsupportedNetworkError(f"Expected tensors and numbers as arguments, got {clean_text(kind)}.")

    def _tensor(self, name: str) -> Any:
        if name in self.stale:
            raise UnsupportedNetworkError(f"The program changes {clean_text(name)!r} in place and reads it again.")
        return self.known[name]

    def _number(self, value: Mapping[str, Any]) -> Any:
        return self.known[value["as_name"]] if "as_name" in value else next(iter(value.values()))

    def _made(self, node: Mapping[str, Any], found: re.Match[str] | None, given: dict[str, Any]) -> Any:
        """What an operation makes: by its handler, by torch where it is fixed and harmless, or unknown."""
        reads, path = list(_nodes_in(given.values())), _path(node)
        name, kind = (found[1], found[2]) if found else ("", "")
        plain = name if name in HANDLERS else name.removesuffix("_")
        is_fixed = all(read.is_constant for read in reads)
        if name in COMPUTED and (is_fixed or name.endswith("_like") or name.startswith("new_")):
            handled = name in ("expand", "to") and reads and reads[0].source is not None
            if not handled:
                return self._computed(getattr(getattr(torch.ops.aten, name), kind), given, reads, path)
        if plain in HANDLERS:
            whole = _bound(getattr(getattr(torch.ops.aten, name), kind), given)
            return HANDLERS[plain](self.graph, SimpleNamespace(**whole), path)
        if name.endswith("_"):
            raise UnsupportedNetworkError(
                f"Expected operations with a counterpart here, got {name} at {path or 'the top'}."
            )
        return self._unknown(node, name or clean_text(node["target"]), reads, path)

    def _computed(self, target: Any, given: dict[str, Any], reads: list[Node], path: str) -> Node:
        """Numbers that depend on no input, or only on the shape of one."""
        numbers = {key: _on(value, "meta") for key, value in given.items()}
        arguments = target._schema.arguments
        takes_device = any(argument.name == "device" for argument in arguments)
        made = _called(target, numbers | ({"device": "meta"} if takes_device else {}))
        self.graph.spend(made.numel() + sum(read.value.numel() for read in reads if read.value is not None))
        numbers = {key: _on(value, "cpu") for key, value in given.items()}
        made = _called(target, numbers | ({"device": "cpu"} if takes_device else {}))
        return self.graph.derived(made, [read for read in reads if read.is_constant], path)

    def _unknown(self, node: Mapping[str, Any], what: str, reads: list[Node], path: str) -> list[Node]:
        names = [own for output in node["outputs"] for own in _names(output)]
        return [self.graph.unknown(what, *self._declared(own), reads, path) for own in names]


def _called(target: Any, numbers: Mapping[str, Any]) -> Tensor:
    arguments = target._schema.arguments
    positional = [numbers[a.name] for a in arguments if not a.kwarg_only and a.name in numbers]
    named = {a.name: numbers[a.name] for a in arguments if a.kwarg_only and numbers.get(a.name) is not None}
    with torch.no_grad():
        made = target(*positional, **named)
    if not isinstance(made, Tensor):
        raise ArchitectureError(f"Expected a tensor from {target}.")
    return made


def _on(value: Any, device: str) -> Any:
    """The numbers of constants, of other tensors some of that shape."""
    if isinstance(value, Node):
        is_held = device != "meta" and value.value is not None
        return value.value if is_held else torch.empty(value.shape, dtype=value.dtype, device=device)
    return [_on(one, device) for one in value] if isinstance(value, list) else value


def _bound(target: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name, defaults filled in."""
    defaults = {a.name: a.default_value for a in target._schema.arguments if a.has_default_value()}
    return defaults | dict(given)


def _names(output: Mapping[str, Any]) -> list[str]:
    if "as_tensors" in output:
        return [one["name"] for one in output["as_tensors"]]
    return [output["as_tensor"]["name"]]


def _nodes_in(values: Any) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, list):
            yield from _nodes_in(value)


def _size(value: Mapping[str, Any]) -> int:
    """A size: as it is, or as it was when the program was exported."""
    found = value["as_int"] if "as_int" in value else value["as_expr"]["hint"]["as_int"]
    if type(found) is not int:
        raise damaged("a size in it is no whole number")
    return found


def _dtype(value: Any) -> torch.dtype:
    name = SCALAR_TYPES.get(value) if type(value) is int else None
    if name is None:
        raise UnsupportedNetworkError(f"Expected numbers, got type {clean_text(str(value))} of torch.")
    return getattr(torch, name)


def _path(node: Mapping[str, Any]) -> str:
    """The module that calls an operation, from "L__self__,,Net;L__self__layer1,layer1,Linear"."""
    stack = node.get("metadata", {}).get("nn_module_stack", "").split(";")
    parts = stack[-1].split(",")
    path = parts[1] if len(parts) == 3 else ""
    return "" if "metadata_hook" in path else clean_text(path)
