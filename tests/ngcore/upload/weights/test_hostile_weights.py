"""Files that lie about themselves are refused in words, before anything is read by what they say."""

import io
import struct
import zipfile

import numpy as np
import pytest
import torch

from ngcore.errors import NeuralGraphError, TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.upload.weights import open_weights


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "size", "error", "message"),
    [
        ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, 12, UnsafeFileError, "overlap"),
        ({"a": entry([2], 0, 8), "b": entry([2], 16, 24)}, 24, UnsafeFileError, "gap"),
        ({"a": entry([10**9, 10**9, 10**9], 0, 8)}, 8, UnknownFormatError, "do not fit its shape"),
        ({"a": entry([2], 8, 0)}, 8, UnsafeFileError, "gap"),
        ({"a": entry([2], 0, 8, "F4")}, 8, UnsupportedNetworkError, "without any tensor"),
        ({"a": entry([1] * 9, 0, 4)}, 4, TooLargeError, "at most 8 axes"),
        ({"a": entry([2**62], 0, 2**62)}, 8, UnknownFormatError, "do not fit"),
        ({}, 0, UnsupportedNetworkError, "without any tensor"),
        ({f"t{i}": entry([0], 0, 0) for i in range(20_001)}, 0, TooLargeError, "at most 20,000 tensors"),
        (b"[" * 100_000, 0, UnknownFormatError, "starts like none"),
        (b"{" + b'"a":[' * 50_000, 0, UnknownFormatError, "not JSON"),
    ],
)
def test_safetensors_headers_that_lie_are_refused(header, size, error, message, raw_safetensors):
    with pytest.raises(error, match=message):
        open_weights(raw_safetensors(header, bytes(size)))


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10_000_000])
def test_a_header_longer_than_allowed_is_refused(length, raw_safetensors):
    with pytest.raises(TooLargeError, match="header"):
        open_weights(raw_safetensors({}, length=length))


def test_a_file_without_numbers_but_with_a_huge_empty_shape_is_harmless(raw_safetensors):
    file = open_weights(raw_safetensors({"a": entry([0, 2**60], 0, 0), "b": entry([1], 0, 4)}, bytes(4)))
    assert list(file.tensors) == ["b"]


def array_file(header, payload=b""):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }", "damaged"),
        (b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "Python objects"),
        (b"__import__('os').system('true')", "describes something else"),
        (b"{'descr': '" + b"<" * 4_000, "describes something else"),
    ],
)
def test_arrays_that_lie_are_refused(header, message, zipped):
    with pytest.raises(NeuralGraphError, match=message):
        open_weights(zipped({"a.npy": array_file(header)}))


def test_a_zip_bomb_is_refused(zipped, npy):
    bomb = zipped({"a.npy": npy(np.zeros(3_000_000, np.float32))}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeFileError, match="zip bomb"):
        open_weights(bomb)


def test_an_entry_that_holds_more_than_it_declares_gives_no_more(zipped, npy):
    content = npy(np.ones(1_000, np.float32))
    data = bytearray(zipped({"a.npy": content}, compression=zipfile.ZIP_DEFLATED))
    directory = data.rfind(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", len(content) - 4)
    with pytest.raises(NeuralGraphError):
        open_weights(bytes(data))


def test_a_list_of_entries_that_takes_too_much_memory_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(25_000):
            archive.writestr(f"{'n' * 120}{i}.npy", b"")
    with pytest.raises(TooLargeError, match="entries"):
        open_weights(buffer.getvalue())


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "C:/a.npy"])
def test_names_that_lead_out_of_an_archive_are_refused(name, zipped, npy):
    with pytest.raises(UnsafeFileError):
        open_weights(zipped({name: npy(np.ones(1))}))


def test_a_link_in_an_archive_is_refused(npy):
    info = zipfile.ZipInfo("a.npy")
    info.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, npy(np.ones(1)))
    with pytest.raises(UnsafeFileError, match="link"):
        open_weights(buffer.getvalue())


def test_a_pickle_that_would_run_code_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    buffer = io.BytesIO()
    torch.save({"state_dict": {"a": torch.ones(2)}, "evil": Evil()}, buffer)
    with pytest.raises(UnsafeFileError, match="would call"):
        open_weights(buffer.getvalue())
    assert not (tmp_path / "made").exists()


def test_a_view_that_repeats_one_number_is_set_aside(save_as):
    state = {"a": torch.ones(1).expand(100_000, 20_000), "b": torch.ones(2)}
    file = open_weights(save_as("torch", state))
    assert list(file.tensors) == ["b"]
    assert [aside.name for aside in file.aside] == ["a"]


def test_many_views_of_one_storage_are_counted_in_full(save_as):
    base = torch.zeros(3_000_000)
    with pytest.raises(TooLargeError, match="at most 2,147,483,648 numbers"):
        open_weights(save_as("torch", {str(i): base.view(1, -1) for i in range(1_000)}))
