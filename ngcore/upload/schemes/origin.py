"""Which tensors of a file the parameters of a network are, so that a state dict becomes a network and goes back."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ngcore.networks import Architecture, Network
from ngcore.networks import origin as origins
from ngcore.networks.lifting.coverage import Coverage
from ngcore.networks.origin import Entry, Part
from ngcore.upload.shapes import Shape


@dataclasses.dataclass(frozen=True)
class View:
    """A parameter as a view of a tensor: a run of rows, reshaped, its axes in another order.

    Attributes:
        tensor: Name of the tensor.
        rows: First row and the one after the last; None: all.
        shape: Shape that the rows are given, before the axes change places; None: their own.
        order: Axis i of the parameter is axis `order[i]` of the reshaped rows; None: as they are.
    """

    tensor: str
    rows: tuple[int, int] | None = None
    shape: Shape | None = None
    order: tuple[int, ...] | None = None

    def of(self, tensor: Tensor) -> Tensor:
        """The parameter, in the memory of the (contiguous) tensor."""
        view = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        view = view if self.shape is None else view.view(self.shape)
        return view if self.order is None else view.permute(self.order)

    @property
    def operations(self) -> origins.Views:
        """The view as operations on tensors, in the terms of `ngcore.networks`."""
        found: list[tuple[str, tuple[tuple[str, Any], ...]]] = []
        if self.rows is not None:
            found.append(("slice", (("axis", 0), ("start", self.rows[0]), ("stop", self.rows[1]))))
        if self.shape is not None:
            found.append(("reshape", (("shape", self.shape),)))
        if self.order is not None:
            found.append(("permute", (("order", self.order),)))
        return tuple(found)


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """The state dict that a network is read from.

    Example:
        >>> from ngcore.networks import to_state_dict
        >>> from ngcore.upload import read_network
        >>> to_state_dict(read_network(data).network).keys()     # of a ResNet of torchvision: the names in the file
        dict_keys(['conv1.weight', 'bn1.weight', …])

    Attributes:
        shapes: Shape of every tensor in the state dict by its name, in its order.
        dtypes: Data type of those that were not float32.
        views: For each parameter where its numbers are.
        fixed: Parameters that no tensor holds, such as tables of rotary positions.
        copies: For each tensor that is another one again (tied weights) the name of that one.
        kept: Tensors that are no parameters, such as masks; they go back as they came.
    """

    shapes: Mapping[str, Shape]
    views: Mapping[str, View]
    fixed: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    copies: Mapping[str, str] = dataclasses.field(default_factory=dict)
    kept: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)
    dtypes: Mapping[str, torch.dtype] = dataclasses.field(default_factory=dict)

    def network(self, architecture: Architecture, tensors: Mapping[str, Tensor]) -> Network:
        """The network whose parameters are these tensors; nothing is copied."""
        parameters = {name: self._parameter(name, tensors) for name in architecture.parameter_shapes}
        return Network(architecture, parameters, origin=self.of_network())

    def of_network(self) -> origins.Origin:
        """This as a network keeps it, for `ngcore.networks.to_state_dict`."""
        parts: dict[str, list[Part]] = {name: [] for name in self.shapes}
        for parameter, view in self.views.items():
            parts[view.tensor].append(Part(parameter, view.operations))
        parts |= {name: parts[original] for name, original in self.copies.items()}
        entries = tuple(
            Entry(name, self.dtypes.get(name, torch.float32), shape, tuple(parts[name]), self.kept.get(name))
            for name, shape in self.shapes.items()
        )
        count = sum(math.prod(self.shapes[name]) for name, held in parts.items() if held and name not in self.copies)
        return origins.Origin(entries, (), Coverage(count, count))

    def _parameter(self, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
        if name in self.fixed:
            return self.fixed[name][None]
        view = self.views[name]
        return view.of(tensors[view.tensor])[None]
