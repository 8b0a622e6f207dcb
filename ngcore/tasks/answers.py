"""Asking trained models: the class of an INR, the accuracy of a CNN, an edited INR, an embedding.

Whatever they answer is finite, or an error that names model and network.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import CheckpointError, NotFiniteError
from ngcore.networks import Network
from ngcore.tasks.checkpoints import Checkpoint

BATCH_SIZE = 64


def classify_inrs(checkpoint: Checkpoint, network: Network) -> Float[Tensor, "networks classes"]:
    """Class probabilities of INRs.

    Raises:
        CheckpointError: If the model answers another question.
        NotFiniteError: If it has no finite answer.
    """
    _expect_task(checkpoint, "classify")
    return _in_batches(lambda part: checkpoint.model(part).float().softmax(dim=1), checkpoint, network)


def predict_accuracy(checkpoint: Checkpoint, network: Network) -> Float[Tensor, " networks"]:
    """Predicted test accuracy of classifiers, in [0, 1], from their weights.

    Raises:
        CheckpointError: If the model answers another question.
        NotFiniteError: If it has no finite answer.
    """
    _expect_task(checkpoint, "predict")
    return _in_batches(lambda part: checkpoint.model(part).float()[:, 0].sigmoid(), checkpoint, network)


def embed_networks(checkpoint: Checkpoint, network: Network) -> Float[Tensor, "networks d"]:
    """Representation of each network, before the last Linear of the model.

    Raises:
        NotFiniteError: If it is not finite.
    """
    return _in_batches(lambda part: checkpoint.model.embed(part).float(), checkpoint, network)


def edit_inrs(checkpoint: Checkpoint, network: Network, *, strength: float = 1.0) -> Network:
    """Edited INRs: θ' = θ + strength · s ⊙ f(θ).

    Args:
        checkpoint: An editing model.
        network: N INRs.
        strength: 0 leaves the networks as they are, 1 is the edit that was trained, more is further the same way.

    Raises:
        CheckpointError: If the model answers another question.
        NotFiniteError: If the model has no finite answer, or the strength makes it infinite.
    """
    own = network.to(dtype=torch.float32)
    return changed_by(checkpoint.name, own, change_of_inrs(checkpoint, network), strength)


def changed_by(name: str, network: Network, change: Network, strength: float) -> Network:
    """θ + strength · Δθ, where a model of this name answered with Δθ.

    Raises:
        NotFiniteError: If that is not finite.
    """
    return network.plus(change, strength).expect_finite(f"an edit of strength {strength:g} by {name}")


def change_of_inrs(checkpoint: Checkpoint, network: Network) -> Network:
    """The changes s ⊙ f(θ) that an editing model answers with, as networks; `Network.plus` adds them.

    Args:
        checkpoint: An editing model.
        network: N INRs.

    Raises:
        CheckpointError: If the model answers another question.
        NotFiniteError: If it has no finite answer.
    """
    _expect_task(checkpoint, "edit")
    parts = []
    with torch.no_grad():
        for part in _batches(network, checkpoint.device):
            change = checkpoint.model(part)
            if not isinstance(change, Network):
                raise CheckpointError(f"Expected a graph model to edit with, got {type(checkpoint.model).__name__}.")
            parts.append(change)
    change = Network.cat(parts).to(network.device)
    _expect_finite(change.flatten(), checkpoint, network)
    return change


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
        answers = torch.cat([ask(part).cpu() for part in _batches(network, checkpoint.device)])
    _expect_finite(answers, checkpoint, network)
    return answers


def _expect_finite(answers: Tensor, checkpoint: Checkpoint, network: Network) -> None:
    """Refuse answers, a row a network, that hold infinity or NaN; the message names the first such network."""
    is_finite = answers.isfinite().reshape(len(network), -1).all(dim=1)
    if not bool(is_finite.all()):
        first = int((~is_finite).nonzero()[0])
        which = f"network {first + 1} of {len(network)} " if len(network) > 1 else "a network "
        raise NotFiniteError(
            f"{checkpoint.name} has no finite answer for {which}({network.architecture.name}), "
            f"whose weights reach {network[first].largest:.2g}."
        )
