"""HDF5 files and Keras archives are walked by hand; h5py wrote them and is what the numbers are compared with."""

import io
import struct

import h5py
import numpy as np
import pytest

from ngcore.errors import NeuralGraphError, TooLargeError, UnsafeFileError, UnsupportedNetworkError
from ngcore.upload.weights import open_weights
from ngcore.upload.weights.hdf5_source import CONFIG_KEY

RNG = np.random.default_rng(0)


def write(fill, **options):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
def test_datasets_in_one_piece_are_read(dtype):
    values = RNG.normal(size=(5, 3)).astype(dtype)
    file = open_weights(write(lambda h5: h5.create_dataset("a/b", data=values)))
    assert np.array_equal(file.tensors["a/b"].array(), values.astype(np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (3, 4)},
        {"chunks": (3, 4), "compression": "gzip"},
        {"chunks": (3, 4), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (10, 10), "shuffle": True},
    ],
)
def test_datasets_in_chunks_are_read(options):
    values = RNG.normal(size=(10, 10)).astype(np.float32)
    file = open_weights(write(lambda h5: h5.create_dataset("a", data=values, **options)))
    assert np.array_equal(file.tensors["a"].array(), values)


def test_many_groups_and_chunks_make_trees_of_several_levels():
    def fill(h5):
        for i in range(300):
            h5[f"layer_{i}/kernel"] = np.full((1, 2), i, np.float32)
        h5.create_dataset("big", data=np.arange(4_000, dtype=np.float32).reshape(-1, 2), chunks=(2, 2))

    file = open_weights(write(fill))
    assert list(file.tensors)[:3] == ["big", "layer_0/kernel", "layer_1/kernel"]
    assert file.tensors["layer_299/kernel"].array().tolist() == [[299, 299]]
    assert file.tensors["big"].array().ravel().tolist() == list(range(4_000))


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}])
def test_the_newer_kind_of_groups_is_read(options):
    values = RNG.normal(size=(4, 2)).astype(np.float32)
    file = open_weights(write(lambda h5: h5.create_dataset("a/b", data=values), **options))
    assert np.array_equal(file.tensors["a/b"].array(), values)


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"track_order": True}])
@pytest.mark.parametrize("count", [9, 60, 400, 1_500])
def test_large_groups_of_the_newer_kind_are_read(options, count):
    def fill(h5):
        for i in range(count):
            h5[f"layer_{i}"] = np.full((1, 2), i, np.float32)

    file = open_weights(write(fill, **options))
    assert list(file.tensors) == [f"layer_{i}" for i in range(count)]
    assert all(file.tensors[f"layer_{i}"].array()[0, 0] == i for i in range(0, count, 7))


def test_a_group_with_many_attributes_is_no_obstacle():
    def fill(h5):
        h5.attrs["layer_names"] = [f"dense_{i}".encode() for i in range(500)]
        for i in range(12):
            h5.attrs[f"note {i}"] = "x" * 200
        h5["dense/kernel:0"] = np.ones((2, 2), np.float32)

    assert list(open_weights(write(fill)).tensors) == ["dense/kernel:0"]


def test_a_keras_archive_shows_its_weights_and_keeps_its_configuration_as_text(zipped):
    inner = write(lambda h5: h5.create_dataset("layers/dense/vars/0", data=np.ones((3, 2), np.float32)))
    archive = zipped({"metadata.json": b"{}", "config.json": b'{"class_name": "X"}', "model.weights.h5": inner})
    file = open_weights(archive)
    assert file.format == "keras" and list(file.tensors) == ["layers/dense/vars/0"]
    assert file.metadata[CONFIG_KEY] == '{"class_name": "X"}'


def test_the_state_of_the_optimiser_is_set_aside():
    def fill(h5):
        h5["layers/dense/vars/0"] = np.ones((3, 2), np.float32)
        h5["optimizer/vars/2"] = np.ones((3, 2), np.float32)

    file = open_weights(write(fill))
    assert [(aside.name, aside.reason) for aside in file.aside] == [("optimizer/vars/2", "state of the optimiser")]


def test_texts_and_unwritten_datasets_are_set_aside():
    def fill(h5):
        h5["w"] = np.ones(3, np.float32)
        h5["text"] = "hello"
        h5.create_dataset("declared", shape=(1_000, 1_000), dtype="f4")

    file = open_weights(write(fill))
    assert list(file.tensors) == ["w"]
    assert {aside.name for aside in file.aside} == {"text", "declared"}


# Hostile files ------------------------------------------------------------------------------------------------------


def test_a_dataset_in_another_file_is_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(64))
    data = write(lambda h5: h5.create_dataset("a", (16,), "f4", external=[(str(secret), 0, 64)]))
    with pytest.raises(UnsafeFileError, match="another file"):
        open_weights(data)


def test_links_to_other_files_are_not_followed(tmp_path):
    other = tmp_path / "other.h5"
    other.write_bytes(write(lambda h5: h5.create_dataset("a", data=np.ones(3))))

    def fill(h5):
        h5["w"] = np.ones(3, np.float32)
        h5["out"] = h5py.ExternalLink(str(other), "/a")
        h5["soft"] = h5py.SoftLink("/w")

    file = open_weights(write(fill))
    assert list(file.tensors) == ["w"]
    assert {aside.name: aside.reason for aside in file.aside}.keys() == {"out", "soft"}


def test_a_group_that_holds_itself_is_walked_once():
    def fill(h5):
        group = h5.create_group("a")
        group["self"] = group
        group["up"] = h5
        group["w"] = np.ones(2, np.float32)

    assert list(open_weights(write(fill)).tensors) == ["a/w"]


def test_a_virtual_dataset_is_not_read(tmp_path):
    def fill(h5):
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource(str(tmp_path / "x.h5"), "a", (4,))
        h5.create_virtual_dataset("v", layout)

    with pytest.raises(UnsupportedNetworkError):
        open_weights(write(fill, libver="latest"))


def test_a_chunk_that_grows_beyond_its_size_is_refused():
    data = write(
        lambda h5: h5.create_dataset("a", data=np.zeros((1_000, 1_000), "f4"), chunks=(1_000, 1_000), compression=9)
    )
    sides = struct.pack("<II", 1_000, 1_000)
    assert data.count(sides) == 1
    smaller = data.replace(sides, struct.pack("<II", 1_000, 500))
    with pytest.raises(NeuralGraphError):
        _ = open_weights(smaller).tensors["a"].array()


def test_a_dataset_in_chunks_that_is_larger_than_memory_allows_is_refused():
    data = write(lambda h5: h5.create_dataset("a", (200_000, 10_000), "f4", chunks=(100, 100)))
    with pytest.raises(TooLargeError):
        open_weights(data)
