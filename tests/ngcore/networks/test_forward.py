"""The stacked forward pass against torch.nn, layer by layer and through residual networks, in float64."""

import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ngcore.errors import ShapeMismatchError
from ngcore.networks import (
    ACTIVATION_KINDS,
    Activation,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    Network,
    Skip,
    chain,
    forward,
    mlp,
    siren,
    small_cnn,
)
from ngcore.networks.layers import activate
from ngcore.testing import random_network

TORCH_FUNCTIONS = {
    "none": lambda x: x,
    "relu": torch.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.3),
    "sine": lambda x: torch.sin(7.0 * x),
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x / (1 + torch.exp(-1.702 * x)),
    "elu": lambda x: F.elu(x, 0.4),
    "celu": lambda x: F.celu(x, 0.4),
    "selu": F.selu,
    "mish": F.mish,
    "softplus": lambda x: F.softplus(x, 0.7),
    "softsign": F.softsign,
    "hard_tanh": lambda x: F.hardtanh(x, -0.5, 0.8),
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
    "log_sigmoid": F.logsigmoid,
    "tanh_shrink": F.tanhshrink,
    "soft_shrink": lambda x: F.softshrink(x, 0.4),
    "hard_shrink": lambda x: F.hardshrink(x, 0.4),
    "threshold": lambda x: F.threshold(x, 0.7, 0.4),
    "cosine": lambda x: torch.cos(7.0 * x),
    "exp": torch.exp,
    "log": torch.log,
    "abs": torch.abs,
    "power": lambda x: x**0.4,
    "clamp": lambda x: x.clamp(-0.5, 0.8),
}
NUMBERS = {"omega_0": 7.0, "negative_slope": 0.3, "alpha": 0.4, "beta": 0.7, "low": -0.5, "high": 0.8}
ON_POSITIVES = ("log", "power")
MAP, VECTOR = (6, 7, 5), (6,)
LAYERS = [
    (Linear(6, 4), nn.Linear(6, 4), VECTOR),
    (Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False), VECTOR),
    (Conv2d(6, 4), nn.Conv2d(6, 4, 3), MAP),
    (Conv2d(6, 4, (1, 5), (2, 1), (0, 2), bias=False), nn.Conv2d(6, 4, (1, 5), (2, 1), (0, 2), bias=False), MAP),
    (Conv2d(6, 4, (3, 3), (2, 2), (1, 1), groups=2), nn.Conv2d(6, 4, 3, 2, 1, groups=2), MAP),
    (Conv2d(6, 6, (3, 3), padding=(1, 1), groups=6), nn.Conv2d(6, 6, 3, padding=1, groups=6), MAP),
    (Conv2d(6, 12, (3, 3), groups=6), nn.Conv2d(6, 12, 3, groups=6), MAP),
    (BatchNorm(6), nn.BatchNorm1d(6), VECTOR),
    (BatchNorm(6, eps=0.1), nn.BatchNorm2d(6, eps=0.1), MAP),
    (LayerNorm(6, eps=0.1), nn.LayerNorm(6, eps=0.1), VECTOR),
    (GlobalAveragePool(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), MAP),
    (Flatten(), nn.Flatten(), MAP),
    (Flatten(), nn.Flatten(), VECTOR),
]


def draw_inputs(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_equal(result, expected):
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("layer", "module", "shape"), LAYERS, ids=[str(layer) for layer, _, _ in LAYERS])
def test_every_layer_equals_its_torch_module(layer, module, shape):
    network = random_network(chain(shape, (layer,)), 3)
    inputs = draw_inputs(4, *shape)
    outputs = network(inputs)
    assert outputs.shape == (len(network), 4, *network.architecture.output_shape)
    module = module.double().eval()
    for i in range(len(network)):
        module.load_state_dict({k.removeprefix("0."): v[i] for k, v in network.parameters.items()}, strict=False)
        assert_equal(outputs[i], module(inputs))


def test_layer_norm_of_a_map_normalises_the_channels_at_each_position():
    network = random_network(chain(MAP, (LayerNorm(6),)), 1)
    inputs = draw_inputs(4, *MAP)
    weight, bias = (network.parameters[f"0.{name}"][0] for name in ("weight", "bias"))
    expected = F.layer_norm(inputs.movedim(1, -1), (6,), weight, bias).movedim(-1, 1)
    assert_equal(network(inputs)[0], expected)


@pytest.mark.parametrize("function", ACTIVATION_KINDS)
def test_every_activation_equals_its_torch_function(function):
    inputs = draw_inputs(100).abs() if function in ON_POSITIVES else draw_inputs(100)
    activation = Activation(function, **NUMBERS)
    assert_equal(activate(activation, inputs), TORCH_FUNCTIONS[function](inputs))


@pytest.mark.parametrize("function", [kind for kind in ACTIVATION_KINDS if kind not in ON_POSITIVES])
def test_a_perceptron_with_every_activation_equals_torch(function):
    network = random_network(mlp((3, 5, 5, 2), Activation(function, **NUMBERS)), 1)
    w1, b1, w2, b2, w3, b3 = (tensor[0] for tensor in network.parameters.values())
    inputs, f = draw_inputs(4, 3), TORCH_FUNCTIONS[function]
    assert_equal(network(inputs)[0], F.linear(f(F.linear(f(F.linear(inputs, w1, b1)), w2, b2)), w3, b3))


