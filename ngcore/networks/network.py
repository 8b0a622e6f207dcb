"""An input network as data: an architecture and its parameters, one network or a stack of N."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ArchitectureError, NotFiniteError, ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.forward import forward_values, run
from ngcore.networks.origin import Origin


class Network:
    """N networks of one architecture, stacked: the leading axis of every parameter is the networks.

    A network that stands alone is a stack of one. `network[i]` and slices are stacks again.

    Example:
        >>> architecture = mlp((2, 3, 1))                      # 2 inputs, 3 hidden neurons, 1 output
        >>> network = Network(architecture, {name: torch.zeros(5, *shape)
        ...                                  for name, shape in architecture.parameter_shapes.items()})
        >>> network
        Network(5 × 2-3-1 relu: 13 parameters)
        >>> network(torch.zeros(7, 2)).shape                   # networks, batch, outputs
        torch.Size([5, 7, 1])

    Args:
        architecture: The structure that all networks of the stack share.
        parameters: Tensors (networks, *shape) under the names of `architecture.parameter_shapes`.
        origin: Where they come from, if they were read from a module or file of another library; what is made of these
            networks keeps it.

    Raises:
        ShapeMismatchError: If a parameter is missing, unknown or of another shape.
    """

    def __init__(
        self, architecture: Architecture, parameters: Mapping[str, Tensor], *, origin: Origin | None = None
    ) -> None:
        self.architecture = architecture
        self.parameters = _checked(architecture, parameters)
        self.origin = origin

    def __len__(self) -> int:
        return next(iter(self.parameters.values())).shape[0] if self.parameters else 1

    def __repr__(self) -> str:
        return f"Network({len(self)} × {self.architecture.name}: {self.architecture.num_parameters} parameters)"

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Network":
        """Select networks; the result is a stack, of one if `index` is an integer."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"Expected an index below {len(self)}, got {index}.")
            index = [index]
        return self.map(lambda tensor: tensor[index])

    def map(self, function: Callable[[Tensor], Tensor]) -> "Network":
        """Apply `function` to every parameter tensor."""
        return self.having({name: function(tensor) for name, tensor in self.parameters.items()})

    def plus(self, change: "Network", strength: float = 1.0) -> "Network":
        """θ + strength · Δθ, with Δθ the parameters of `change`, networks of the same architecture."""
        changed = {name: tensor + strength * change.parameters[name] for name, tensor in self.parameters.items()}
        return self.having(changed)

    def having(self, parameters: Mapping[str, Tensor]) -> "Network":
        """Networks of the same architecture and origin with other parameters."""
        return Network(self.architecture, parameters, origin=self.origin)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "Network":
        """The same networks on another device or in another dtype."""
        return self.map(lambda tensor: tensor.to(device=device, dtype=dtype))

    def detach(self) -> "Network":
        """The same networks without gradient history."""
        return self.map(Tensor.detach)

    @property
    def device(self) -> torch.device:
        """Device of the parameters; the processor where there are none."""
        return next((tensor.device for tensor in self.parameters.values()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the parameters; torch's default where there are none."""
        return next((tensor.dtype for tensor in self.parameters.values()), torch.get_default_dtype())

    @property
    def largest(self) -> float:
        """The largest |parameter| of all networks."""
        return max((float(tensor.abs().max()) for tensor in self.parameters.values()), default=0.0)

    def expect_finite(self, what: str) -> "Network":
        """These networks, if all their parameters are finite.

        Args:
            what: What they are, for the message.

        Raises:
            NotFiniteError: If a parameter is infinite or not a number.
        """
        for name, tensor in self.parameters.items():
            if not bool(tensor.isfinite().all()):
                raise NotFiniteError(f"Expected finite weights in {what}, got infinity or NaN in {name}.")
        return self

    def equals(self, other: "Network") -> bool:
        """Whether both are the same networks, bit for bit."""
        return self.architecture == other.architecture and all(
            torch.equal(tensor, other.parameters[name]) for name, tensor in self.parameters.items()
        )

    def flatten(self) -> Float[Tensor, "networks parameters"]:
        """All parameters of each network in one row, in the order of `architecture.parameter_shapes`."""
        return torch.cat([self.parameters[name].flatten(1) for name in self.architecture.parameter_shapes], dim=1)

    @classmethod
    def unflatten(cls, architecture: Architecture, flat: Float[Tensor, "networks parameters"]) -> "Network":
        """Inverse of `flatten`."""
        if flat.shape[1] != architecture.num_parameters:
            raise ShapeMismatchError(f"Expected {architecture.num_parameters} parameters per row, got {flat.shape[1]}.")
        shapes = architecture.parameter_shapes
        sizes = [torch.Size(shape).numel() for shape in shapes.values()]
        rows = zip(shapes.items(), flat.split(sizes, dim=1), strict=True)
        return cls(architecture, {name: row.reshape(-1, *shape) for (name, shape), row in rows})

    @classmethod
    def cat(cls, networks: Sequence["Network"]) -> "Network":
        """One stack of all the networks.

        Raises:
            ArchitectureError: If their architectures differ.
        """
        first = networks[0].architecture
        if any(network.architecture != first for network in networks):
            names = sorted({network.architecture.name for network in networks})
            raise ArchitectureError(f"Expected networks of one architecture to stack, got {', '.join(names)}.")
        return cls(first, {name: torch.cat([n.parameters[name] for n in networks]) for name in first.parameter_shapes})

    def __call__(self, *inputs: Tensor) -> Any:
        """Run every network.

        Args:
            inputs: For each input of the architecture (batch, *given shape), the same for all networks, or
                (networks, batch, *given shape), see `Architecture.given_shapes`; tokens are whole numbers.

        Returns:
            (networks, batch, *output shape); a tuple of them where there are several outputs.
        """
        outputs = run(self.architecture, self.parameters, inputs, num_networks=len(self))
        return outputs[0] if len(outputs) == 1 else outputs

    def values(self, *inputs: Tensor) -> list[Tensor]:
        """Every value of the forward pass: the inputs, then what each step makes, (networks, batch, *shape)."""
        return list(forward_values(self.architecture, self.parameters, inputs, num_networks=len(self)))


def _checked(architecture: Architecture, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    shapes = architecture.parameter_shapes
    if parameters.keys() != shapes.keys():
        raise ShapeMismatchError(f"Expected parameters {sorted(shapes)}, got {sorted(parameters)}.")
    counts = {tensor.shape[0] if tensor.dim() else 0 for tensor in parameters.values()}
    for name, shape in shapes.items():
        if tuple(parameters[name].shape[1:]) != shape or len(counts) != 1:
            raise ShapeMismatchError(
                f"Expected {name!r} of shape (networks, {', '.join(map(str, shape))}) with as many networks in every "
                f"parameter, got {tuple(parameters[name].shape)}."
            )
    return {name: parameters[name] for name in shapes}
