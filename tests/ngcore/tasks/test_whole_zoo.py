"""Answers about all networks of a zoo, in its order, whatever their architectures."""

import numpy as np
import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoint

from ngcore.errors import ZooError
from ngcore.networks import small_cnn
from ngcore.tasks import ask_about_zoo, embed_networks, load_checkpoint, predict_accuracy, whole_zoo
from ngcore.testing import random_network
from ngcore.zoo import ZooWriter


@pytest.fixture
def zoo(tmp_path):
    """Seven CNNs of two architectures that take turns."""
    writer = ZooWriter(tmp_path / "mixed", name="mixed", recipe={"seed": 0})
    for part, (activation, numbers) in enumerate({"relu": (0, 2, 4, 6), "tanh": (1, 3, 5)}.items()):
        network = random_network(small_cnn((1, 4, 4), activation=activation), len(numbers), seed=part)
        rows = [{"id": f"mixed/{i}", "split": "test", "accuracy": i / 10} for i in numbers]
        writer.write_part(activation, [(network.to(dtype=torch.float32), rows)])
    return writer.finish(["relu", "tanh"])


@pytest.fixture
def checkpoint(zoo, tmp_path):
    write_tiny_checkpoint(tmp_path / "tiny", zoo, task="predict", preset="ng-gnn-cnn")
    return load_checkpoint(tmp_path / "tiny", "cpu")


@pytest.mark.parametrize("ask", [predict_accuracy, embed_networks])
def test_each_row_gets_the_answer_about_its_network(zoo, checkpoint, ask, monkeypatch):
    monkeypatch.setattr(whole_zoo, "NETWORKS_AT_ONCE", 2)
    rows, seen = [6, 1, 2, 5, 0, 3], []
    answers = ask_about_zoo(ask, checkpoint, zoo, rows, progress=lambda *counts: seen.append(counts))
    expected = np.stack([ask(checkpoint, zoo.networks([row]))[0].numpy() for row in rows])
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    assert np.ptp(answers.reshape(len(rows), -1)[:, 0]) > 1e-5
    assert seen == [(0, 6), (2, 6), (3, 6), (5, 6), (6, 6)]  # three and three, of each two and one


def test_no_rows_are_refused(zoo, checkpoint):
    with pytest.raises(ZooError, match="Expected networks of mixed to ask about, got none"):
        ask_about_zoo(predict_accuracy, checkpoint, zoo, [])
