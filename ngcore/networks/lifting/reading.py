"""Reads a module as a network, and checks that it computes the same."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.errors import ArchitectureError, NeuralGraphError
from ngcore.networks.architecture import chain
from ngcore.networks.layers import CHAIN_LAYERS
from ngcore.networks.lifting.assembly import Original, lifted
from ngcore.networks.lifting.coverage import Coverage
from ngcore.networks.lifting.exported import canonical_names, graph_of
from ngcore.networks.lifting.nodes import first_line
from ngcore.networks.lifting.writing import NetworkModule
from ngcore.networks.modules import inputs_of
from ngcore.networks.network import Network
from ngcore.networks.origin import Entry, Origin, Part
from ngcore.networks.sequential import chain_of

PRIMES = (7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101)
"""Sizes of the batch for which modules are traced: one that no axis of the module has, so that it is told from all."""

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-3, torch.float16: 0.1, torch.bfloat16: 0.3}
"""How far a network may be from the module that it was read from, relative to the largest answer."""


def read_module(module: nn.Module, example_inputs: Sequence[Tensor], *, batch_axis: int, strict: bool) -> Network:
    """A module as a network; see `ngcore.networks.from_module`."""
    if not isinstance(module, nn.Module):
        raise ArchitectureError(f"Expected a torch.nn.Module, got {type(module).__name__}.")
    if isinstance(module, NetworkModule):
        return module.network()
    inputs = inputs_of(module, example_inputs, batch_axis)
    with _evaluating(module):
        answers = _answers(module, inputs)
        network = _as_chain(module, inputs, answers) if batch_axis == 0 else None
        if network is None:
            network, size = _lifted_or_refused(module, inputs, batch_axis, strict=strict)
            _check(network, module, inputs, answers, batch_axis, traced_size=size)
    return network


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and back in what it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whatever strangers' modules warn of
            yield
    finally:
        for part, was in modes:
            part.training = was


def _answers(module: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What the module answers, its tensors one after the other."""
    from torch.utils._pytree import tree_leaves

    try:
        made = module(*inputs)
    except Exception as error:  # whatever a stranger's module raises
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise ArchitectureError(
            f"Expected example inputs that {type(module).__name__} takes, got {shapes}: {first_line(error)}"
        ) from error
    found = tree_leaves(made)
    if not found or not all(isinstance(x, Tensor) for x in found):
        kinds = ", ".join(sorted({type(x).__name__ for x in found}))
        raise ArchitectureError(f"Expected a module that returns tensors, got {kinds or 'nothing'}.")
    return found


def _original(module: nn.Module) -> Original:
    canonical = canonical_names(module)
    learned = frozenset(canonical[name] for name, _ in module.named_parameters(remove_duplicate=False))
    return Original(module.state_dict(), canonical, learned)


def _as_chain(module: nn.Module, inputs: Sequence[Tensor], answers: Sequence[Tensor]) -> Network | None:
    """A plain Sequential as the chain that it is, if that computes the same."""
    if type(module) is not nn.Sequential or len(inputs) != 1:
        return None
    network = chain_of(module, inputs[0].shape[1:])
    if network is None or not network.dtype.is_floating_point or inputs[0].dtype != network.dtype:
        return None
    if network.dtype.itemsize < 4:
        network = network.to(dtype=torch.float32)
    if _distance(network, inputs, answers) > TOLERANCES[answers[0].dtype] * _size(answers):
        return None
    original = _original(module)
    names = {
        f"{name}.{key}": f"{i}.{key}"
        for i, (name, child) in enumerate(module.named_children())
        for key in child.state_dict()
    }
    held = {name: (Part(names[name], ()),) for name in original.state if names.get(name) in network.parameters}
    entries = tuple(
        Entry.of(name, t, held.get(name, ())) for name, t in original.state.items() if isinstance(t, Tensor)
    )
    count = sum(parameter.numel() for parameter in module.parameters())
    network.origin = Origin(entries, (), Coverage(count, count))
    return network


