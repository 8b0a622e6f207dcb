"""Weights that torch keeps in parts are put together as torch itself does."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from ngcore.upload import Hints, read_network
from ngcore.upload.folding import find_folds, fold_tensors

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*spectral_norm.*is deprecated:FutureWarning"),
]
WAYS = {
    "weight norm": parametrizations.weight_norm,
    "former weight norm": nn.utils.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "former spectral norm": nn.utils.spectral_norm,
}
LAYERS = {
    "linear": lambda: nn.Linear(4, 3),
    "one output": lambda: nn.Linear(4, 1),
    "convolution": lambda: nn.Conv2d(2, 3, 3),
    "transposed": lambda: nn.ConvTranspose2d(2, 3, 2),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("way", WAYS)
def test_a_parametrised_weight_is_that_of_the_module(way, layer):
    torch.manual_seed(0)
    module = WAYS[way](LAYERS[layer]())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.rand_like(parameter))
    module = module.eval()
    module(torch.ones(1, 2, 4, 4) if "linear" not in layer and layer != "one output" else torch.ones(1, 4))
    whole, notes = fold_tensors(module.state_dict())
    assert whole.keys() == {"weight", "bias"}
    torch.testing.assert_close(whole["weight"], module.weight.detach(), rtol=1e-4, atol=1e-5)
    assert notes == [f"The {way.removeprefix('former ')} of weight was folded into the weights."]


def test_a_network_with_weight_norm_is_read_as_the_one_it_computes(save_as):
    torch.manual_seed(0)
    module = nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 4)), nn.ReLU(), nn.Linear(4, 1))
    upload = read_network(save_as("torch", module.state_dict()), hints=Hints(activation="relu", convention="dws"))
    torch.testing.assert_close(upload.network.parameters["0.weight"][0], module[0].weight.detach())
    assert "The weight norm of 0.weight was folded into the weights." in upload.notes


@pytest.mark.parametrize(
    "shapes",
    [
        {"a.weight_g": (3, 1), "a.weight_v": (4, 2)},
        {"a.weight_g": (3, 1), "a.weight_v": (3, 2), "a.weight": (3, 2)},
        {"a.parametrizations.weight.original": (3, 2)},
        {"a.weight_orig": (3, 2), "a.weight_u": (5,), "a.weight_v": (2,)},
    ],
)
def test_what_is_named_like_parts_and_does_not_fit_is_left(shapes):
    assert find_folds(shapes) == []
