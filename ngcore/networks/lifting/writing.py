"""A network as a `torch.nn.Module` whose state dict has the original names."""

from typing import Any

import torch
from torch import Tensor, nn

from ngcore.networks.forward import run
from ngcore.networks.layers import BatchNorm, Constant, Rotary
from ngcore.networks.lifting.operations import OPERATIONS
from ngcore.networks.network import Network
from ngcore.networks.origin import Views


class NetworkModule(nn.Module):
    """Runs any architecture; can be trained, saved and exported like every module.

    Args:
        network: One network. Tensors of its origin are registered under their original names, all other parameters
            under the names that they have here.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._architecture, self._origin = network.architecture, network.origin
        self._read: dict[str, tuple[str, Views]] = {}
        fixed = _fixed_parameters(network)
        parameters = {name: tensor[0].detach() for name, tensor in network.parameters.items()}
        shared: dict[object, Tensor] = {}
        for entry in network.origin.entries if network.origin else ():
            if not entry.parts:
                if isinstance(entry.original, Tensor) and not self._is_derived_from(entry.name):
                    self._register(entry.name, entry.original.clone(), is_fixed=True)
                continue
            is_fixed = all(part.parameter in fixed for part in entry.parts)
            if entry.parts not in shared:
                whole = entry.restored(parameters).to(dtype=network.dtype, device=network.device)
                shared[entry.parts] = whole if is_fixed else nn.Parameter(whole)
            self._register(entry.name, shared[entry.parts], is_fixed=is_fixed)
            for part in entry.parts:
                self._read.setdefault(part.parameter, (entry.name, part.views))
        for name in parameters.keys() - self._read.keys():
            own = parameters[name].clone()
            self._register(name, own if name in fixed else nn.Parameter(own), is_fixed=name in fixed)
            self._read[name] = (name, ())

    def _is_derived_from(self, name: str) -> bool:
        derived = self._origin.derived if self._origin else ()
        return any(name in one.origins for one in derived)

    def _register(self, name: str, tensor: Tensor, *, is_fixed: bool) -> None:
        *path, last = name.split(".")
        place: nn.Module = self
        for part in path:
            if part not in place._modules:
                place.add_module(part, nn.Module())
            place = place.get_submodule(part)
        if is_fixed:
            place.register_buffer(last, tensor)
        else:
            assert isinstance(tensor, nn.Parameter)
            place.register_parameter(last, tensor)

    def _stacked(self) -> dict[str, Tensor]:
        """The parameters of the network, (1, *shape), made of the tensors under their original names."""
        found = {}
        for name in self._architecture.parameter_shapes:
            path, views = self._read[name]
            head, _, last = path.rpartition(".")
            tensor: Tensor = getattr(self.get_submodule(head), last)
            for op, settings in views:
                tensor = OPERATIONS[op](tensor, **dict(settings))
            found[name] = tensor[None]
        return found

    def forward(self, *inputs: Tensor) -> Any:
        """The outputs, as they are those of the network: one tensor, or a tuple of several."""
        made = run(self._architecture, self._stacked(), inputs, num_networks=1)
        return made[0][0] if len(made) == 1 else tuple(one[0] for one in made)

    def network(self) -> Network:
        """The network as it is now."""
        with torch.no_grad():
            parameters = {name: tensor.detach().cpu().clone() for name, tensor in self._stacked().items()}
        return Network(self._architecture, parameters, origin=self._origin)


def _fixed_parameters(network: Network) -> frozenset[str]:
    """Those that are no weights: running statistics, tables of rotations, constants that are not learned."""
    found = set()
    for step in network.architecture.steps:
        names: tuple[str, ...] = ()
        if isinstance(step.layer, BatchNorm):
            names = ("running_mean", "running_var")
        elif isinstance(step.layer, Rotary) or (isinstance(step.layer, Constant) and not step.layer.is_learned):
            names = tuple(step.layer.parameter_shapes())
        found |= {f"{step.name}.{name}" for name in names}
    return frozenset(found)
