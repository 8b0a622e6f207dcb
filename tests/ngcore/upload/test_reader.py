"""Honest files of every format become the networks they hold."""

import hashlib

import pytest
import torch
from torch import nn

from ngcore.errors import UploadError
from ngcore.networks.sequential import Sine
from ngcore.upload import FORMATS, Hints, TensorInfo, read_network

FORMAT_NAMES = ["safetensors", "npz", "torch"]

RELU = Hints(activation="relu", convention="dws")


def assert_same_function(network, module):
    """Compare an uploaded network with the torch module it came from, on random inputs in float64."""
    x = torch.rand(5, *network.architecture.input_shape, dtype=torch.float64)
    with torch.no_grad():
        expected = module.double()(x)
    torch.testing.assert_close(network.to(dtype=torch.float64)(x)[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_convolutional_network_computes_what_its_torch_module_does(name, save_as, small_cnn_module):
    hints = Hints(activation="relu", stride=(2, 2, 1), padding=(1, 1, 0), input_size=(8, 8))
    upload = read_network(save_as(name, small_cnn_module.state_dict()), hints=hints)
    assert upload.format == name
    assert_same_function(upload.network, small_cnn_module)


@pytest.mark.parametrize("name", FORMAT_NAMES[:2])
def test_a_siren_computes_what_its_torch_module_does(name, save_as):
    module = nn.Sequential(nn.Linear(2, 8), Sine(30.0), nn.Linear(8, 8), Sine(30.0), nn.Linear(8, 3))
    upload = read_network(save_as(name, module.state_dict()), hints=Hints(activation="sine", convention="dws"))
    assert upload.network.architecture.name == "2-8-8-3 sine"
    assert_same_function(upload.network, module)


def test_public_servers_read_safetensors_and_npz_too(save_as, small_mlp):
    for name in FORMAT_NAMES[:2]:
        upload = read_network(save_as(name, small_mlp.state_dict()), hints=RELU, public=True)
        assert_same_function(upload.network, small_mlp)
        small_mlp.float()


def test_the_upload_says_what_there_is_to_know_about_the_file(save_as, small_mlp):
    data = save_as("npz", small_mlp.state_dict())
    upload = read_network(data, filename="my\x00 net.npz", hints=Hints(activation="tanh", convention="dws"))
    assert (upload.sha256, upload.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert upload.filename == "my net.npz"
    assert upload.tensors[0] == TensorInfo("0.weight", (4, 2), "float32")
    assert upload.notes == (
        "The layers (2 linear) were put in order by the numbers in their names.",
        "Activation tanh, as stated; none is assumed after the last layer.",
        "No skip connections and no max pooling are assumed, as a state dict does not show them.",
        "Its inputs and outputs are coordinates (x, y) from -1 to 1, black at -0.5 and white at 0.5, as stated.",
    )


def test_the_name_of_a_file_does_not_decide_its_format(save_as, small_mlp):
    data = save_as("safetensors", small_mlp.state_dict())
    assert read_network(data, filename="weights.npz", hints=RELU).format == "safetensors"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_become_float32_and_that_is_said(dtype, save_as, small_mlp):
    state = {name: tensor.to(dtype) for name, tensor in small_mlp.state_dict().items()}
    upload = read_network(save_as("safetensors", state), hints=RELU)
    assert upload.network.dtype == torch.float32
    assert torch.equal(upload.network.parameters["0.weight"][0], state["0.weight"].float())
    assert f"Numbers were converted from {str(dtype).removeprefix('torch.')} to float32." in upload.notes


def test_arrays_with_columns_first_and_of_the_other_byte_order_are_read(zipped, npy, small_mlp):
    arrays = {name: tensor.numpy() for name, tensor in small_mlp.state_dict().items()}
    entries = {
        f"{name}.npy": npy(array.astype(">f8", order="F") if array.ndim > 1 else array)
        for name, array in arrays.items()
    }
    upload = read_network(zipped(entries), hints=RELU)
    assert_same_function(upload.network, small_mlp)


def test_formats_are_tried_in_a_fixed_order():
    assert [file_format.name for file_format in FORMATS] == [
        *FORMAT_NAMES,
        "legacy torch",
        "keras",
        "hdf5",
        "ONNX",
        "torch.export",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"activation": "swish"},
            "Expected activation to be one of none, relu, gelu, silu, tanh, sigmoid, leaky_relu, sine, got swish.",
        ),
        ({"stride": 0}, "Expected stride to be between 1 and 4096, got 0."),
        ({"padding": (1, -1)}, "Expected padding to be between 0 and 4096, got (1, -1)."),
        ({"omega_0": float("nan")}, "Expected omega_0 to be a finite number, got nan."),
    ],
)
def test_hints_out_of_range_are_refused(fields, message):
    with pytest.raises(UploadError) as caught:
        Hints(**fields)
    assert str(caught.value) == message
