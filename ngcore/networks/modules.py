"""Networks from and to `torch.nn.Module`."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ngcore.errors import ArchitectureError
from ngcore.networks.network import Network
from ngcore.networks.sequential import to_sequential


def from_module(module: nn.Module, *example_inputs: Tensor, batch_axis: int = 0, strict: bool = True) -> Network:
    """Read a module as a network that computes the same, by `torch.export`.

    The module is read as it is in evaluation mode. The network takes what the module takes, and gives what it gives,
    with the batch on axis 0 and of any size; a number for each sample is (batch, 1). Parameters are called after the
    modules that they belong to; half precision is held in single. Steps of one name share their parameters, where the
    module ties them.

    Example:
        >>> module = nn.Sequential(nn.Linear(2, 8), nn.MultiheadAttention(...))     # any module
        >>> network = from_module(module, torch.randn(2, 7, 2))
        >>> torch.testing.assert_close(network(x)[0], module(x))
        >>> print(network.origin.coverage)
        352 of 352 parameters are in the graph.

    Args:
        module: Any module whose inputs and outputs are tensors (outputs may be in tuples, lists and dictionaries).
        example_inputs: What it can be called with.
        batch_axis: Their axis of the batch (1 for a recurrence that is not `batch_first`).
        strict: Whether to refuse a module with an operation that has no counterpart here. Otherwise what the operation
            makes becomes one more input of the network, and `network.origin.coverage` says so.

    Raises:
        ArchitectureError: If the module cannot be called with these inputs, cannot be traced, or (`strict`) cannot be
            read in whole; the message is the report.
    """
    from ngcore.networks.lifting.reading import read_module  # needs torch.export, which takes long to import

    return read_module(module, example_inputs, batch_axis=batch_axis, strict=strict)


def to_state_dict(network: Network) -> dict[str, Any]:
    """The state dict that the network was read from: original names, data types and numbers, bit for bit.

    Whatever was done to the network since is in those numbers.

    Args:
        network: One network; one that was not read from a module gives the parameters under their names here.

    Raises:
        ArchitectureError: If it is a stack of several, or if it was changed where there is no way back.
    """
    _expect_one(network)
    parameters = {name: tensor[0].detach() for name, tensor in network.parameters.items()}
    if network.origin is None:
        return {name: tensor.clone() for name, tensor in parameters.items()}
    state = {entry.name: entry.restored(parameters) for entry in network.origin.entries}
    dtypes = {entry.name: entry.dtype for entry in network.origin.entries}
    for derived in network.origin.derived:
        for name, tensor in derived.undone(parameters[derived.parameter], dtypes).items():
            state[name] = tensor.reshape(state[name].shape)
    return state


def to_module(network: Network) -> nn.Module:
    """The network as a module in evaluation mode, which `from_module` reads as an equal network.

    Chains that torch's own modules can express are a `torch.nn.Sequential`. The state dict has the original names,
    where the network was read from a module.

    Args:
        network: One network.

    Raises:
        ArchitectureError: If it is a stack of several.
    """
    from ngcore.networks.lifting.writing import NetworkModule

    _expect_one(network)
    return to_sequential(network) or NetworkModule(network).eval()


def _expect_one(network: Network) -> None:
    if len(network) != 1:
        raise ArchitectureError(f"Expected one network, got {network}; select one with network[i].")


def inputs_of(module: nn.Module, example_inputs: Sequence[Any], batch_axis: int) -> list[Tensor]:
    """Example inputs on the module's device, at least two samples of each.

    Raises:
        ArchitectureError: If they are no tensors, or differ in the size of the batch.
    """
    if not example_inputs or not all(isinstance(x, Tensor) and x.dim() > batch_axis for x in example_inputs):
        kinds = ", ".join(type(x).__name__ for x in example_inputs) or "none"
        raise ArchitectureError(
            f"Expected example inputs as tensors with the batch on axis {batch_axis}, one for each input of the "
            f"module, got {kinds}."
        )
    sizes = {x.shape[batch_axis] for x in example_inputs}
    if len(sizes) != 1 or 0 in sizes:
        raise ArchitectureError(f"Expected as many samples in every example input, at least one, got {sorted(sizes)}.")
    own = next(itertools.chain(module.parameters(), module.buffers()), None)
    moved = [x.detach().to(own.device if own is not None else x.device) for x in example_inputs]
    return [torch.cat([x, x], dim=batch_axis) for x in moved] if sizes == {1} else moved
