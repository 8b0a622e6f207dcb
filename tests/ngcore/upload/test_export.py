"""Networks written with their architecture come back bit for bit, and no invented architecture is believed."""

import json

import pytest
import safetensors
import safetensors.torch
import torch

from ngcore.errors import ShapeMismatchError, UnsupportedNetworkError
from ngcore.networks import BatchNorm, Conv2d, Flatten, Linear, Skip, chain, mlp, siren, small_cnn, to_module
from ngcore.testing import random_network
from ngcore.upload import export_network, read_network
from ngcore.upload.export import ARCHITECTURE_KEY, parse_architecture

RESIDUAL = chain(
    (2, 4, 4), (Conv2d(2, 2, padding=(1, 1), groups=2), BatchNorm(2, 1e-3), Flatten(), Linear(32, 1)), (Skip(0, 2),)
)


@pytest.mark.parametrize("architecture", [siren((2, 5, 3)), mlp((3, 4, 4, 2), "gelu"), small_cnn((1, 3)), RESIDUAL])
def test_an_exported_network_is_read_back_bit_for_bit_without_a_question(architecture):
    network = random_network(architecture, dtype=torch.float32)
    upload = read_network(export_network(network))
    assert upload.network.equals(network)
    assert upload.notes == ("The architecture was read from the file itself.",)


def test_the_file_is_also_a_state_dict_for_torch(tmp_path):
    network = random_network(siren((2, 5, 3)), dtype=torch.float32)
    data = export_network(network, tmp_path / "network.safetensors")
    assert (tmp_path / "network.safetensors").read_bytes() == data
    module = to_module(random_network(siren((2, 5, 3)), seed=1, dtype=torch.float32))
    module.load_state_dict(safetensors.torch.load(data))
    x = torch.rand(4, 2)
    assert torch.allclose(module(x), network(x)[0], atol=1e-6)


def test_a_stack_of_several_is_not_exported():
    with pytest.raises(ShapeMismatchError, match=r"Expected one network to export, got a stack of 2\."):
        export_network(random_network(siren((2, 5, 3)), 2))


def test_tensors_that_are_not_those_of_the_architecture_are_refused():
    state = {"0.weight": torch.ones(3, 2), "0.bias": torch.ones(4)}
    text = json.dumps(mlp((2, 3)).to_dict())
    with pytest.raises(UnsupportedNetworkError) as caught:
        read_network(safetensors.torch.save(state, {ARCHITECTURE_KEY: text}))
    assert str(caught.value) == (
        "The architecture in the file expects a tensor of shape (3,) called '0.bias', the file holds a tensor of "
        "shape (4,)."
    )


LINEAR = {"kind": "linear", "in_features": 2, "out_features": 1, "bias": True}
CONV = {"kind": "conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": [3, 3], "stride": [0, 1]} | {
    "padding": [0, 0],
    "groups": 1,
    "bias": False,
}


NO_SHAPE = "its input_shape is no shape of a vector or of an image of reasonable size"


def described(*, input_shape=(2,), layers=(LINEAR,), skips=()):
    return json.dumps({"input_shape": input_shape, "layers": layers, "skips": skips})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "it is no object"),
        ("{}", "it does not consist of input_shape, layers and skips, or of input_shapes, steps and outputs"),
        (described(input_shape=[2, 2]), NO_SHAPE),
        (described(input_shape=[1, 1, 10**6]), NO_SHAPE),
        (described(layers=[LINEAR] * 501), "layers and skips are no lists of at most 500"),
        (described(layers=[{"kind": ["linear"]}]), "layer 0 is not described as a supported layer"),
        (described(layers=[LINEAR | {"in_features": True}]), "layer 0 is not described as a supported layer"),
        (described(layers=[LINEAR | {"hook": "os.system"}]), "layer 0 is not described as a supported layer"),
        (described(layers=[CONV]), "layer 0 is not described as a supported layer"),
        (described(skips=[{"source": "0", "target": 1}]), "a skip is not described by a source and a target"),
        (
            described(input_shape=[3]),
            "Expected a value of shape (2,) before Linear(in_features=2, out_features=1, bias=True), got (3,)",
        ),
    ],
)
def test_an_architecture_that_is_none_is_refused(text, reason):
    with pytest.raises(UnsupportedNetworkError) as caught:
        parse_architecture(text)
    assert str(caught.value) == f"The architecture in the file cannot be used: {reason}."


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_in_the_file_are_never_written(tmp_path, number):
    import torch

    from ngcore.errors import NotFiniteError
    from ngcore.networks import Network, mlp
    from ngcore.upload import export_network, export_stack

    architecture = mlp((2, 2, 1))
    flat = torch.zeros(1, architecture.num_parameters, dtype=torch.float64)
    flat[0, 3] = number
    network = Network.unflatten(architecture, flat)
    with pytest.raises(NotFiniteError, match="Expected finite weights in a network to export, got infinity or NaN"):
        export_network(network, tmp_path / "x.safetensors")
    with pytest.raises(NotFiniteError):
        export_stack(network, ["x"], tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())
