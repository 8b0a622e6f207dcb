"""Files that torch wrote before 1.6 make networks as newer ones do."""

import io
import pickle

import pytest
import torch

from ngcore.errors import UnsafeFileError, UploadError
from ngcore.upload import Hints, read_network

RELU = Hints(activation="relu", convention="dws")


def legacy(state):
    """The bytes of a legacy torch file."""
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_a_legacy_file_makes_the_network_of_a_new_one(small_mlp, save_as):
    upload = read_network(legacy(small_mlp.state_dict()), hints=RELU)
    assert upload.format == "legacy torch"
    assert upload.network.equals(read_network(save_as("torch", small_mlp.state_dict()), hints=RELU).network)


def test_the_strings_of_python_2_are_read(small_mlp):
    """Its pickles write short strings as U, one byte of length, and the bytes; names are such strings there."""
    data = legacy(small_mlp.state_dict())
    for name in small_mlp.state_dict():
        new, old = b"X" + len(name).to_bytes(4, "little") + name.encode(), b"U" + bytes([len(name)]) + name.encode()
        assert new in data
        data = data.replace(new, old)
    weight = read_network(data, hints=RELU).network.parameters["2.weight"][0]
    assert torch.equal(weight, small_mlp[2].weight)


def test_public_servers_read_none(small_mlp):
    with pytest.raises(UnsafeFileError, match="not read on a public server"):
        read_network(legacy(small_mlp.state_dict()), public=True)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_one_that_is_cut_short_is_refused(share, small_mlp):
    data = legacy(small_mlp.state_dict())
    with pytest.raises(UploadError):
        read_network(data[: int(share * len(data))], hints=RELU)


def test_one_that_calls_something_is_refused_and_not_run(tmp_path):
    canary = tmp_path / "canary"

    class Bomb:
        def __reduce__(self):
            return (open, (str(canary), "w"))

    data = legacy({"0.weight": torch.ones(1, 1)})
    head = data[: data.index(b"\x80\x02}")]  # magic number and version stand before
    with pytest.raises(UploadError):
        read_network(head + pickle.dumps({"0.weight": Bomb()}, protocol=2), hints=RELU)
    assert not canary.exists()
