"""Models of every family read networks that are no chains: symmetry, layouts, gradients, and nothing overlooked."""

import pytest
import torch
from dag_architectures import DAGS
from tiny_models import GRAPH_PRESETS, tiny_model

from ngcore.models import PRESETS
from ngcore.networks import Network
from ngcore.testing import assert_equivariant, assert_invariant, random_network

every_dag = pytest.mark.parametrize("dag", DAGS)
every_preset = pytest.mark.parametrize("name", [n for n in GRAPH_PRESETS if not PRESETS[n].to_dict()["num_probes"]])
CLOSE = {"atol": 1e-10, "rtol": 1e-10}


def rows(answer):
    """The answers of either head, one row a network."""
    return answer.flatten() if isinstance(answer, Network) else answer


@every_dag
@every_preset
def test_answers_follow_the_symmetries_of_the_network(name, dag):
    """Sweeps over tens of random layers are chaotic enough for rounding to show."""
    check = assert_invariant if PRESETS[name].head == "invariant" else assert_equivariant
    check(tiny_model(name, [DAGS[dag]]), random_network(DAGS[dag], 2), tolerance=1e-6)


@every_dag
@pytest.mark.parametrize("name", ["ng-gnn", "ng-t", "ng-gnn-edit"])
def test_block_and_flat_layout_give_the_same_numbers(name, dag):
    model, network = tiny_model(name, [DAGS[dag]]), random_network(DAGS[dag], 2)
    torch.testing.assert_close(rows(model(network)), rows(model(network, flat=True)), **CLOSE)