def test_a_residual_cnn_equals_the_function_written_by_hand():
    """Two skips into one value, one of them from the input of a block, and one across pooling's input."""
    layers = (Conv2d(2, 4), Activation("relu"), Conv2d(4, 4, padding=(1, 1), groups=4), BatchNorm(4))
    layers += (Activation("silu"), Conv2d(4, 4, padding=(1, 1), groups=2), GlobalAveragePool(), Linear(4, 3))
    network = random_network(chain((2, 8, 6), layers, (Skip(2, 4), Skip(1, 4), Skip(5, 6))), 1)
    p = {name: tensor[0] for name, tensor in network.parameters.items()}
    inputs = draw_inputs(5, 2, 8, 6)

    first = F.conv2d(inputs, p["0.weight"], p["0.bias"])
    second = F.relu(first)
    depthwise = F.conv2d(second, p["2.weight"], p["2.bias"], padding=1, groups=4)
    normed = F.batch_norm(depthwise, p["3.running_mean"], p["3.running_var"], p["3.weight"], p["3.bias"])
    block = F.silu(normed + second + first)
    grouped = F.conv2d(block, p["5.weight"], p["5.bias"], padding=1, groups=2) + block
    expected = F.linear(grouped.mean(dim=(2, 3)), p["7.weight"], p["7.bias"])
    assert_equal(network(inputs)[0], expected)


def test_a_skip_from_the_input_to_the_output_of_a_perceptron():
    layers = (Linear(3, 4), Activation("tanh"), Linear(4, 3))
    network = random_network(chain((3,), layers, (Skip(0, 3),)), 2)
    inputs = draw_inputs(4, 3)
    plain = Network(chain((3,), layers), network.parameters)
    assert_equal(network(inputs), plain(inputs) + inputs)


@pytest.mark.parametrize(
    "architecture", [siren((2, 6, 3)), small_cnn((1, 4, 4), image_size=(9, 8))], ids=["mlp", "cnn"]
)
def test_a_stack_equals_each_network_alone(architecture):
    network = random_network(architecture, 4)
    shared = draw_inputs(5, *architecture.input_shape)
    own = draw_inputs(4, 5, *architecture.input_shape)
    for i in range(4):
        assert_equal(network(shared)[i], network[i](shared)[0])
        assert_equal(network(own)[i], network[i](own[i])[0])


def test_values_are_the_input_and_every_layer_output():
    network = random_network(small_cnn((1, 4, 4), image_size=(8, 8)), 2)
    values = network.values(draw_inputs(3, 1, 8, 8))
    assert [tuple(value.shape) for value in values] == [(2, 3, *shape) for shape in network.architecture.shapes]


def test_a_2_2_1_network_by_hand():
    """W1 = [[1, 2], [3, 4]], b1 = [5, 6], relu, W2 = [[7, 8]], b2 = [9], at x = (1, -2).

    W1 x + b1 = (1 - 4 + 5, 3 - 8 + 6) = (2, 1); relu keeps both; 7 · 2 + 8 · 1 + 9 = 31.
    At x = (-4, 0): (-4 + 5, -12 + 6) = (1, -6); relu gives (1, 0); 7 + 9 = 16.
    """
    parameters = {
        "0.weight": torch.tensor([[[1.0, 2], [3, 4]]]),
        "0.bias": torch.tensor([[5.0, 6]]),
        "2.weight": torch.tensor([[[7.0, 8]]]),
        "2.bias": torch.tensor([[9.0]]),
    }
    values = Network(mlp((2, 2, 1)), parameters).values(torch.tensor([[1.0, -2], [-4, 0]]))
    assert values[1].tolist() == [[[2, 1], [1, -6]]]
    assert values[2].tolist() == [[[2, 1], [1, 0]]]
    assert values[3].tolist() == [[[31], [16]]]


def test_float32_agrees_with_float64():
    network = random_network(siren((2, 8, 1)), 3)
    inputs = draw_inputs(5, 2)
    result = network.to(dtype=torch.float32)(inputs.float())
    assert result.dtype == torch.float32
    torch.testing.assert_close(result.double(), network(inputs), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(4, 3), (2,), (1, 2, 3, 2)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeMismatchError, match=r"Expected inputs of shape \(batch, \*\(2,\)\), got"):
        random_network(mlp((2, 3, 1)), 2)(torch.zeros(shape, dtype=torch.float64))


def test_inputs_for_another_number_of_networks_are_refused():
    with pytest.raises(ShapeMismatchError, match="Expected inputs for 2 networks, got them for 3"):
        random_network(mlp((2, 3, 1)), 2)(torch.zeros(3, 5, 2, dtype=torch.float64))


@pytest.mark.parametrize(("skips", "at_most"), [((), 1), ((Skip(1, 3),), 2)])
def test_a_value_is_freed_after_its_last_use(skips, at_most, monkeypatch):
    made, alive = [], []

    def apply(*arguments, function=forward.apply_layer):
        alive.append(sum(reference() is not None for reference in made))
        value = function(*arguments)
        made.append(weakref.ref(value))
        return value

    monkeypatch.setattr(forward, "apply_layer", apply)
    network = random_network(chain((4,), (Linear(4, 4),) * 8, skips), 2)
    with torch.no_grad():
        network(draw_inputs(3, 4))
    assert max(alive) == at_most
    assert alive[-1] == 1


def test_the_output_is_the_last_value_bit_for_bit():
    network = random_network(chain((4,), (Linear(4, 4), Activation("tanh")) * 3, (Skip(0, 2), Skip(0, 5))), 2)
    inputs = draw_inputs(3, 4)
    assert torch.equal(network(inputs), network.values(inputs)[-1])
