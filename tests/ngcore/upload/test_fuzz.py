"""Random and damaged files never raise anything but an `UploadError`."""

import contextlib
import io
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ngcore.errors import UploadError
from ngcore.networks import mlp
from ngcore.testing import random_network
from ngcore.upload import Hints, export_network, read_network, torch_format
from ngcore.upload.torch_reader import describe

HINTS = Hints(activation="relu", stride=1, padding=1, input_size=(4, 4))
FUZZED = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEADS = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80\x02", b"\x93NUMPY", b"\x08\x07\x12", b"\x20" + bytes(7) + b"{")


def valid_files():
    """One small file of each format, and an exported one."""
    state = {"0.weight": torch.ones(2, 1, 1, 1), "2.weight": torch.ones(1, 2), "2.bias": torch.ones(1)}
    arrays, pickled = io.BytesIO(), io.BytesIO()
    np.savez_compressed(arrays, **{name: tensor.numpy() for name, tensor in state.items()})
    torch.save(state, pickled)
    exported = export_network(random_network(mlp((2, 2, 1))))
    return [safetensors.torch.save(state), arrays.getvalue(), pickled.getvalue(), exported]


FILES = valid_files()


@pytest.fixture(autouse=True)
def no_process(monkeypatch):
    """Read pickles here, as starting a process for each takes long."""
    monkeypatch.setattr(torch_format, "describe_pickle", lambda pickle: json.loads(json.dumps(describe(pickle))))


def read_or_refuse(data):
    """Read a file; any error but a refusal fails the test."""
    with contextlib.suppress(UploadError):
        read_network(data, filename="fuzz", hints=HINTS)


def test_the_files_to_be_damaged_are_valid():
    for data in FILES:
        assert len(read_network(data, hints=HINTS).network) == 1


@FUZZED
@given(head=st.sampled_from((b"", *HEADS)), tail=st.binary(max_size=300))
@example(head=b"PK\x03\x04", tail=b"\xff" * 30)
def test_random_bytes_are_refused_in_order(head, tail):
    read_or_refuse(head + tail)


@FUZZED
@given(
    data=st.sampled_from(FILES),
    edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(0, 10_000) | st.none(),
)
def test_damaged_files_are_read_or_refused(data, edits, cut):
    damaged = bytearray(data)
    for position, value in edits:
        damaged[position % len(damaged)] = value
    read_or_refuse(bytes(damaged[:cut]))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats()
    | st.sampled_from(["F32", "linear", "", "0.weight"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["dtype", "shape", "kind", "a"]), inner)
    ),
    max_leaves=6,
)


@FUZZED
@given(
    header=st.dictionaries(
        st.sampled_from(["0.weight", "0.bias", "1.weight", "\x00"]),
        st.fixed_dictionaries({"dtype": JSON, "shape": JSON, "data_offsets": st.just([0, 4]) | JSON}) | JSON,
        max_size=3,
    )
)
def test_invented_headers_are_refused_in_order(header, raw_safetensors):
    read_or_refuse(raw_safetensors(header, bytes(4)))


SHAPES = st.lists(st.integers(1, 3), min_size=0, max_size=5).map(tuple)
NAMES = st.builds(
    "{}{}.{}".format,
    st.sampled_from(["", "net.", "conv", "layer1.0.", "é"]),
    st.integers(0, 12),
    st.sampled_from(["weight", "bias", "running_mean", "running_var", "num_batches_tracked", "gamma"]),
)


@FUZZED
@given(st.dictionaries(NAMES, SHAPES, max_size=8))
def test_any_names_and_shapes_make_a_network_or_a_refusal(shapes):
    read_or_refuse(safetensors.torch.save({name: torch.ones(shape) for name, shape in shapes.items()}))
