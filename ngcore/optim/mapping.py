"""Between the parameters of a module and those of the network that it was read as."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ngcore.networks import Network
from ngcore.networks.origin import Entry, part_index


@dataclasses.dataclass(frozen=True)
class _Link:
    """One parameter of the network and the tensor of the module that holds its numbers.

    Attributes:
        name: Of the network's parameter.
        shape: Its shape, without the axis of networks.
        tensor: The module's parameter or buffer.
        index: Where its numbers stand in the flattened tensor; None: all, in their order.
    """

    name: str
    shape: tuple[int, ...]
    tensor: Tensor
    index: Tensor | None


class ModuleMap:
    """Which numbers of a module are which numbers of its network.

    Args:
        module: The module.
        network: What `from_module` made of it.
    """

    def __init__(self, module: nn.Module, network: Network) -> None:
        assert network.origin is not None
        device = next((parameter.device for parameter in module.parameters()), None)
        self.network = network.detach().to(device, torch.float64 if _is_double(module) else torch.float32)
        shapes = network.architecture.parameter_shapes
        tensors = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers())
        self._links: dict[str, _Link] = {}
        whole: dict[int, Tensor] = {}
        for entry in network.origin.entries:
            tensor = tensors.get(entry.name)
            if tensor is None or id(tensor) in whole or not entry.parts:
                continue
            links = [
                _link(tensor, entry, part.parameter, shapes[part.parameter], i) for i, part in enumerate(entry.parts)
            ]
            self._links |= {link.name: link for link in links}
            if entry.original is None and isinstance(tensor, nn.Parameter):
                whole[id(tensor)] = tensor
        self.parameters = list(whole.values())
        self._learned = [link for link in self._links.values() if id(link.tensor) in whole]

    @property
    def names(self) -> list[str]:
        """Parameters of the network whose numbers are those of parameters of the module."""
        return [link.name for link in self._learned]

    def values(self) -> Network:
        """The network as the module is now."""
        current = {name: _taken(link, link.tensor).to(self.network.dtype) for name, link in self._links.items()}
        return self.network.having({**self.network.parameters, **current})

    def gradients(self) -> dict[str, Tensor]:
        """Gradients of the network's parameters, (1, *shape); zeros where the module's have none."""
        found = {}
        for link in self._learned:
            gradient = link.tensor.grad
            found[link.name] = _taken(link, torch.zeros_like(link.tensor) if gradient is None else gradient)
        return {name: gradient.to(self.network.dtype) for name, gradient in found.items()}

    def in_module(self, steps: Mapping[str, Tensor]) -> dict[int, Tensor]:
        """Changes (1, *shape) of the network's parameters as changes of the module's, by their `id`."""
        changes: dict[int, Tensor] = {}
        for link in self._learned:
            step, key = steps[link.name][0], id(link.tensor)
            if link.index is None:
                changes[key] = step.view_as(link.tensor)
            else:
                changes.setdefault(key, step.new_zeros(link.tensor.shape)).view(-1)[link.index] = step.flatten()
        return changes


def _link(tensor: Tensor, entry: Entry, name: str, shape: Sequence[int], number: int) -> _Link:
    index = part_index(entry, number)
    return _Link(name, tuple(shape), tensor, None if index is None else index.to(tensor.device))


def _taken(link: _Link, tensor: Tensor) -> Tensor:
    flat = tensor.detach().flatten()
    return (flat if link.index is None else flat[link.index]).view(1, *link.shape)


def _is_double(module: nn.Module) -> bool:
    return any(parameter.dtype == torch.float64 for parameter in module.parameters())
