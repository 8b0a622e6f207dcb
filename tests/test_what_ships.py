"""What ships stays what it is: ids, hashes, graphs and answers as recorded in `what_ships.json`.

Ids, hashes and graphs are compared exactly, answers within what processors differ by. After an artefact was replaced on
purpose: `python tests/test_what_ships.py` records anew, and the diff of the JSON file shows what changed.
"""

import hashlib
import json
from pathlib import Path

import pytest

RECORD = Path(__file__).with_name("what_ships.json")
RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))
NUM_NETWORKS = 2  # of each architecture in a zoo, and for each checkpoint


def describe_zoo(name):
    """Hash, ids, and digests of the weights and of the exact neural graph of a zoo's first networks."""
    from ngcore.graph import to_graph
    from ngcore.paths import ASSETS
    from ngcore.zoo import Zoo

    zoo = Zoo.open(ASSETS / "zoos" / name)
    graphs = {}
    for architecture_id in sorted(zoo.architectures):
        network = zoo.networks(zoo.rows(architecture=architecture_id)[:NUM_NETWORKS])
        graph = to_graph(network)
        graphs[architecture_id] = {
            "name": network.architecture.name,
            "id": network.architecture.id,
            "weights": digest([network.flatten()]),
            "graph": digest([graph.node_features, *graph.edge_features]),
        }
    return {"hash": zoo.hash, "networks": len(zoo), "graphs": graphs}


def digest(tensors):
    """The first 16 hex digits of the sha256 of tensors' shapes and bytes."""
    sha256 = hashlib.sha256()
    for tensor in tensors:
        sha256.update(repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    return sha256.hexdigest()[:16]


def describe_checkpoint(name):
    """Hash of the weights, and the answers to the first test networks of the zoo of the card."""
    from ngcore.paths import ASSETS
    from ngcore.tasks import change_of_inrs, classify_inrs, embed_networks, load_checkpoint, predict_accuracy
    from ngcore.zoo import Zoo

    checkpoint = load_checkpoint(ASSETS / "checkpoints" / name, "cpu")
    zoo = Zoo.open(ASSETS / "zoos" / checkpoint.card["corpus"]["name"])
    network = zoo.networks(zoo.rows(split="test")[:NUM_NETWORKS])
    ask = {"classify": classify_inrs, "predict": predict_accuracy, "edit": lambda *x: change_of_inrs(*x).flatten()}
    answers = ask[checkpoint.card["task"]](checkpoint, network).reshape(len(network), -1)
    shown = {"answers": answers[:, :10]}
    if checkpoint.card["task"] != "edit":
        shown["embeddings"] = embed_networks(checkpoint, network)[:, :5]
    rounded = {key: [[float(f"{v:.6g}") for v in row] for row in values.tolist()] for key, values in shown.items()}
    return {"weights_sha256": checkpoint.card["weights_sha256"], **rounded}


def describe_optimiser(name):
    """Hash of the weights, and the first numbers of each change that three steps with given gradients make."""
    import torch
    from small_trainings import conv_net

    from ngcore.optim import NeuralGraphOptimizer, find_rules
    from ngcore.training import read_card

    module = conv_net(dtype=torch.float64)
    parameters = list(module.parameters())
    with torch.no_grad():
        for i, parameter in enumerate(parameters):
            parameter.copy_((torch.arange(parameter.numel()) + i).double().sin().view_as(parameter) / 3)
    before = [parameter.detach().clone() for parameter in parameters]
    example = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    optimizer = NeuralGraphOptimizer(module, example, rule=name, total_steps=9)
    for step in range(3):
        for i, parameter in enumerate(parameters):
            parameter.grad = (1.3 * torch.arange(parameter.numel()) + i + step).double().cos().view_as(parameter)
        optimizer.step()
    changes = [(now - then).flatten()[:5].tolist() for now, then in zip(parameters, before, strict=True)]
    return {
        "weights_sha256": read_card(find_rules()[name])["weights_sha256"],
        "changes": [[float(f"{v:.6g}") for v in row] for row in changes],
    }


@pytest.mark.parametrize("name", RECORDED["zoos"])
def test_a_shipped_zoo_keeps_its_hash_its_ids_and_its_graphs(name):
    assert describe_zoo(name) == RECORDED["zoos"][name]


@pytest.mark.parametrize("name", RECORDED["checkpoints"])
def test_a_shipped_checkpoint_keeps_its_hash_and_its_answers(name):
    import numpy as np

    got, expected = describe_checkpoint(name), RECORDED["checkpoints"][name]
    assert got["weights_sha256"] == expected["weights_sha256"]
    for key in ("answers", "embeddings"):
        np.testing.assert_allclose(got.get(key, []), expected.get(key, []), rtol=2e-2, atol=2e-3, err_msg=key)


@pytest.mark.parametrize("name", RECORDED["optimisers"])
def test_a_shipped_optimiser_keeps_its_hash_and_its_steps(name):
    import numpy as np

    got, expected = describe_optimiser(name), RECORDED["optimisers"][name]
    assert got["weights_sha256"] == expected["weights_sha256"]
    for a, b in zip(got["changes"], expected["changes"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_everything_that_ships_is_recorded():
    from ngcore.paths import ASSETS

    for kind in RECORDED:
        assert sorted(RECORDED[kind]) == sorted(path.parent.name for path in (ASSETS / kind).glob("*/card.json"))


def record():
    """Write down everything that ships as it is now."""
    from ngcore.paths import ASSETS

    kinds = {"zoos": describe_zoo, "checkpoints": describe_checkpoint, "optimisers": describe_optimiser}
    found = {
        kind: {path.parent.name: describe(path.parent.name) for path in sorted((ASSETS / kind).glob("*/card.json"))}
        for kind, describe in kinds.items()
    }
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
