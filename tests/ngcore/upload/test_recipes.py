"""The recipes that convert files of other kinds, each run on a file of its kind."""

import collections
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from ngcore.upload import Hints, read_network, recipes

GEOMETRY = {"activation": "relu", "stride": 1, "padding": 0, "input_size": (4, 4)}


def run(recipe, folder, monkeypatch):
    """Run a recipe as it stands where its file lies, and return the path of what it wrote."""
    monkeypatch.chdir(folder)
    exec(compile(recipe, "<recipe>", "exec"), {})
    return folder / "model.npz"


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def shared():
    """Two layers with one weight, which is not contiguous."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    module[0].weight = module[2].weight = nn.Parameter(torch.randn(3, 3).T)
    return module


def saved(kind, path):
    """A module, written in one of the ways that this project does not read."""
    module = shared() if kind == "shared and not contiguous" else mlp()
    state = module.state_dict()
    match kind:
        case "legacy" | "shared and not contiguous":
            torch.save(state, path, _use_new_zipfile_serialization=False)
        case "whole module":
            torch.save(module, path)
        case "checkpoint":
            torch.save({"epoch": 3, "model": {"state_dict": state}, "best": np.float64(0.5)}, path)
        case "checkpoint of a module":
            torch.save({"network": module, "args": types.SimpleNamespace(lr=0.1)}, path)
        case "half precision":
            torch.save(collections.OrderedDict((k, v.bfloat16()) for k, v in state.items()), path)
        case "torchscript":
            torch.jit.script(module).save(str(path))
    return module.bfloat16().float() if kind == "half precision" else module


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*TorchScript.*:UserWarning")
@pytest.mark.parametrize(
    "kind",
    [
        "legacy",
        "shared and not contiguous",
        "whole module",
        "checkpoint",
        "checkpoint of a module",
        "half precision",
        "torchscript",
    ],
)
def test_torch_files_of_all_kinds_are_converted(kind, tmp_path, monkeypatch):
    module = saved(kind, tmp_path / "model.pt")
    written = run(recipes.TORCH_TO_NPZ, tmp_path, monkeypatch).read_bytes()
    network = read_network(written, hints=Hints(activation="relu")).network
    x = torch.randn(5, 3)
    torch.testing.assert_close(network(x)[0], module(x))


def test_a_recipe_names_the_file_and_runs_as_it_is_copied(tmp_path, monkeypatch):
    module = saved("whole module", tmp_path / "net-3 (best).pt")
    recipe = recipes.for_file(recipes.TORCH_TO_NPZ, "net-3 (best).pt")
    written = run(recipe, tmp_path, monkeypatch).read_bytes()
    network = read_network(written, hints=Hints(activation="relu")).network
    x = torch.randn(5, 3)
    torch.testing.assert_close(network(x)[0], module(x))


@pytest.mark.parametrize("name", ['a"+__import__("os").system("x")+".pt', "a\nb.pt", "a\\.pt", "é.pt", "", "a" * 300])
def test_a_name_that_code_should_not_hold_is_left_out_of_a_recipe(name):
    assert recipes.for_file(recipes.TORCH_TO_NPZ, name) == recipes.TORCH_TO_NPZ


def test_torch_files_from_a_gpu_are_loaded_on_the_cpu():
    assert 'map_location="cpu"' in recipes.TORCH_TO_NPZ


def test_a_pickle_of_arrays_is_converted(tmp_path, monkeypatch):
    arrays = {"0.weight": np.eye(3), "0.bias": [1, 2, 3]}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(arrays))
    network = read_network(run(recipes.PICKLE_TO_NPZ, tmp_path, monkeypatch).read_bytes()).network
    assert network(torch.zeros(1, 3)).flatten().tolist() == [1, 2, 3]


def test_single_arrays_are_put_into_one_file(tmp_path, monkeypatch):
    np.save(tmp_path / "weight.npy", np.eye(2))
    np.save(tmp_path / "bias.npy", np.array([1.0, 2.0]))
    network = read_network(run(recipes.ARRAY_TO_NPZ, tmp_path, monkeypatch).read_bytes()).network
    assert network(torch.zeros(1, 2)).flatten().tolist() == [1, 2]


# Keras, by stand-ins that hand out weights as it does -------------------------------------------


def numbers(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype("float32")


class Layer:
    """A layer of Keras: its class is its kind, its weights are in Keras's order of axes."""

    scale = center = True
    name = "layer"
    epsilon = 1e-3

    def __init__(self, *weights, shape=()):
        self.weights, self.input = list(weights), types.SimpleNamespace(shape=shape)

    def get_weights(self):
        return list(self.weights)


def keras_layer(kind, *weights, **options):
    return type(kind, (Layer,), {})(*weights, **options)


def stand_in(name, **contents):
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    return module


def test_a_convolutional_keras_model_computes_the_same_once_converted(tmp_path, monkeypatch):
    kernel, bias, dense = numbers(3, 3, 1, 2), numbers(2), numbers(2 * 2 * 2, 3)
    statistics = (np.ones(2), np.zeros(2), numbers(2), np.array([1.5, 0.5]))
    layers = [
        keras_layer("InputLayer"),
        keras_layer("Conv2D", kernel, bias),
        keras_layer("BatchNormalization", *statistics),
        keras_layer("ReLU"),
        keras_layer("Flatten", shape=(None, 2, 2, 2)),
        keras_layer("Dense", dense, np.zeros(3)),
    ]
    saving = types.SimpleNamespace(load_model=lambda path: types.SimpleNamespace(layers=layers))
    monkeypatch.setitem(sys.modules, "keras", stand_in("keras", saving=saving))
    written = run(recipes.KERAS_TO_NPZ, tmp_path, monkeypatch).read_bytes()
    network = read_network(written, hints=Hints(**GEOMETRY)).network

    image = numbers(4, 4)
    maps = np.stack(
        [[(image[i : i + 3, j : j + 3, None, None] * kernel).sum((0, 1, 2)) for j in (0, 1)] for i in (0, 1)]
    )
    maps = np.maximum((maps + bias - statistics[2]) / np.sqrt(statistics[3] + 1e-3), 0)
    expected = maps.reshape(-1) @ dense  # height, width, channels: as Keras flattens
    found = network(torch.from_numpy(image)[None, None]).flatten().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_keras_layer_without_a_counterpart_stops_the_recipe_in_words(tmp_path, monkeypatch):
    layers = [keras_layer("LSTM", numbers(2, 8))]
    saving = types.SimpleNamespace(load_model=lambda path: types.SimpleNamespace(layers=layers))
    monkeypatch.setitem(sys.modules, "keras", stand_in("keras", saving=saving))
    with pytest.raises(SystemExit, match=r"^layer is a LSTM, which this recipe does not convert\.$"):
        run(recipes.KERAS_TO_NPZ, tmp_path, monkeypatch)
