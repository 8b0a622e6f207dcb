"""Baselines without a graph: a flat MLP and weight statistics (StatNN)."""

import abc
import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ngcore.errors import ShapeMismatchError
from ngcore.models.input_spec import layers_with_statistics
from ngcore.models.model import Model, Networks, stacks_of
from ngcore.networks import Network

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
STATISTICS_PER_LAYER = 2 * (2 + len(QUANTILES))  # mean, variance and quantiles, of weights and of biases


class _Baseline(Model):
    """Features of a network → hidden layers → one Linear; a subclass says what the features are."""

    def __init__(self, d_features: int, d_hidden: int, num_hidden_layers: int, d_out: int, dropout: float) -> None:
        super().__init__()
        sizes = (d_features, *(d_hidden,) * num_hidden_layers)
        hidden = [(nn.Linear(n_in, n_out), nn.SiLU(), nn.Dropout(dropout)) for n_in, n_out in itertools.pairwise(sizes)]
        self.hidden = nn.Sequential(*itertools.chain.from_iterable(hidden))
        self.head = nn.Linear(sizes[-1], d_out)

    @abc.abstractmethod
    def features(self, network: Network) -> Tensor:
        """What the MLP reads of each network, (networks, d_features)."""

    def embed(self, networks: Networks) -> Float[Tensor, "networks d_hidden"]:
        """Representation of each network, of one stack or several, before the last Linear."""
        return self.hidden(torch.cat([self.features(stack) for stack in stacks_of(networks)]))

    def forward(self, networks: Networks) -> Float[Tensor, "networks d_out"]:
        """Answer for each network, of one stack or several."""
        return self.head(self.embed(networks))


class _Standardised(_Baseline):
    """A baseline whose features are brought to mean 0 and standard deviation 1 over a training corpus."""

    mean: Tensor
    std: Tensor

    def __init__(self, d_features: int, d_hidden: int, num_hidden_layers: int, d_out: int, dropout: float) -> None:
        super().__init__(d_features, d_hidden, num_hidden_layers, d_out, dropout)
        self.register_buffer("mean", torch.zeros(d_features))
        self.register_buffer("std", torch.ones(d_features))

    @abc.abstractmethod
    def raw_features(self, network: Network) -> Tensor:
        """The features before they are standardised, (networks, d_features)."""

    def features(self, network: Network) -> Tensor:
        return (self.raw_features(network) - self.mean) / self.std

    @torch.no_grad()
    def fit_normalisation(self, networks: Networks) -> None:
        """Set mean and standard deviation to those of a training corpus; a constant feature keeps its scale.

        Args:
            networks: One stack, or several, which may differ in architecture where the model allows it.
        """
        raw = torch.cat([self.raw_features(stack) for stack in stacks_of(networks)])
        std, mean = torch.std_mean(raw, dim=0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-6 * mean.abs(), std, 1.0))


class FlatMLP(_Standardised):
    """An MLP on all parameters in one vector; it knows nothing of permutations, and of one architecture only.

    Args:
        num_parameters: Parameters of one network (`architecture.num_parameters`).
        d_out: Width of the answer.
        d_hidden: Width of the hidden layers and of the representation.
        num_hidden_layers: How many hidden layers.
        dropout: Probability of dropping a hidden unit in training.
    """

    def __init__(
        self,
        *,
        num_parameters: int,
        d_out: int,
        d_hidden: int = 512,
        num_hidden_layers: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_parameters, d_hidden, num_hidden_layers, d_out, dropout)
        self.num_parameters = num_parameters

    def raw_features(self, network: Network) -> Float[Tensor, "networks parameters"]:
        """All parameters of each network.

        Raises:
            ShapeMismatchError: If the networks have another number of parameters than the model.
        """
        if network.architecture.num_parameters != self.num_parameters:
            raise ShapeMismatchError(f"Expected networks of {self.num_parameters} parameters, got {network}.")
        return network.flatten()


class StatNN(_Standardised):
    """An MLP on the mean, variance and quantiles of each layer's weights and biases (Unterthiner et al. 2020).

    Layers are those with weights, norms included; a network with fewer than `max_layers` is padded with zeros.

    Args:
        max_layers: Layers of the deepest network that the model can read.
        d_out: Width of the answer.
        d_hidden: Width of the hidden layers and of the representation.
        num_hidden_layers: How many hidden layers.
        dropout: Probability of dropping a hidden unit in training.
    """

    def __init__(
        self,
        *,
        max_layers: int,
        d_out: int,
        d_hidden: int = 256,
        num_hidden_layers: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(max_layers * STATISTICS_PER_LAYER, d_hidden, num_hidden_layers, d_out, dropout)
        self.max_layers = max_layers

    def raw_features(self, network: Network) -> Float[Tensor, "networks statistics"]:
        """Statistics of each network, layer by layer, zeros where there is no layer or no bias.

        Raises:
            ShapeMismatchError: If the networks have more layers than the model can read.
        """
        layers = layers_with_statistics(network.architecture).values()
        if len(layers) > self.max_layers:
            raise ShapeMismatchError(
                f"Expected networks of at most {self.max_layers} layers with weights, got {network} with "
                f"{len(layers)}; build the model with a larger max_layers."
            )
        slots = [names for layer in layers for names in layer]
        empty = torch.zeros(len(network), STATISTICS_PER_LAYER // 2, device=network.device, dtype=network.dtype)
        columns = [_statistics(_joined(network, names)) if names else empty for names in slots]
        columns += [empty] * (2 * self.max_layers - len(slots))
        return torch.cat(columns, dim=1)


def _joined(network: Network, names: Sequence[str]) -> Float[Tensor, "networks n"]:
    """All entries of some parameters; a recurrence has two weights and two biases."""
    return torch.cat([network.parameters[name].flatten(1) for name in names], dim=1)


def _statistics(values: Tensor) -> Tensor:
    """Mean, variance and linearly interpolated quantiles along the last axis: (networks, n) → (networks, 7).

    Sorts once instead of calling `torch.quantile`, which refuses large inputs.
    """
    ordered = values.sort(dim=1).values
    places = torch.tensor(QUANTILES, device=values.device, dtype=values.dtype) * (values.shape[1] - 1)
    lower = ordered[:, places.floor().long()]
    upper = ordered[:, places.ceil().long()]
    quantiles = torch.lerp(lower, upper, places.frac())
    variance, mean = torch.var_mean(ordered, dim=1, correction=0)
    return torch.cat([mean[:, None], variance[:, None], quantiles], dim=1)