def _lifted_or_refused(
    module: nn.Module, inputs: Sequence[Tensor], batch_axis: int, *, strict: bool
) -> tuple[Network, int]:
    """The network and the size of the batch it was traced for, or an error in words whatever is wrong."""
    try:
        return _lifted(module, inputs, batch_axis, strict=strict)
    except NeuralGraphError:
        raise
    except Exception as error:
        raise ArchitectureError(
            f"Expected a module of operations that are known here, got {type(module).__name__}: {first_line(error)}"
        ) from error


def _lifted(module: nn.Module, inputs: Sequence[Tensor], batch_axis: int, *, strict: bool) -> tuple[Network, int]:
    network, size = _traced(module, inputs, batch_axis)
    assert network.origin is not None
    coverage = network.origin.coverage
    if strict and not coverage.is_complete:
        raise ArchitectureError(
            f"Expected a module that can be read in whole, got {type(module).__name__}:\n{coverage}\n"
            "If the batch is on another axis of the inputs, say so by batch_axis. "
            "Call from_module with strict=False to get the rest, with the results of these operations as inputs; or "
            "write them in terms of other operations."
        )
    return as_chain(network), size


def _traced(module: nn.Module, inputs: Sequence[Tensor], batch_axis: int) -> tuple[Network, int]:
    """The module's graph, lifted, and the size of the batch that it was traced for.

    That is a size which no axis has, unless the module takes batches of the given size alone.
    """
    sizes = {size for x in (*inputs, *module.parameters(), *module.buffers()) for size in x.shape}
    size = next((prime for prime in PRIMES if prime not in sizes), PRIMES[0])
    samples, is_told = [_of_size(x, size, batch_axis) for x in inputs], True
    try:
        graph = graph_of(module, samples, batch_axis=batch_axis, is_batch_told=True)
    except ArchitectureError:
        size, samples, is_told = inputs[0].shape[batch_axis], list(inputs), False
        graph = graph_of(module, samples, batch_axis=batch_axis)
    network: Network | None = None
    try:
        network = lifted(graph, _original(module), batch_size=size)
        assert network.origin is not None
        if network.origin.coverage.is_complete:
            return network, size
    except ArchitectureError:
        pass  # tried again below
    graph = graph_of(module, samples, batch_axis=batch_axis, is_batch_told=is_told, holds_layers=False)
    other = lifted(graph, _original(module), batch_size=size)
    return (other if network is None or _num_skipped(other) < _num_skipped(network) else network), size


def _num_skipped(network: Network) -> int:
    return len(network.origin.coverage.skipped) if network.origin else 0


def _of_size(x: Tensor, size: int, batch_axis: int) -> Tensor:
    """The samples of a batch again and again."""
    return x.index_select(batch_axis, torch.arange(size, device=x.device) % x.shape[batch_axis])


def as_chain(network: Network) -> Network:
    """The same network with its steps called as in chains, where it is a plain one of the layers that chains have."""
    architecture = network.architecture
    if architecture.input_orders or architecture.output_orders:
        return network
    layers = [step.layer for step in architecture.steps]
    is_plain = all(
        isinstance(step.layer, CHAIN_LAYERS) and step.reads == (number,)
        for number, step in enumerate(architecture.steps)
    )
    names = [step.name for step in architecture.steps if step.name]
    if not layers or not is_plain or len(set(names)) < len(names) or architecture.num_inputs > 1:
        return network
    if architecture.outputs != (len(layers),):
        return network
    new = {step.name: str(number) for number, step in enumerate(architecture.steps) if step.name}
    renamed = {name: _renamed(name, new) for name in network.parameters}
    origin = network.origin
    assert origin is not None
    entries = tuple(
        Entry(e.name, e.dtype, e.shape, tuple(Part(renamed[p.parameter], p.views) for p in e.parts), e.original)
        for e in origin.entries
    )
    derived = tuple(type(d)(renamed[d.parameter], d.origins, d.value, d.fold) for d in origin.derived)
    parameters = {renamed[name]: tensor for name, tensor in network.parameters.items()}
    found = Origin(entries, derived, origin.coverage, origin.paths)
    return Network(chain(architecture.input_shape, layers), parameters, origin=found)


