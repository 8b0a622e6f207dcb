"""Asking trained models: the class of an INR, the accuracy of a CNN, an edited INR, an embedding."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import CheckpointError
from ngcore.networks import Network
from ngcore.tasks.checkpoints import Checkpoint

BATCH_SIZE = 64


def classify_inrs(checkpoint: Checkpoint, network: Network) -> Float[Tensor, "networks classes"]:
    """Class probabilities of INRs.

    Raises:
        CheckpointError: If the model answers another question.
    """
    _expect_task(checkpoint, "classify")
    return _in_batches(lambda part: checkpoint.model(part).float().softmax(dim=1), checkpoint, network)


def predict_accuracy(checkpoint: Checkpoint, network: Network) -> Float[Tensor, " networks"]:
    """Predicted test accuracy of classifiers, in [0, 1], from their weights.

    Raises:
        CheckpointError: If the model answers another question.
    """
    _expect_task(checkpoint, "predict")
    return _in_batches(lambda part: checkpoint.model(part).float()[:, 0].sigmoid(), checkpoint, network)


def embed_networks(checkpoint: Checkpoint, network: Network) -> Float[Tensor, "networks d"]:
    """Representation of each network, before the last Linear of the model."""
    return _in_batches(lambda part: checkpoint.model.embed(part).float(), checkpoint, network)


def edit_inrs(checkpoint: Checkpoint, network: Network, *, strength: float = 1.0) -> Network:
    """Edited INRs: θ' = θ + strength · s ⊙ f(θ).

    Args:
        checkpoint: An editing model.
        network: N INRs.
        strength: 0 leaves the networks as they are, 1 is the edit that was trained, more is further the same way.

    Raises:
        CheckpointError: If the model answers another question.
    """
    own = network.to(dtype=torch.float32)
    return own.plus(change_of_inrs(checkpoint, network), strength)


def change_of_inrs(checkpoint: Checkpoint, network: Network) -> Network:
    """The changes s ⊙ f(θ) that an editing model answers with, as networks; `Network.plus` adds them.

    Args:
        checkpoint: An editing model.
        network: N INRs.

    Raises:
        CheckpointError: If the model answers another question.
    """
    _expect_task(checkpoint, "edit")
    parts = []
    with torch.no_grad():
        for part in _batches(network, checkpoint.device):
            change = checkpoint.model(part)
            if not isinstance(change, Network):
                raise CheckpointError(f"Expected a graph model to edit with, got {type(checkpoint.model).__name__}.")
            parts.append(change)
    return Network.cat(parts).to(network.device)


def _expect_task(checkpoint: Checkpoint, task: str) -> None:
    if checkpoint.card["task"] != task:
        raise CheckpointError(
            f"Expected a model for the task {task!r}, got {checkpoint.name} for {checkpoint.card['task']!r}."
        )


def _batches(network: Network, device: torch.device) -> list[Network]:
    indices = torch.arange(len(network)).split(BATCH_SIZE)
    return [network[index.to(network.device)].to(device, torch.float32) for index in indices]


def _in_batches(ask: Callable[[Network], Tensor], checkpoint: Checkpoint, network: Network) -> Tensor:
    with torch.no_grad():
        return torch.cat([ask(part).cpu() for part in _batches(network, checkpoint.device)])
