"""Reads a `torch.nn.Module` as a foreign graph, by `torch.export`."""

import logging
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.errors import ArchitectureError
from ngcore.networks.lifting.aten_layers import HANDLERS, KEEPS_SOURCE
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node, Source, first_line

LOGGER = logging.getLogger("torch.fx.experimental.symbolic_shapes")
VIEWS = frozenset(
    (
        *(
            "view",
            "reshape",
            "transpose",
            "permute",
            "select",
            "slice",
            "expand",
            "unsqueeze",
            "squeeze",
            "t",
            "detach",
        ),
        *("chunk", "split", "split_with_sizes", "unbind", "narrow", "flatten", "unflatten", "alias", "_unsafe_view"),
        *("view_as", "expand_as", "movedim", "swapaxes", "contiguous"),
    )
)
"""Operations whose result may be the memory of what they read."""


def graph_of(
    module: nn.Module,
    inputs: Sequence[Tensor],
    *,
    batch_axis: int = 0,
    is_batch_told: bool = False,
    holds_layers: bool = True,
) -> ForeignGraph:
    """The foreign graph of a module in evaluation mode.

    Args:
        module: Any module that `torch.export` can trace.
        inputs: What it is called with.
        batch_axis: Their axis of the batch, which is the first of the graph's inputs.
        is_batch_told: Whether no other axis has as many entries as the batch.
        holds_layers: Whether Linear layers of constants stay layers.

    Raises:
        ArchitectureError: If it cannot be traced.
    """
    program = _exported(module, inputs)
    if _mutates_views(program.graph):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = program.run_decompositions({})
    batch_size = inputs[0].shape[batch_axis]
    graph = ForeignGraph(batch_size if is_batch_told else None, holds_layers=holds_layers)
    return _Reader(module, program, graph, batch_axis).read()


def _exported(module: nn.Module, inputs: Sequence[Tensor]) -> Any:
    from torch.export import export  # takes long to import

    try:
        with warnings.catch_warnings(), _without_fast_path():
            warnings.simplefilter("ignore")
            return export(module, tuple(inputs), strict=False)
    except Exception as error:  # whatever a stranger's module raises
        raise ArchitectureError(
            f"Expected a module that torch.export can trace, without control flow that depends on the input, got "
            f"{type(module).__name__}: {first_line(error)}"
        ) from error


@contextmanager
def _without_fast_path() -> Iterator[None]:
    """The transformers of torch as what they are made of, not as one operation."""
    was, level = torch.backends.mha.get_fastpath_enabled(), LOGGER.level
    torch.backends.mha.set_fastpath_enabled(False)
    LOGGER.setLevel(logging.ERROR)  # what it warns of, the error says
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
        LOGGER.setLevel(level)


def _name_of(target: Any) -> str:
    """The name of an operation without its overload: "aten.relu_.default" is "relu_"."""
    schema = getattr(target, "_schema", None)
    return schema.name.split("::")[-1] if schema is not None else str(getattr(target, "__name__", target))


def _is_mutable(target: Any) -> bool:
    schema = getattr(target, "_schema", None)
    return bool(schema is not None and schema.is_mutable)


