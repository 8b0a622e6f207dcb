"""Where the parameters of a network come from, so that the original state dict can be given back exactly."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError

if TYPE_CHECKING:
    from ngcore.networks.lifting.coverage import Coverage

Views = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]


@dataclasses.dataclass(frozen=True)
class Part:
    """A parameter of the network that holds numbers of an original tensor.

    Attributes:
        parameter: Its name here.
        views: Reshapes, permutes, slices and repeats (see `lifting.operations`) from the original tensor to it.
    """

    parameter: str
    views: Views


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """A tensor of the original state dict.

    Attributes:
        name: Its original name.
        dtype: Its original data type; None where it is no tensor.
        shape: Its original shape.
        parts: The parameters that hold its numbers.
        original: The tensor itself, where they do not hold all of it.
    """

    name: str
    dtype: torch.dtype | None
    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    original: Any

    @classmethod
    def of(cls, name: str, tensor: Tensor, parts: tuple[Part, ...]) -> "Entry":
        """The entry of a tensor, which is kept where the parts do not hold all of it."""
        kept = None if _cover(tensor, parts) else tensor.detach().cpu().clone()
        return cls(name, tensor.dtype, tuple(tensor.shape), parts, kept)

    def restored(self, parameters: Mapping[str, Tensor]) -> Any:
        """The tensor with the numbers of the network's parameters, those of one network.

        Raises:
            ArchitectureError: If two parameters that hold the same numbers have become different.
        """
        if self.dtype is None or not self.parts:
            return self.original.clone() if isinstance(self.original, Tensor) else self.original
        first = self.parts[0]
        if not first.views and len(self.parts) == 1:
            return parameters[first.parameter].to(self.dtype, copy=True)
        device = parameters[first.parameter].device
        blank = torch.empty(self.shape, dtype=self.dtype) if self.original is None else self.original.clone()
        flat = blank.flatten().to(device)
        places = [(_places(self.shape, part.views).to(device), part) for part in self.parts]
        for place, part in places:
            flat[place] = parameters[part.parameter].flatten().to(self.dtype)
        for place, part in places:
            held = parameters[part.parameter].flatten().to(self.dtype)
            if not torch.allclose(flat[place], held, rtol=0, atol=0, equal_nan=True):
                names = ", ".join(sorted({p.parameter for p in self.parts}))
                raise ArchitectureError(f"Expected {names} to agree, as they are all {self.name!r} of the original.")
        return flat.view(self.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Derived:
    """A parameter of the network that was computed from tensors of the original.

    Attributes:
        parameter: Its name here.
        origins: Names of the original tensors.
        value: The numbers that came out, which those tensors stand for.
        fold: Names of g and v and the axis, where it is a weight norm.
    """

    parameter: str
    origins: tuple[str, ...]
    value: Tensor
    fold: tuple[str, str, int] | None = None

    def undone(self, parameter: Tensor, dtypes: Mapping[str, torch.dtype | None]) -> dict[str, Tensor]:
        """The original tensors that changed, if the parameter did.

        Raises:
            ArchitectureError: If it changed and there is no way back.
        """
        if torch.equal(self.value.to(parameter), parameter):
            return {}
        if self.fold is None:
            raise ArchitectureError(
                f"Expected {self.parameter!r} as it was read, as it was computed from {', '.join(self.origins)}; it "
                "has changed since, and there is no way back to those."
            )
        g, v, axis = self.fold
        norms = torch.norm_except_dim(parameter, 2, axis)
        return {name: x.to(dtypes.get(name) or x.dtype) for name, x in ((g, norms), (v, parameter.clone()))}


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """Where the parameters of a network come from.

    Attributes:
        entries: The original state dict, in its order.
        derived: Parameters that were computed from it.
        coverage: The report of what was read and what was not.
        paths: For each step the module that called it, as far as it is known.
    """

    entries: tuple[Entry, ...]
    derived: tuple[Derived, ...]
    coverage: "Coverage"
    paths: tuple[str, ...] = ()


def part_index(entry: Entry, number: int) -> Tensor | None:
    """Where the numbers of a part stand in the flattened original; None: all of them, in their order."""
    views = entry.parts[number].views
    return _places(entry.shape, views) if views else None


def _places(shape: tuple[int, ...], views: Views) -> Tensor:
    """For each number of a part where it stands in the original."""
    from ngcore.networks.lifting.operations import OPERATIONS  # reads the layers

    places = torch.arange(int(torch.Size(shape).numel())).view(shape)
    for op, settings in views:
        places = OPERATIONS[op](places, **dict(settings))
    return places.flatten()


def _cover(tensor: Tensor, parts: tuple[Part, ...]) -> bool:
    """Whether the parts hold every number of a tensor."""
    if any(not part.views for part in parts):
        return True
    missing = torch.ones(tensor.numel(), dtype=torch.bool)
    for part in parts:
        missing[_places(tuple(tensor.shape), part.views)] = False
    return bool(parts) and not bool(missing.any())