def _renamed(name: str, new: dict[str, str]) -> str:
    step, _, parameter = name.rpartition(".")
    return f"{new[step]}.{parameter}"


def _check(
    network: Network,
    module: nn.Module,
    inputs: Sequence[Tensor],
    answers: Sequence[Tensor],
    batch_axis: int,
    *,
    traced_size: int,
) -> None:
    """Compare the network with the module for a batch of another size than that it was traced for.

    Raises:
        ArchitectureError: If they differ.
    """
    assert network.origin is not None
    if not network.origin.coverage.is_complete:
        return
    _expect_equal(network, module, _moved(inputs, batch_axis), answers)
    if inputs[0].shape[batch_axis] != traced_size:
        return
    more = [_of_size(x, traced_size + 1, batch_axis) for x in inputs]
    try:
        answers = _answers(module, more)
    except ArchitectureError:
        return  # the module takes batches of one size; the network takes any
    _expect_equal(network, module, _moved(more, batch_axis), answers)


def _moved(inputs: Sequence[Tensor], batch_axis: int) -> list[Tensor]:
    """The inputs with the batch first, as the network takes them."""
    return [x.movedim(batch_axis, 0) for x in inputs]


def _expect_equal(network: Network, module: nn.Module, inputs: Sequence[Tensor], answers: Sequence[Tensor]) -> None:
    distance, size = _distance(network, inputs, answers), _size(answers)
    limit = TOLERANCES.get(answers[0].dtype, 1e-3) * size
    if not distance <= limit:
        raise ArchitectureError(
            f"Expected a network that computes what {type(module).__name__} does, got answers {distance:.2g} apart for "
            f"a batch of {len(inputs[0])}: something in the module depends on the size of the batch, on other samples "
            "of it, or on chance."
        )


def _size(answers: Sequence[Tensor]) -> float:
    return max(1.0, *(float(x[x.isfinite()].abs().max()) if bool(x.isfinite().any()) else 0.0 for x in answers))


def _distance(network: Network, inputs: Sequence[Tensor], answers: Sequence[Tensor]) -> float:
    """The largest difference between the network's answers and the module's, whose batch may lie on another axis."""
    dtype = network.dtype if network.parameters else answers[0].dtype
    moved = [x.cpu().to(dtype) if x.is_floating_point() else x.cpu() for x in inputs]
    shapes = network.architecture.input_shapes
    fitting = [x[:, None] if x.dim() == 1 and x.is_floating_point() else x for x in moved]
    made: Any = network(*fitting[: len(shapes)])
    made = [made] if isinstance(made, Tensor) else made
    return max(_difference(one[0], other.cpu(), len(inputs[0])) for one, other in zip(made, answers, strict=True))


def _difference(made: Tensor, answer: Tensor, batch_size: int) -> float:
    found = float("inf")
    for candidate in _with_batch_first(answer.to(made.dtype), tuple(made.shape), batch_size):
        same = (candidate == made) | (candidate.isnan() & made.isnan())
        apart = torch.where(same, torch.zeros((), dtype=made.dtype), (candidate - made).abs())
        found = min(found, float(apart.max()) if apart.numel() else 0.0)
    return found


def _with_batch_first(answer: Tensor, shape: tuple[int, ...], batch_size: int) -> Iterator[Tensor]:
    """The answer with each axis that may be that of the batch moved first."""
    for axis, size in enumerate(answer.shape):
        if size % batch_size:
            continue
        for parts in ((batch_size, size // batch_size), (size // batch_size, batch_size)):
            split = answer.unflatten(axis, parts)
            moved = split.movedim(axis if parts[0] == batch_size else axis + 1, 0)
            if moved.numel() == torch.Size(shape).numel():
                yield moved.reshape(shape)
    if answer.numel() * batch_size == torch.Size(shape).numel():
        yield answer.expand(batch_size, *answer.shape).reshape(shape)
