"""Hostile and broken files, made here, each refused by its rule before it can do harm."""

import dataclasses
import os
import pickle
import warnings
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from refusals import assert_refused

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError, UploadError
from ngcore.networks import Activation, Conv2d, GlobalAveragePool, Linear, Skip, chain
from ngcore.testing import random_network
from ngcore.upload import Hints, export_network, read_network, reader
from ngcore.upload.limits import LOCAL
from ngcore.upload.recipes import ARRAY_TO_NPZ, CONVERT, KERAS_TO_NPZ, PICKLE_TO_NPZ, TORCH_TO_NPZ
from ngcore.upload.shapes import check_architecture

RELU = Hints(activation="relu", convention="dws")
NAMES = "safetensors, npz, torch, legacy torch, keras, hdf5, ONNX, torch.export"


class Bomb:
    """An object whose unpickling would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def canary(tmp_path):
    """A path that exists after the test only if something was run, which fails the test."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


# No format ----------------------------------------------------------------------------------------------------------


def test_an_empty_file_is_refused():
    assert_refused(UnknownFormatError, "Expected a file with the weights of a network, got an empty one.", b"")


@pytest.mark.parametrize("data", [b"\0", b"hello", b"\xff" * 100, b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_bytes_of_no_format_are_refused(data):
    message = f"Expected a file of one of the formats {NAMES}, got one that starts like none of them."
    assert_refused(UnknownFormatError, message, data)


def test_a_file_above_the_limit_is_refused():
    message = "Expected a file of at most 67,108,864 bytes, got 67,108,865."
    assert_refused(TooLargeError, message, bytes(64 * 2**20 + 1))
    assert_refused(
        TooLargeError, "Expected a file of at most 16,777,216 bytes, got 16,777,217.", bytes(2**24 + 1), public=True
    )


@pytest.mark.parametrize(
    ("head", "start", "recipe"),
    [
        (b"\x93NUMPY\x01\x00", "This is a single NumPy array.", ARRAY_TO_NPZ),
        (b"\x08\x01\x12\xff\x01", "This is a TensorFlow SavedModel", KERAS_TO_NPZ),
        (b"\x1c\0\0\0TFL3", "This is a TensorFlow Lite model", ""),
        (b"GGUF\x03\0\0\0", "This is a GGUF file of a language model", ""),
    ],
)
def test_known_formats_that_are_not_read_are_refused_with_a_way_to_convert_them(head, start, recipe):
    with pytest.raises(UnknownFormatError) as caught:
        read_network(head + bytes(100))
    assert str(caught.value).startswith(start)
    assert caught.value.recipe == recipe


@pytest.mark.parametrize("data", [b"\x89HDF\r\n\x1a\n" + bytes(100), b"\x89HDF\r\n\x1a\n"])
def test_a_damaged_hdf5_file_is_refused(data):
    with pytest.raises(UploadError):
        read_network(data)


def test_a_keras_archive_without_weights_is_refused(zipped):
    data = zipped({"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b""})
    message = "This Keras archive is damaged: its model.weights.h5 is no HDF5 file."
    assert_refused(UnknownFormatError, message, data, filename="weights.npz", recipe=KERAS_TO_NPZ)


# Pickles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_bare_pickle_is_refused_and_not_run(protocol, canary):
    data = pickle.dumps(Bomb(canary), protocol=protocol)
    message = f"This is a bare pickle, which can run code when loaded; it was not. {CONVERT}"
    assert_refused(UnknownFormatError, message, data, filename="model.pt", recipe=PICKLE_TO_NPZ)


def test_a_torch_file_that_calls_the_shell_is_refused_and_not_run(save_as, canary):
    data = save_as("torch", {"0.weight": torch.ones(1, 1), "1": Bomb(canary)})
    assert_refused(
        UnsafeFileError,
        "Expected a state dict of plain tensors, got a file that would call 'posix.system'; it was not run. " + CONVERT,
        data,
        recipe=TORCH_TO_NPZ,
    )


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (b"\x80\x02cbuiltins\neval\n.", "a file that would call 'builtins.eval'"),
        (b"\x80\x02ctorch.storage\n_load_from_bytes\n.", "a file that would call 'torch.storage._load_from_bytes'"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "a pickle with the operation SHORT_BINUNICODE"),
        (b"\x80\x02(S'x'\nios\nsystem\n.", "a pickle with the operation STRING"),
        (b"\x80\x02(ios\nsystem\n.", "a pickle with the operation INST"),
        (b"\x80\x02]\x94.", "a pickle with the operation MEMOIZE"),
        (b"\x80\x02\x82\x01.", "a pickle with the operation EXT1"),
    ],
)
def test_a_pickle_with_anything_but_tensors_is_refused(code, what, zipped):
    message = f"Expected a state dict of plain tensors, got {what}; it was not run. " + CONVERT
    assert_refused(UnsafeFileError, message, zipped({"archive/data.pkl": code}), recipe=TORCH_TO_NPZ)


def test_a_saved_module_is_refused_with_a_way_to_convert_it(save_as, small_mlp):
    with pytest.raises(UnsafeFileError, match=r"would call 'torch.nn.modules.container.Sequential'"):
        read_network(save_as("torch", small_mlp))


@pytest.mark.parametrize(
    "code", [b"", b"\x80\x02}", b"\x80\x02X\xff\xff\xff\x7fab.", b"\xfe.", b"\x80\x02X\1\0\0\0\xff."]
)
def test_a_damaged_pickle_is_refused(code, zipped):
    message = "This torch file is damaged: its pickle cannot be read."
    assert_refused(UnknownFormatError, message, zipped({"archive/data.pkl": code}))


def test_a_second_pickle_behind_the_first_is_refused(zipped):
    message = "The pickle of this torch file is followed by something else."
    assert_refused(UnsafeFileError, message, zipped({"archive/data.pkl": b"\x80\x02}.cos\nsystem\n."}))


def test_a_pickle_of_too_many_bytes_is_refused(zipped):
    message = "Expected a pickle of at most 5,242,880 bytes, got 5,242,881."
    assert_refused(TooLargeError, message, zipped({"archive/data.pkl": bytes(5 * 2**20 + 1)}))


def test_a_torchscript_program_is_refused(zipped):
    message = f"This is a TorchScript program (torch.jit.save), not a state dict. {CONVERT}"
    data = zipped({"archive/data.pkl": b"\x80\x02}.", "archive/constants.pkl": b""})
    assert_refused(UnsupportedNetworkError, message, data, recipe=TORCH_TO_NPZ)


def test_public_servers_refuse_torch_files(save_as, small_mlp):
    message = f"Torch files are not read on a public server. {CONVERT}"
    data = save_as("torch", small_mlp.state_dict())
    assert_refused(UnsafeFileError, message, data, public=True, recipe=TORCH_TO_NPZ)


def test_arrays_of_objects_are_refused_and_not_run(zipped, npy, canary):
    data = zipped({"0.weight.npy": npy(np.array([Bomb(canary)], dtype=object))})
    assert_refused(
        UnsafeFileError,
        "The array '0.weight.npy' holds Python objects, which could run code when read. "
        "Save numbers only: np.savez(path, **{name: array.astype('float32')}).",
        data,
    )


# Archives -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../0.weight.npy", "/0.weight.npy", "a/../../b.npy", "a\\b.npy", "C:b.npy"])
def test_names_that_lead_out_of_an_archive_are_refused(name, zipped, npy):
    message = f"Expected names inside the archive, got {name!r}, which may lead out."
    assert_refused(UnsafeFileError, message, zipped({name: npy(np.ones(1))}))


def test_a_name_that_occurs_twice_in_an_archive_is_refused(zipped, npy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = zipped([("0.weight.npy", npy(np.ones(1))), ("0.weight.npy", npy(np.zeros(1)))])
    assert_refused(UnsafeFileError, "The archive names '0.weight.npy' twice.", data)


def test_a_link_in_an_archive_is_refused(zipped):
    link = zipfile.ZipInfo("0.weight.npy")
    link.external_attr = 0o120777 << 16
    data = zipped([(link, b"/etc/hostname")])
    assert_refused(UnsafeFileError, "Expected plain entries, got the link '0.weight.npy'.", data)


def test_an_encrypted_entry_is_refused(zipped, npy):
    data = bytearray(zipped({"0.weight.npy": npy(np.ones(1))}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert_refused(UnsafeFileError, "Expected plain entries, got the encrypted '0.weight.npy'.", bytes(data))


def test_a_zip_bomb_is_refused(zipped, npy):
    data = zipped({"0.weight.npy": npy(np.zeros((2000, 2000)))}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeFileError, match=r"The archive grows from [\d,]+ to 32,000,128 bytes, as only a zip bomb"):
        read_network(data)


def test_an_archive_that_would_unpack_to_too_much_is_refused(zipped):
    entries = {f"{i}.npy": b"\x93NUMPY" + bytes(2**20) for i in range(33)}
    assert_refused(
        TooLargeError,
        "Expected an archive of at most 33,554,432 bytes unpacked, got 34,603,206.",
        zipped(entries, compression=zipfile.ZIP_DEFLATED),
        public=True,
    )


def test_an_archive_of_too_many_entries_is_refused(zipped):
    data = zipped({f"{i}.npy": b"" for i in range(2_001)})
    assert_refused(TooLargeError, "Expected an archive of at most 2,000 entries, got more.", data)


def test_unusual_compression_is_refused(zipped, npy):
    data = zipped({"0.weight.npy": npy(np.ones(1))}, compression=zipfile.ZIP_LZMA)
    assert_refused(
        UnsafeFileError, "Expected stored or deflated entries, got compression method 14 of '0.weight.npy'.", data
    )
    data = zipped({"archive/data.pkl": b"\x80\x02}."}, compression=zipfile.ZIP_DEFLATED)
    assert_refused(UnsafeFileError, "Expected stored entries, got compression method 8 of 'archive/data.pkl'.", data)


def test_truncated_and_corrupt_archives_are_refused(save_as, small_mlp):
    data = save_as("npz", small_mlp.state_dict())
    assert_refused(
        UnknownFormatError, "This archive is damaged: its list of entries cannot be read.", data[: len(data) // 2]
    )
    corrupt = bytearray(data)
    corrupt[200] ^= 0xFF
    assert_refused(UnknownFormatError, "This archive is damaged: '0.weight.npy' cannot be read.", bytes(corrupt))


# Numbers and names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused_with_the_tensor_named(value, save_as, small_mlp):
    state = small_mlp.state_dict()
    state["2.weight"][0, 1] = value
    message = "Expected finite numbers, got NaN or infinity in '2.weight'."
    for name in ("safetensors", "npz"):
        assert_refused(UnsupportedNetworkError, message, save_as(name, state), hints=RELU)


def test_doubles_too_large_for_float32_are_refused():
    data = safetensors.torch.save({"0.weight": torch.full((1, 1), 1e300, dtype=torch.float64)})
    message = "Expected numbers that float32 can hold, got some too large in '0.weight'."
    assert_refused(UnsupportedNetworkError, message, data)


def test_whole_numbers_and_negative_variances_are_refused():
    whole = safetensors.torch.save({"0.weight": torch.ones(1, 1, dtype=torch.int32)})
    message = "Expected weights as floating-point numbers, got int32 in '0.weight'."
    assert_refused(UnsupportedNetworkError, message, whole)
    negative = safetensors.torch.save({"0.running_mean": torch.zeros(2), "0.running_var": -torch.ones(2)})
    message = "Expected variances of at least 0, got a negative one in '0.running_var'."
    assert_refused(UnsupportedNetworkError, message, negative)


MARKUP = "<img src=x onerror=alert(1)>"


def test_markup_in_names_stays_text():
    data = safetensors.torch.save({f"{MARKUP}.weight": torch.ones(1, 2)})
    upload = read_network(data, filename=f"{MARKUP}.safetensors")
    assert upload.tensors[0].name == f"{MARKUP}.weight"
    assert list(upload.network.parameters) == ["0.weight"]
    assert not any(MARKUP in note for note in upload.notes)


def test_a_refusal_quotes_hostile_names_cleaned_and_cut():
    name = "\x1b[31m" + MARKUP + "\u202e" + "x" * 300
    shown = "[31m" + MARKUP + "x" * 167 + "…"
    assert len(shown) == 200
    with pytest.raises(UnsupportedNetworkError) as caught:
        read_network(safetensors.torch.save({name: torch.ones(1, 2)}))
    assert str(caught.value).startswith(
        f"Expected names that end in weight, bias, running_mean, running_var, got {shown!r}"
    )


def test_names_that_differ_only_where_nobody_sees_it_are_refused():
    data = safetensors.torch.save({"0.weight": torch.ones(1, 1), "0\u200b.weight": torch.ones(1, 1)})
    message = "Two tensors are called '0.weight' once characters that cannot be seen are removed."
    assert_refused(UnsafeFileError, message, data)


# Size of the graph --------------------------------------------------------------------------------------------------


def test_a_network_whose_graph_would_be_too_large_is_refused_before_it_is_built(save_as, small_mlp, monkeypatch):
    monkeypatch.setattr(reader, "LOCAL", dataclasses.replace(LOCAL, graph_edges=11))
    data = save_as("safetensors", small_mlp.state_dict())
    assert_refused(TooLargeError, "Expected a neural graph of at most 11 edges, got 12.", data)
    monkeypatch.setattr(reader, "LOCAL", dataclasses.replace(LOCAL, graph_nodes=6))
    assert_refused(TooLargeError, "Expected a neural graph of at most 6 nodes, got 7.", data)


def test_a_network_with_huge_maps_is_refused():
    data = safetensors.torch.save({"0.weight": torch.ones(4, 1, 1, 1)})
    hints = Hints(stride=1, padding=0, input_size=(4096, 4096))
    message = (
        "Running this network on one input would take 832 MiB of memory; at most 512 MiB are allowed. "
        "Use a smaller network."
    )
    assert_refused(TooLargeError, message, data, hints=hints)


def test_a_small_file_with_one_large_kernel_is_refused_before_all_kernels_are_padded_to_it():
    layers = (Conv2d(1, 1, (64, 64)), GlobalAveragePool(), Linear(1, 400), Linear(400, 400), Linear(400, 2))
    data = export_network(random_network(chain((1, 64, 64), layers), dtype=torch.float32))
    assert len(data) < 700_000
    message = (
        "Expected a neural graph of at most 512 MiB, got 2,519 MiB: every kernel is padded to the largest of the "
        "network."
    )
    assert_refused(TooLargeError, message, data)


def test_a_small_file_with_hours_of_work_is_refused():
    layers = (Conv2d(1, 1, (100, 100), padding=(50, 50)), GlobalAveragePool(), Linear(1, 2))
    data = export_network(random_network(chain((1, 1000, 1000), layers), dtype=torch.float32))
    assert len(data) < 50_000
    message = (
        "Running this network on one input would take 10.0 billion multiply-adds; at most 10.0 billion are allowed. "
        "Use a smaller network."
    )
    assert_refused(TooLargeError, message, data)


def test_skips_count_as_edges():
    layers = tuple(Linear(1000, 1000) if i == 0 else Activation("relu") for i in range(400))
    skips = tuple(Skip(i, i + 1) for i in range(1, 400)) * 9
    message = "Expected a neural graph of at most 4,000,000 edges, got 4,591,000."
    with pytest.raises(TooLargeError) as caught:
        check_architecture(chain((1000,), layers, skips), LOCAL)
    assert str(caught.value) == message
