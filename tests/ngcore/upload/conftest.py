"""Files made by the tests of uploads: honest ones of all formats, and the parts of hostile ones."""

import io
import json
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

READERS = {"ngcore.upload.reader", "ngcore.upload.weights.opening"}


def _as_safetensors(state, metadata=None):
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in state.items()}, metadata)


def _as_npz(state):
    buffer = io.BytesIO()
    np.savez(buffer, **{name: tensor.numpy() for name, tensor in state.items()})
    return buffer.getvalue()


def _as_torch(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def no_unforeseen_error(caplog):
    """Fail a test in which `read_network` caught an error that no reader foresaw: a mistake of ours."""
    yield
    unforeseen = [record for record in caplog.get_records("call") if record.name in READERS]
    assert not unforeseen, unforeseen[0].getMessage() + str(unforeseen[0].exc_info)


@pytest.fixture(scope="session")
def save_as():
    """`save_as(format, state)` writes a state dict as the bytes of a file."""
    writers = {"safetensors": _as_safetensors, "npz": _as_npz, "torch": _as_torch}
    return lambda name, state, *rest: writers[name](state, *rest)


@pytest.fixture(scope="session")
def raw_safetensors():
    """`raw_safetensors(header, payload)` writes any header, JSON or bytes, before any bytes."""

    def write(header, payload=b"", *, length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return (len(text) if length is None else length).to_bytes(8, "little") + text + payload

    return write


@pytest.fixture(scope="session")
def zipped():
    """`zipped({name: bytes})` writes a zip archive; pairs instead of a dict allow a name twice."""

    def write(entries, *, compression=zipfile.ZIP_STORED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, content in entries.items() if isinstance(entries, dict) else entries:
                archive.writestr(name, content)
        return buffer.getvalue()

    return write


@pytest.fixture(scope="session")
def npy():
    """`npy(array)` writes one array as the bytes of a .npy file."""

    def write(array):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        return buffer.getvalue()

    return write


@pytest.fixture
def small_mlp():
    """A seeded 2-4-1 network of torch.nn."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))


@pytest.fixture
def small_cnn_module():
    """A seeded network of torch.nn: plain, depthwise and pointwise convolutions, batch norm, flattening."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 1, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 4, 3),
    )
    module[1].running_mean.normal_()
    module[1].running_var.uniform_(0.5, 2)
    return module.eval()
