"""Long hostile texts of every format are read or refused at once: no pattern goes back over what it has read."""

import contextlib
import struct
import time
import zipfile

import numpy as np
import pytest
import torch
from refusals import assert_refused

from ngcore.errors import UnknownFormatError, UploadError
from ngcore.upload import Hints, read_network, reader
from ngcore.upload.hints import check_fields

SECONDS = 60.0  # each takes less than one; a pattern that goes back needs years
LONG = 200_000
HINTS = Hints(activation="relu", convention="dws", stride=1, padding=0, input_size=(4, 4))


def read_soon(data):
    """Read or refuse a file, and fail if that takes long."""
    started = time.process_time()
    with contextlib.suppress(UploadError):
        read_network(data, filename="a" * LONG, hints=HINTS)
    assert time.process_time() - started < SECONDS


def array(header, *, length=None):
    """A NumPy array of the given header and no numbers."""
    text = header.encode("latin-1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", min(len(text), 65_535) if length is None else length) + text


SHAPES = ["1" * 28, "1" * 4000, "1 " * 2000, "1," * 2000, "1, " * 1300, " " * 4000, "," * 4000, "1 ,1" * 1000]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("end", [")", "), }", "", "!"])
def test_headers_of_arrays(shape, end, zipped):
    read_soon(zipped({"0.weight.npy": array(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}{end}")}))


@pytest.mark.parametrize("descr", ["<f" + "4" * 4000, "<" * 4000, "f" * 4000, "4" * 4000])
def test_types_of_arrays(descr, zipped):
    read_soon(zipped({"0.weight.npy": array(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,), }}")}))


TEXTS = ["9" * LONG, "layer" + "1" * LONG, "layer1." * (LONG // 7), "." * LONG, "a.1" * (LONG // 3), "\u202e" * LONG]


@pytest.mark.parametrize("text", TEXTS)
def test_names_of_safetensors_and_of_what_is_in_their_metadata(text, raw_safetensors):
    entry = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    read_soon(raw_safetensors({f"{text}.weight": entry}, bytes(4)))
    read_soon(raw_safetensors({"0.weight": entry, "__metadata__": {"ngcore.architecture": text}}, bytes(4)))
    read_soon(raw_safetensors({"0.weight": {**entry, "dtype": text}}, bytes(4)))


@pytest.mark.parametrize("header", [b"[" * LONG, b'{"a":' * LONG, b"{" + b" " * LONG, b'{"a":' + b"9" * LONG + b"}"])
def test_headers_of_safetensors(header, raw_safetensors):
    read_soon(raw_safetensors(header))


def test_thousands_of_tensors_of_safetensors(raw_safetensors):
    entries = {
        f"layer{i}.{'1' * 100}.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [4 * i, 4 * i + 4]}
        for i in range(4_000)
    }
    read_soon(raw_safetensors(entries, bytes(16_000)))


@pytest.mark.parametrize("text", TEXTS)
def test_names_in_torch_files(text, save_as):
    read_soon(save_as("torch", {f"{text}.weight": torch.ones(1, 1)}))


TUPLES = b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(64))


@pytest.mark.parametrize(
    "code",
    [
        b"}" * 5_000_000,
        b"(" * 5_000_000,
        b"]" + b"(" * 2_000_000 + b"e" * 2_000_000,
        b")" + b"\x85" * 4_000_000,
        b"})" + TUPLES + b"K\x01s",
        b"})" + TUPLES + b"0",
        b"X" + struct.pack("<I", 4_000_000) + b"a" * 4_000_000,
        b"c" + b"a" * 2_000_000 + b"\n" + b"b" * 2_000_000 + b"\n",
    ],
    ids=["dicts", "marks", "lists in lists", "tuples in tuples", "a key of 2^64", "pop", "text", "name"],
)
def test_pickles(code, zipped):
    read_soon(zipped({"archive/data.pkl": b"\x80\x02" + code + b"."}))


@pytest.mark.parametrize("name", ["a/" * 20_000 + "b.npy", "." * 60_000 + ".npy", "1" * 60_000 + ".weight.npy"])
def test_names_in_archives(name, zipped, npy):
    read_soon(zipped({name: npy(np.ones((1, 1)))}))


def test_names_in_archives_that_occur_twice(zipped):
    read_soon(zipped({f"{i}.npy": b"" for i in range(2_000)}).replace(b"1999.npy", b"1998.npy"))


# Errors of parsers --------------------------------------------------------------------------------------------------


def test_offsets_beyond_all_memory_in_an_archive_are_refused(zipped, npy):
    info = zipfile.ZipInfo("0.weight.npy")
    data = bytearray(zipped([(info, npy(np.ones((1, 1))))]))
    entry = data.index(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = b"\xff" * 4  # the offset stands in an extra field
    extra = struct.pack("<HHQ", 1, 8, 2**63 + 1)
    data[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    name_end = entry + 46 + len(info.filename)
    data[name_end:name_end] = extra
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", end - entry)
    message = "This archive is damaged: '0.weight.npy' cannot be read."
    assert_refused(UnknownFormatError, message, bytes(data))


@pytest.mark.parametrize("error", [KeyError, OverflowError, struct.error, RecursionError, MemoryError, AssertionError])
def test_an_error_that_no_reader_foresaw_is_a_refusal_and_stands_in_the_log(error, monkeypatch, caplog, save_as):
    def fail(*_, **__):
        raise error("unforeseen")

    monkeypatch.setattr(reader, "infer_architecture", fail)
    message = "This file is damaged, or of a kind that is not known here."
    assert_refused(UnknownFormatError, message, save_as("safetensors", {"0.weight": torch.ones(1, 1)}))
    (record,) = caplog.records
    assert record.exc_info[0] is error
    caplog.clear()


# What users type ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*TEXTS, "relu" * LONG, "\0" * LONG], ids=range(len(TEXTS) + 2))
def test_hints(text, small_mlp, save_as):
    started = time.process_time()
    with pytest.raises(UploadError):
        Hints(activation=text)
    read_network(save_as("npz", small_mlp.state_dict()), filename=text, hints=HINTS)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize("field", ["activation", "convention", "stride", "omega_0", "input_size", "part", "norm"])
@pytest.mark.parametrize("value", ["a" * LONG, 10**5_000, (10**5_000,) * 2, ("a" * LONG,) * 2], ids=range(4))
def test_hints_out_of_range_are_quoted_in_short(field, value):
    with pytest.raises(UploadError) as caught:
        check_fields({field: value})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "text", [*TEXTS, "upload:" * (LONG // 7), "/" * LONG, "a/" * (LONG // 2)], ids=range(len(TEXTS) + 3)
)
def test_addresses(text):
    from app.state import Selection
    from ngcore.errors import NeuralGraphError
    from ngcore.zoo import find_zoo

    started = time.process_time()
    selection = Selection.parse(text)
    with contextlib.suppress(NeuralGraphError):
        find_zoo(selection.zoo if selection else text)
    assert time.process_time() - started < SECONDS
