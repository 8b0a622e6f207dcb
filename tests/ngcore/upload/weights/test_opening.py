"""Any file of weights is opened: its tensors, what is set aside, and numbers of every kind."""

import collections
import io
import pathlib

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from ngcore.errors import NeuralGraphError, TooLargeError, UnknownFormatError, UnsafeFileError
from ngcore.upload.weights import open_weights


class TwoBranches(nn.Module):
    """A network of which no chain can be made."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right = nn.Conv1d(2, 3, 5), nn.ConvTranspose2d(3, 2, 2)
        self.norm, self.table = nn.BatchNorm2d(2), nn.Embedding(7, 3)


def as_hdf5(state):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, tensor in state.items():
            file[name.replace(".", "/")] = tensor.numpy()
    return buffer.getvalue()


def write(kind, state, save_as):
    return as_hdf5(state) if kind == "hdf5" else save_as(kind, state)


@pytest.mark.parametrize("kind", ["safetensors", "npz", "torch", "hdf5"])
def test_a_network_that_is_no_chain_shows_its_weights(kind, save_as):
    state = TwoBranches().state_dict()
    file = open_weights(write(kind, state, save_as))
    tensors = {name.replace("/", "."): tensor for name, tensor in file.tensors.items()}
    assert tensors.keys() == state.keys() - {"norm.num_batches_tracked"}
    for name, tensor in tensors.items():
        assert np.array_equal(tensor.array(), state[name].numpy())
    assert [aside.reason for aside in file.aside] == ["counter of a batch norm"]


@pytest.mark.parametrize("kind", ["safetensors", "npz", "torch"])
def test_a_file_on_disk_is_the_same_as_its_bytes(kind, save_as, tmp_path):
    data = save_as(kind, TwoBranches().state_dict())
    (tmp_path / "weights").write_bytes(data)
    mapped, held = open_weights(tmp_path / "weights"), open_weights(data)
    assert mapped.sha256 == held.sha256 and mapped.shapes == held.shapes
    assert all(np.array_equal(mapped.tensors[name].array(), tensor.array()) for name, tensor in held.tensors.items())


def test_a_file_that_changes_while_it_is_open_is_refused(save_as, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(save_as("safetensors", {"0.weight": torch.ones(100, 100)}))
    file = open_weights(path)
    path.write_bytes(b"short")
    with pytest.raises(UnknownFormatError, match="changed"):
        file.tensors["0.weight"].array()


def test_tensors_stand_in_the_order_of_the_file(save_as):
    names = [f"{letter}.weight" for letter in "zebra"]
    file = open_weights(save_as("torch", {name: torch.ones(2, 2) for name in names}))
    assert list(file.tensors) == names


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_numbers_of_every_size_are_read(dtype):
    values = torch.tensor([[1.5, -2.0], [0.25, 96.0]])
    file = open_weights(safetensors.torch.save({"a": values.to(dtype)}))
    assert file.tensors["a"].array().tolist() == values.tolist()
    assert file.tensors["a"].summary.max == 96.0


def test_whole_numbers_are_set_aside(save_as):
    file = open_weights(save_as("torch", {"w": torch.ones(2, 2), "ids": torch.arange(5), "mask": torch.ones(2) > 0}))
    assert list(file.tensors) == ["w"]
    assert [(aside.name, aside.shape) for aside in file.aside] == [("ids", (5,)), ("mask", (2,))]


@pytest.mark.parametrize(
    ("scale_name", "scale", "factor"),
    [
        ("fc.weight_scale", torch.tensor([[2.0], [3.0]]), [[2.0], [3.0]]),
        ("fc.weight_scale", torch.tensor(0.5), 0.5),
        ("fc.SCB", torch.tensor([127.0, 254.0]), [[1.0], [2.0]]),
        ("fc.weight_scale_inv", torch.tensor([[2.0, 3.0]]), [2.0, 2.0, 3.0, 3.0]),
    ],
)
def test_small_whole_numbers_with_scales_are_the_numbers_they_stand_for(scale_name, scale, factor):
    whole = torch.tensor([[1, -2, 3, 4], [5, 6, -7, 8]], dtype=torch.int8)
    file = open_weights(safetensors.torch.save({"fc.weight": whole, scale_name: scale}))
    assert np.allclose(file.tensors["fc.weight"].array(), whole.numpy() * np.array(factor))
    assert [(aside.name, aside.reason) for aside in file.aside] == [(scale_name, "scale of fc.weight")]


def test_a_zero_point_is_subtracted_before_scaling():
    state = {
        "fc.weight": torch.full((2, 2), 130, dtype=torch.uint8),
        "fc.weight_scale": torch.tensor([1.0, 2.0]),
        "fc.weight_zero_point": torch.tensor([128, 128], dtype=torch.uint8),
    }
    file = open_weights(safetensors.torch.save(state))
    assert file.tensors["fc.weight"].array().tolist() == [[2.0, 2.0], [4.0, 4.0]]


def test_a_training_checkpoint_shows_the_weights_and_says_what_else_it_holds(save_as, small_mlp):
    optimiser = torch.optim.Adam(small_mlp.parameters())
    small_mlp(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    checkpoint = {
        "epoch": 3,
        "model": {f"module.{name}": tensor for name, tensor in small_mlp.state_dict().items()},
        "optimizer": optimiser.state_dict(),
    }
    file = open_weights(save_as("torch", checkpoint))
    assert list(file.tensors) == list(small_mlp.state_dict())
    assert file.notes == ("The weights stand under 'model.module' in the file.",)
    reasons = {aside.name: aside.reason for aside in file.aside}
    assert reasons["epoch"] == "no tensor"
    assert reasons["optimizer.state.0.exp_avg"] == "state of the optimiser"


def test_settings_beside_the_weights_are_no_obstacle(save_as, small_mlp):
    beside = {
        "log": collections.defaultdict(list, loss=[0.5, 0.25]),
        "path": pathlib.Path("x"),
        "device": torch.device("cpu"),
        "generator": np.random.RandomState(0).get_state(),
        "size": torch.Size([3, 2]),
    }
    file = open_weights(save_as("torch", {"state_dict": small_mlp.state_dict(), **beside}))
    assert list(file.tensors) == list(small_mlp.state_dict())


def test_a_file_that_torch_wrote_before_1_6_shows_its_weights(small_mlp):
    base = torch.arange(12.0)
    state = {**small_mlp.state_dict(), "half": torch.ones(3).half(), "view": base.view(3, 4).T, "row": base[4:8]}
    buffer = io.BytesIO()
    torch.save({"epoch": 3, "state_dict": state}, buffer, _use_new_zipfile_serialization=False)
    file = open_weights(buffer.getvalue())
    assert file.format == "legacy torch" and list(file.tensors) == list(state)
    assert all(np.array_equal(tensor.array(), state[name].float().numpy()) for name, tensor in file.tensors.items())
    with pytest.raises(NeuralGraphError, match="beyond its end"):
        open_weights(buffer.getvalue()[:-8])


def test_a_file_of_a_single_tensor_shows_it(save_as):
    assert open_weights(save_as("torch", torch.ones(3, 2))).shapes == {"tensor": (3, 2)}


def test_views_of_one_storage_and_columns_first_are_read_right(save_as, zipped, npy):
    base = torch.arange(12.0)
    file = open_weights(save_as("torch", {"a": base.view(3, 4).T, "b": base.view(4, 3)[1:]}))
    assert np.array_equal(file.tensors["a"].array(), base.view(3, 4).T.numpy())
    assert np.array_equal(file.tensors["b"].array(), base.view(4, 3)[1:].numpy())
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(open_weights(zipped({"a.npy": npy(columns)})).tensors["a"].array(), columns)


def test_compressed_arrays_are_read(npy):
    buffer = io.BytesIO()
    values = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    np.savez_compressed(buffer, a=values, names=np.array(["x", "y"]))
    file = open_weights(buffer.getvalue())
    assert np.array_equal(file.tensors["a"].array(), values)
    assert [aside.name for aside in file.aside] == ["names"]


def test_folded_and_wrapped_weights_are_one_tensor(save_as):
    module = nn.utils.parametrizations.weight_norm(nn.Linear(3, 2))
    file = open_weights(save_as("torch", {"state_dict": {"fc." + k: v for k, v in module.state_dict().items()}}))
    assert set(file.tensors) == {"fc.weight", "fc.bias"}
    assert np.allclose(file.tensors["fc.weight"].array(), module.weight.detach().numpy())


def test_names_that_look_alike_both_stay(save_as):
    file = open_weights(save_as("torch", {"a\x07.weight": torch.ones(2), "a.weight": torch.zeros(2)}))
    assert list(file.tensors) == ["a.weight", "a.weight (2)"]


def test_torch_files_are_not_read_in_public(save_as):
    with pytest.raises(UnsafeFileError, match="public server"):
        open_weights(save_as("torch", {"a": torch.ones(2)}), public=True)


def test_public_files_are_small(save_as):
    with pytest.raises(TooLargeError):
        open_weights(save_as("safetensors", {"a": torch.ones(5_000_000)}), public=True)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(50), b"{}", b"GGUF" + bytes(20)])
def test_what_is_no_file_of_weights_is_refused(data):
    with pytest.raises(NeuralGraphError):
        open_weights(data)
