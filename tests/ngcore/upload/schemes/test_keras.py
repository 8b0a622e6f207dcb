"""Keras models are read whole from archives and weights; the reference has channels last, too."""

import io
import json

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from ngcore.errors import AmbiguousNetworkError, UnsupportedNetworkError, UploadError
from ngcore.graph import to_graph, to_network
from ngcore.networks import draw_permutation, permute_hidden, to_state_dict
from ngcore.upload import Hints, read_network

INPUT = {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 9, 8, 2]}}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed + len(shape) + sum(shape)).normal(size=shape, scale=0.5).astype(np.float32)


def statistics(width):
    return [1 + numbers(width), numbers(width, seed=1), numbers(width, seed=2), 0.5 + numbers(width, seed=3) ** 2]


def h5_of(tensors):
    """The bytes of an HDF5 file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, tensor in tensors.items():
            file[name] = tensor
    return buffer.getvalue()


@pytest.fixture
def archive(zipped):
    """`archive(model, tensors)`: a .keras file."""

    def write(model, tensors):
        parts = {"metadata.json": b"{}", "config.json": json.dumps(model).encode(), "model.weights.h5": h5_of(tensors)}
        return zipped(parts)

    return write


def layer(kind, name="own", **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def sequential(*layers):
    return {"class_name": "Sequential", "config": {"layers": list(layers)}}


WEIGHTS = {
    "layers/conv2d/vars/0": numbers(3, 3, 2, 4),
    "layers/conv2d/vars/1": numbers(4),
    **{f"layers/batch_normalization/vars/{i}": tensor for i, tensor in enumerate(statistics(4))},
    "layers/depthwise_conv2d/vars/0": numbers(3, 3, 4, 1),
    "layers/dense/vars/0": numbers(3 * 2 * 4, 5),
    "layers/dense/vars/1": numbers(5),
    "layers/dense_1/vars/0": numbers(5, 3),
}
SAME = {"padding": "same", "strides": [2, 2]}
LAYERS = [
    INPUT,
    layer("Conv2D", **SAME, activation="relu"),
    layer("BatchNormalization", epsilon=1e-3, axis=-1),
    layer("DepthwiseConv2D", padding="same", strides=[1, 1], activation="linear"),
    layer("Activation", activation="swish"),
    layer("Dropout", rate=0.5),
    layer("MaxPooling2D", pool_size=[2, 2], strides=[2, 2], padding="valid"),
    layer("ZeroPadding2D", padding=[[1, 0], [0, 0]]),
    layer("Flatten"),
    layer("Dense", activation="tanh"),
    layer("Dense", use_bias=False, activation="softmax"),
]


def reference(image, weights, *, has_ending=True):
    """The model by hand; `image` is (batch, height, width, channels), as Keras has it."""
    w = {name: torch.from_numpy(tensor).double() for name, tensor in weights.items()}
    x = image.permute(0, 3, 1, 2)
    x = functional.pad(x, (0, 1, 1, 1))  # 9 × 8 in steps of 2 with a kernel of 3: (1, 1) rows, (0, 1) columns
    x = functional.conv2d(x, w["layers/conv2d/vars/0"].permute(3, 2, 0, 1), w["layers/conv2d/vars/1"], stride=2).relu()
    scale, shift, mean, var = (w[f"layers/batch_normalization/vars/{i}"][:, None, None] for i in range(4))
    x = (x - mean) / (var + 1e-3).sqrt() * scale + shift
    x = functional.silu(
        functional.conv2d(x, w["layers/depthwise_conv2d/vars/0"].permute(2, 3, 0, 1), padding=1, groups=4)
    )
    x = functional.pad(functional.max_pool2d(x, 2), (0, 0, 1, 0))
    x = x.permute(0, 2, 3, 1).flatten(1)
    x = torch.tanh(x @ w["layers/dense/vars/0"] + w["layers/dense/vars/1"])
    return torch.softmax(x @ w["layers/dense_1/vars/0"], dim=1)


def assert_same(upload, inputs, expected, weights):
    network = upload.network.to(dtype=torch.float64)
    moved = permute_hidden(network, draw_permutation(network, torch.Generator().manual_seed(1)))
    assert torch.allclose(network(inputs)[0], expected, rtol=1e-9, atol=1e-9)
    assert torch.allclose(moved(inputs)[0], expected, rtol=1e-9, atol=1e-9)
    assert to_network(to_graph(upload.network)).equals(upload.network)
    back = to_state_dict(upload.network)
    assert back.keys() == weights.keys()
    assert all(np.array_equal(back[name].numpy(), tensor) for name, tensor in weights.items())


def test_an_archive_is_read_as_its_config_says(archive):
    upload = read_network(archive(sequential(*LAYERS), WEIGHTS))
    image = torch.randn(2, 9, 8, 2, dtype=torch.float64)
    assert_same(upload, image.permute(0, 3, 1, 2), reference(image, WEIGHTS), WEIGHTS)


def test_a_model_with_branches_is_read_as_its_config_says(archive):
    def after(fields, *names):
        history = [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names]
        return fields | {"inbound_nodes": [{"args": history, "kwargs": {}}]}

    layers = [
        layer("InputLayer", "in", batch_shape=[None, 4]),
        after(layer("Dense", "a", activation="relu"), "in"),
        after(layer("Dense", "b"), "in"),
        after(layer("Add", "sum"), "a", "b"),
        after(layer("Concatenate", "all"), "sum", "a"),
        after(layer("Dense", "out"), "all"),
    ]
    model = {"class_name": "Functional", "config": {"layers": layers, "output_layers": [["out", 0, 0], ["sum", 0, 0]]}}
    weights = {"layers/dense/vars/0": numbers(4, 3), "layers/dense_1/vars/0": numbers(4, 3, seed=1)}
    weights |= {"layers/dense_2/vars/0": numbers(6, 2), "layers/dense_2/vars/1": numbers(2)}
    upload = read_network(archive(model, weights))
    x = torch.randn(2, 4, dtype=torch.float64)
    a, b, out = (torch.from_numpy(weights[f"layers/dense{n}/vars/0"]).double() for n in ("", "_1", "_2"))
    first = (x @ a).relu()
    both = first + x @ b
    expected = torch.cat([both, first], dim=1) @ out + torch.from_numpy(weights["layers/dense_2/vars/1"])
    results = upload.network.to(dtype=torch.float64)(x)
    assert torch.allclose(results[0][0], expected)
    assert torch.allclose(results[1][0], both)


@pytest.mark.parametrize("name", ["model_weights/{0}/{0}/{1}:0", "{0}/sequential/{0}/{1}", "layers/{0}/vars/{2}"])
def test_weights_alone_are_read_as_a_chain_with_channels_last(name):
    weights = {
        name.format("conv2d", "kernel", 0): numbers(3, 3, 2, 4),
        name.format("conv2d", "bias", 1): numbers(4),
        name.format("dense", "kernel", 0): numbers(3 * 2 * 4, 5),
        name.format("dense", "bias", 1): numbers(5),
        name.format("dense_1", "kernel", 0): numbers(5, 3),
        name.format("dense_1", "bias", 1): numbers(3),
    }
    conv, bias, first, shift, second, end = (torch.from_numpy(tensor).double() for tensor in weights.values())
    hints = Hints(activation="relu", stride=2, padding=0, input_size=(7, 5))
    upload = read_network(h5_of(weights), hints=hints)
    image = torch.randn(2, 7, 5, 2, dtype=torch.float64)
    x = functional.conv2d(image.permute(0, 3, 1, 2), conv.permute(3, 2, 0, 1), bias, stride=2).relu()
    x = (x.permute(0, 2, 3, 1).flatten(1) @ first + shift).relu() @ second + end
    stored = {key.removeprefix("model_weights/"): tensor for key, tensor in weights.items()}
    assert_same(upload, image.permute(0, 3, 1, 2), x, stored)


def test_a_chain_of_which_the_activation_is_not_known_is_asked_about():
    weights = {"dense/dense/kernel:0": numbers(4, 5), "dense_1/dense_1/kernel:0": numbers(5, 3)}
    with pytest.raises(AmbiguousNetworkError) as caught:
        read_network(h5_of(weights))
    assert "activation" in {question.field for question in caught.value.questions}


def test_norms_of_a_chain_have_the_eps_of_keras():
    weights = {
        f"batch_normalization/batch_normalization/{role}:0": tensor
        for role, tensor in zip(("gamma", "beta", "moving_mean", "moving_variance"), statistics(5), strict=True)
    }
    weights |= {"dense/dense/kernel:0": numbers(4, 5), "dense_1/dense_1/kernel:0": numbers(5, 3)}
    hints = Hints(activation="relu", activation_side="after_norm")
    upload = read_network(h5_of(weights), hints=hints)
    assert upload.network.architecture.layers[1].eps == 1e-3
    assert "Norms are taken to have eps = 0.001, as Keras has it; the file does not say." in upload.notes


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (sequential(*LAYERS[:-1], layer("Attention", "odd")), "its layer 'odd' is of the kind Attention, which is not"),
        (sequential(*LAYERS[:-1]), "'layers/dense_1/vars/0' has no place there"),
        (sequential(*LAYERS, layer("Dense", "more")), "there are no weights of its layer 'more'"),
        (sequential(INPUT, layer("Dense")), "what its config says does not fit: Expected a value of shape (24, …)"),
        ({"class_name": "Other"}, "it is a Other, not a Sequential or Functional model"),
        ({"class_name": "Sequential"}, "its config does not say config"),
        ({"class_name": "Sequential", "config": {"layers": 3}}, "its config cannot be used"),
        ([], "its config cannot be used"),
        (sequential(INPUT, layer("Conv2D", strides="x")), "its config"),
    ],
)
def test_a_model_that_is_not_read_is_refused_with_its_reason_and_a_way_to_convert_it(model, message, archive):
    with pytest.raises(UnsupportedNetworkError, match="It is a Keras model, but") as caught:
        read_network(archive(model, WEIGHTS))
    assert message in str(caught.value)
    assert "import keras" in caught.value.recipe


def test_an_hdf5_file_of_other_names_is_refused_with_a_way_to_convert_it():
    with pytest.raises(UploadError) as caught:
        read_network(h5_of({"measurements": numbers(4, 5)}))
    assert "import keras" in caught.value.recipe
