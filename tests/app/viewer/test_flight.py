"""The flight of a shuffle: neurons arrive where their weights do."""

import numpy as np
import pytest
import torch
from dag_architectures import DAGS


@pytest.mark.parametrize("name", DAGS)
def test_every_neuron_arrives_where_its_features_are_after_the_shuffle(name):
    from app.viewer.flight import node_targets
    from ngcore.graph import node_features
    from ngcore.networks import draw_permutation, permute_hidden
    from ngcore.testing import random_network

    network = random_network(DAGS[name])
    permutation = draw_permutation(network, torch.Generator().manual_seed(1))
    targets = node_targets(network.architecture, permutation)
    before, after = (node_features(one)[0] for one in (network, permute_hidden(network, permutation)))
    assert sorted(targets.tolist()) == list(range(len(targets)))
    assert (targets != np.arange(len(targets))).any()
    assert torch.equal(after[targets], before)
