"""Asking trained models: the class of an INR, the accuracy of a CNN, an edited INR, an embedding.

Whatever they answer is finite, or an error that names model and network.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import CheckpointError, NotFiniteError, TooLargeError
from ngcore.networks import Architecture, Network
from ngcore.networks.cost import FLOAT_BYTES, MEBI, cost_of, in_mebibytes
from ngcore.tasks.checkpoints import Checkpoint

BATCH_SIZE = 64
MAX_MODEL_BYTES = 2_048 * MEBI
EDGE_BYTES = {"ng-gnn": 2_500, "ng-t": 5_000}
"""Memory that models which keep numbers for each edge take for one, as measured on those that ship."""


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
        for part in batches(network, checkpoint):
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


def batches(network: Network, checkpoint: Checkpoint) -> list[Network]:
    """Parts of a stack that a model reads within `MAX_MODEL_BYTES`, on its device and in single precision.

    Raises:
        TooLargeError: If it cannot read a single network.
    """
    each = _model_bytes(network.architecture, checkpoint)
    if each > MAX_MODEL_BYTES:
        raise TooLargeError(
            f"{checkpoint.name} would take {in_mebibytes(each)} of memory to read this network; at most "
            f"{in_mebibytes(MAX_MODEL_BYTES)} are allowed. Ask a model that keeps no numbers for each edge, such as "
            "NG-Sweep, or use a smaller network."
        )
    indices = torch.arange(len(network)).split(max(1, min(BATCH_SIZE, MAX_MODEL_BYTES // max(1, each))))
    return [network[index.to(network.device)].to(checkpoint.device, torch.float32) for index in indices]


def _model_bytes(architecture: Architecture, checkpoint: Checkpoint) -> int:
    """About how much memory a model takes to read one network."""
    cost = cost_of(architecture)
    kind = checkpoint.card["model"]["config"].get("kind")
    return cost.parameter_bytes + EDGE_BYTES.get(kind, FLOAT_BYTES) * cost.num_edges


def _in_batches(ask: Callable[[Network], Tensor], checkpoint: Checkpoint, network: Network) -> Tensor:
    with torch.no_grad():
        answers = torch.cat([ask(part).cpu() for part in batches(network, checkpoint)])
    _expect_finite(answers, checkpoint, network)
    return answers


def _expect_finite(answers: Tensor, checkpoint: Checkpoint, network: Network) -> None:
    """Refuse answers, one row per network, that hold infinity or NaN; the message names the first such network."""
    is_finite = answers.isfinite().reshape(len(network), -1).all(dim=1)
    if not bool(is_finite.all()):
        first = int((~is_finite).nonzero()[0])
        which = f"network {first + 1} of {len(network)} " if len(network) > 1 else "a network "
        raise NotFiniteError(
            f"{checkpoint.name} has no finite answer for {which}({network.architecture.name}), "
            f"whose weights reach {network[first].largest:.2g}."
        )
