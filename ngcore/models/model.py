"""What all metanetworks have in common."""

import abc
from collections.abc import Sequence

from torch import Tensor, nn

from ngcore.networks import Network

Networks = Network | Sequence[Network]
"""One stack of networks, or several, which may differ in architecture where the model allows it."""


def stacks_of(networks: Networks) -> list[Network]:
    """One stack or several as a list of stacks."""
    return [networks] if isinstance(networks, Network) else list(networks)


class Model(nn.Module, abc.ABC):
    """A metanetwork: `model(networks)` answers for each network, `model.embed(networks)` represents it."""

    @abc.abstractmethod
    def embed(self, networks: Networks) -> Tensor:
        """Representation of each network, (networks, d)."""

    def fit_normalisation(self, networks: Networks) -> None:
        """Take the statistics of a training corpus; does nothing unless the model standardises what it reads."""