def _mutates_views(graph: Any) -> bool:
    """Whether something is changed in place that shares its memory with something else."""
    places = {node: place for place, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if node.op != "call_function" or not _is_mutable(node.target):
            continue
        changed = node.args[0]
        is_view = changed.op != "call_function" or _name_of(changed.target) in {*VIEWS, "getitem"}
        if is_view or not _name_of(node.target).endswith("_"):
            return True
        if any(_name_of(user.target) in VIEWS and places[user] < places[node] for user in changed.users):
            return True
    return False


class _Reader:
    """Goes through an exported program, one operation after the other."""

    def __init__(self, module: nn.Module, program: Any, graph: ForeignGraph, batch_axis: int) -> None:
        self.program, self.graph, self.batch_axis = program, graph, batch_axis
        self.learned = {name for name, _ in module.named_parameters(remove_duplicate=False)}
        self.canonical = canonical_names(module)

    def read(self) -> ForeignGraph:
        """The graph."""
        env = dict(self._given())
        outputs = self._run(self.program.graph, env)
        specs = self.program.graph_signature.output_specs
        wanted = [out for out, spec in zip(outputs, specs, strict=True) if spec.kind.name == "USER_OUTPUT"]
        for out in wanted:
            if not isinstance(out, Node):
                raise ArchitectureError(f"Expected a module that returns tensors, got {type(out).__name__} among them.")
        self.graph.outputs = wanted
        return self.graph

    def _given(self) -> Iterator[tuple[Any, Any]]:
        """What each placeholder stands for."""
        placeholders = [node for node in self.program.graph.nodes if node.op == "placeholder"]
        for node, spec in zip(placeholders, self.program.graph_signature.input_specs, strict=True):
            if spec.kind.name == "USER_INPUT":
                value = node.meta["val"]
                if not isinstance(value, Tensor):
                    raise ArchitectureError(f"Expected tensors as inputs, got {type(value).__name__} for {node.name}.")
                yield node, self._input(value, str(spec.arg.name))
            else:
                yield node, self._own(spec)

    def _input(self, value: Tensor, name: str) -> Node:
        """An input, which is given with the batch first."""
        order = list(range(value.dim()))
        order.insert(0, order.pop(self.batch_axis))
        node = self.graph.input([value.shape[axis] for axis in order], value.dtype, name)
        back = tuple(order.index(axis) for axis in range(value.dim()))
        return self.graph.apply("permute", node, order=back) if self.batch_axis else node

    def _own(self, spec: Any) -> Node:
        """A tensor of the module itself."""
        name = spec.target
        state, constants = self.program.state_dict, self.program.constants
        value = state[name] if name in state else constants[name]
        if not isinstance(value, Tensor):
            raise ArchitectureError(f"Expected a module of tensors, got {type(value).__name__} as {name}.")
        name = self.canonical.get(name, name)
        return self.graph.constant(value.detach().cpu(), Source(name, is_learned=name in self.learned))

    def _run(self, graph: Any, env: dict[Any, Any]) -> list[Any]:
        for node in graph.nodes:
            if node.op == "output":
                return [self._value(x, env) for x in node.args[0]]
            if node.op == "get_attr":
                env[node] = self._attribute(node, graph)
            elif node.op == "call_function":
                env[node] = self._call(node, env)
        return []

    def _attribute(self, node: Any, graph: Any) -> Any:
        value = operator.attrgetter(node.target)(graph.owning_module)
        return self.graph.constant(value.detach().cpu()) if isinstance(value, Tensor) else value

    def _value(self, arg: Any, env: Mapping[Any, Any]) -> Any:
        """An argument with nodes in place of torch's."""
        if isinstance(arg, torch.fx.Node):
            return env[arg]
        if isinstance(arg, list | tuple):
            return [self._value(x, env) for x in arg]
        return arg

    def _call(self, node: Any, env: dict[Any, Any]) -> Any:
        args = [self._value(arg, env) for arg in node.args]
        kwargs = {name: self._value(arg, env) for name, arg in node.kwargs.items()}
        name, path = _name_of(node.target), _path(node)
        if node.target is operator.getitem:
            return args[0][args[1]]
        if name.startswith("wrap_with_"):  # torch.no_grad, autocast
            inner = next(arg for arg in args if isinstance(arg, torch.fx.GraphModule))
            rest = args[args.index(inner) + 1 :]
            places = [n for n in inner.graph.nodes if n.op == "placeholder"]
            return self._run(inner.graph, dict(zip(places, rest, strict=True)))
        if name in ("_assert_tensor_metadata", "_assert_scalar", "_set_grad_enabled"):
            return None
        made = self._made(node, name, _bound(node.target, args, kwargs), path)
        if _is_mutable(node.target):
            env[node.args[0]] = made
        return made

    def _made(self, node: Any, name: str, given: dict[str, Any], path: str) -> Any:
        """What an operation makes: by its handler, by torch itself where it is fixed, or unknown."""
        reads = list(_nodes_in(given.values()))
        handler = HANDLERS.get(name) or HANDLERS.get(name.removesuffix("_"))
        is_fixed = all(read.is_constant for read in reads)
        if handler is not None and reads and (not is_fixed or name in KEEPS_SOURCE):
            return handler(self.graph, SimpleNamespace(**given), path)
        if is_fixed or name.endswith("_like") or name.startswith("new_"):
            return self._computed(node.target, given, reads, path)
        return self._unknown(node, name, reads, path)

    def _computed(self, target: Callable[..., Any], given: dict[str, Any], reads: list[Node], path: str) -> Any:
        """Numbers that depend on no input, or only on the shape of one."""
        numbers = {name: _numbers(value) for name, value in given.items()}
        if "device" in numbers:
            numbers["device"] = torch.device("cpu")
        arguments = target._schema.arguments  # type: ignore[attr-defined]
        positional = [numbers[a.name] for a in arguments if not a.kwarg_only and a.name in numbers]
        named = {a.name: numbers[a.name] for a in arguments if a.kwarg_only and a.name in numbers}
        with torch.no_grad():
            made = target(*positional, **named)
        fixed = [read for read in reads if read.is_constant]
        if isinstance(made, Tensor):
            return self.graph.derived(made, fixed, path)
        return [self.graph.derived(x, fixed, path) for x in made] if isinstance(made, list | tuple) else made

    def _unknown(self, node: Any, name: str, reads: list[Node], path: str) -> Any:
        value = node.meta["val"]
        if isinstance(value, Tensor):
            return self.graph.unknown(name, value.shape, value.dtype, reads, path)
        if isinstance(value, list | tuple):
            return [self.graph.unknown(name, x.shape, x.dtype, reads, path) for x in value]
        raise ArchitectureError(
            f"Expected operations on tensors, got {name} at {path or 'the top'}, which makes a number."
        )


def canonical_names(module: nn.Module) -> dict[str, str]:
    """For each tensor that has several names the first of them."""
    first: dict[int, str] = {}
    names: dict[str, str] = {}
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    for name, tensor in tensors:
        names[name] = first.setdefault(id(tensor), name)
    return names


def _bound(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation by name, defaults filled in."""
    found = {}
    for place, argument in enumerate(target._schema.arguments):
        if place < len(args):
            found[argument.name] = args[place]
        elif argument.name in kwargs:
            found[argument.name] = kwargs[argument.name]
        elif argument.has_default_value():
            found[argument.name] = argument.default_value
    return found


def _nodes_in(values: Any) -> Iterator[Node]:
    for value in values:
        if isinstance(value, Node):
            yield value
        elif isinstance(value, list | tuple):
            yield from _nodes_in(value)


def _numbers(value: Any) -> Any:
    """The numbers of constants; of other tensors some of that shape."""
    if isinstance(value, Node):
        return torch.zeros(value.shape, dtype=value.dtype) if value.value is None else value.value
    return [_numbers(x) for x in value] if isinstance(value, list | tuple) else value


def _path(node: Any) -> str:
    """The path of the module that calls an operation."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return "" if "metadata_hook" in path else path.split("@")[0].removeprefix("L['self']").removeprefix(".")
