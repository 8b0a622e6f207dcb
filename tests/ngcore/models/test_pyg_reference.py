"""The torch_geometric reference and the fast layouts give the same numbers and gradients."""

import subprocess
import sys

import pytest
import torch
from dag_architectures import DAGS
from example_architectures import ARCHITECTURES, VECTORS
from tiny_models import GRAPH_PRESETS, tiny_model

from ngcore.models import PRESETS
from ngcore.networks import Network, siren
from ngcore.testing import random_network

NG_GNNS = [name for name in GRAPH_PRESETS if PRESETS[name].kind == "ng-gnn" and not PRESETS[name].joins_outputs]
CLOSE = {"atol": 1e-10, "rtol": 1e-10}


def reference_of(model):
    from ngcore.models.pyg_reference import PygNeuralGraphModel

    return PygNeuralGraphModel(model)


def rows(answer):
    return answer.flatten() if isinstance(answer, Network) else answer


@pytest.mark.parametrize("name", ["ng-gnn", "ng-gnn-edit"])
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_reference_gives_the_same_numbers(name, architecture):
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    torch.testing.assert_close(rows(reference_of(model)(network)), rows(model(network)), **CLOSE)


@pytest.mark.parametrize("name", NG_GNNS)
def test_the_reference_gives_the_same_gradients(name):
    architecture = VECTORS["residual mlp"]
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    parameters = list(model.parameters())
    gradients = [
        torch.autograd.grad(rows(answer).square().sum(), parameters, allow_unused=True)
        for answer in (model(network), reference_of(model)(network))
    ]
    torch.testing.assert_close(*gradients, **CLOSE)


@pytest.mark.parametrize("name", NG_GNNS)
def test_the_reference_reads_several_architectures_at_once(name):
    stacks = [random_network(VECTORS[a], i + 1) for i, a in enumerate(("siren", "residual mlp", "norms"))]
    model = tiny_model(name, [stack.architecture for stack in stacks])
    fast, slow = model(stacks), reference_of(model)(stacks)
    pairs = zip(fast, slow, strict=True) if isinstance(fast, list) else [(fast, slow)]
    for ours, theirs in pairs:
        torch.testing.assert_close(rows(theirs), rows(ours), **CLOSE)


def test_the_reference_shares_the_parameters_of_its_model():
    architecture = siren((2, 4, 1))
    model = tiny_model("ng-gnn", [architecture])
    network, reference = random_network(architecture), reference_of(model)
    before = reference(network)
    with torch.no_grad():
        model.layers[0].post.weight.mul_(2)
    assert not torch.equal(reference(network), before)
    assert {id(p) for p in reference.parameters()} == {id(p) for p in model.parameters()}


@pytest.mark.parametrize("architecture", [*DAGS.values(), VECTORS["residual mlp"]], ids=[*DAGS, "chain"])
@pytest.mark.parametrize("name", ["ng-gnn-any", "ng-t", "ng-t-any", "ng-gnn-edit-any"])
def test_the_reference_reads_any_network(name, architecture):
    model, network = tiny_model(name, [architecture]), random_network(architecture, 2)
    torch.testing.assert_close(rows(reference_of(model)(network)), rows(model(network)), **CLOSE)


@pytest.mark.parametrize("architecture", [*DAGS.values(), *ARCHITECTURES.values()], ids=[*DAGS, *ARCHITECTURES])
@pytest.mark.parametrize(
    "changes", [{}, {"rows": "kind", "num_layers": 3, "shares_maps": True}], ids=["by depth", "by kind"]
)
def test_sweeps_equal_those_over_a_list_of_edges(architecture, changes):
    """Edges one by one, all kernels padded to one size; with large maps deep sweeps are chaotic."""
    from ngcore.models.pyg_sweeps import PygSweepModel

    model, network = tiny_model("ng-sweep", [architecture], **changes), random_network(architecture, 2)
    with torch.no_grad():
        for parameter in model.sweeps.parameters():
            parameter.mul_(0.3)
    torch.testing.assert_close(PygSweepModel(model)(network), model(network), atol=1e-8, rtol=1e-8)


def test_torch_geometric_is_not_imported_with_the_models():
    code = "import sys, ngcore.models, ngcore.graph; sys.exit('torch_geometric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
