"""Models read every family of modules: NG-GNN, NG-T and NG-Sweep, both layouts, whatever the order of neurons."""

import functools

import pytest
import torch
from module_families import FAMILIES
from tiny_models import tiny_model

from ngcore.networks import draw_permutation, from_module, permute_hidden

CLOSE = {"atol": 1e-9, "rtol": 1e-9}
FIRST = {name.partition("/")[0]: name for name in reversed(FAMILIES)}  # the first variant of each family


@functools.lru_cache(maxsize=2)
def network_of(name):
    module, inputs = FAMILIES[name]()
    return from_module(module, *inputs).detach()


@pytest.mark.parametrize("family", FIRST)
@pytest.mark.parametrize("preset", ["ng-gnn", "ng-t", "ng-sweep"])
def test_a_model_answers_alike_for_neurons_in_any_order_and_in_both_layouts(family, preset):
    network = network_of(FIRST[family])
    model = tiny_model(preset, [network.architecture])
    moved = permute_hidden(network, draw_permutation(network, torch.Generator().manual_seed(0)))
    with torch.no_grad():
        answer = model(network)
        assert torch.isfinite(answer).all()
        torch.testing.assert_close(model(moved), answer, atol=1e-6, rtol=1e-6)
        if preset != "ng-sweep":
            torch.testing.assert_close(model(network, flat=True), answer, **CLOSE)
