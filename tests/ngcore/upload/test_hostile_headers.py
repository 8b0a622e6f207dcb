"""Arrays and safetensors files whose headers lie, each refused by its rule before anything is read by them."""

import struct

import numpy as np
import pytest
from refusals import assert_refused

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError
from ngcore.upload import Hints, read_network

RELU = Hints(activation="relu", convention="dws")


# Arrays -------------------------------------------------------------------------------------------------------------


def array_file(header, payload=b""):
    """The bytes of a .npy file with any header."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


@pytest.mark.parametrize(
    ("header", "error", "message"),
    [
        (
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000), }",
            TooLargeError,
            "Expected at most 20,000,000 parameters, got 10,000,000,000.",
        ),
        (
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
            TooLargeError,
            "Expected at most 20,000,000 parameters, got more than 10^18.",
        ),
        (
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
            UnknownFormatError,
            "The array '0.weight' is damaged: shape (3, 4) needs 48 bytes, got 0.",
        ),
        (
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }",
            UnsupportedNetworkError,
            "Expected tensors with elements, got shape (0, 4) of '0.weight'.",
        ),
        (
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1), }",
            TooLargeError,
            "Expected tensors of at most 5 axes, got 6 in '0.weight'.",
        ),
        (
            b"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }",
            UnsupportedNetworkError,
            "Expected arrays of b1, f2, f4, f8, i1, i2, i4, i8, u1, got '<c8' in '0.weight.npy'.",
        ),
        (
            b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
            UnsafeFileError,
            "Expected a plain array, got a header of '0.weight.npy' that describes something else.",
        ),
        (
            b"__import__('os').system('true')",
            UnsafeFileError,
            "Expected a plain array, got a header of '0.weight.npy' that describes something else.",
        ),
        (
            b"(" * 5_000,
            UnknownFormatError,
            "The array '0.weight.npy' is damaged: its header is cut off or too long.",
        ),
    ],
)
def test_arrays_with_hostile_headers_are_refused(header, error, message, zipped):
    assert_refused(error, message, zipped({"0.weight.npy": array_file(header)}))


def test_an_archive_with_anything_but_arrays_is_refused(zipped, npy):
    data = zipped({"0.weight.npy": npy(np.ones(1)), "run.py": b"import os"})
    assert_refused(UnsupportedNetworkError, "Expected an archive of NumPy arrays only, got 'run.py'.", data)


# Safetensors --------------------------------------------------------------------------------------------------------


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


DAMAGED = "This safetensors file is damaged: "


@pytest.mark.parametrize(
    ("header", "size", "error", "message"),
    [
        (
            {"a.weight": entry([2], 0, 8), "b.weight": entry([2], 4, 12)},
            12,
            UnsafeFileError,
            "The data of 'b.weight' overlap with others or leave a gap before them.",
        ),
        (
            {"a.weight": entry([2], 0, 8), "b.weight": entry([2], 16, 24)},
            24,
            UnsafeFileError,
            "The data of 'b.weight' overlap with others or leave a gap before them.",
        ),
        (
            {"a.weight": entry([2], 0, 12)},
            12,
            UnknownFormatError,
            DAMAGED + "the offsets of 'a.weight' do not fit its shape.",
        ),
        (
            {"a.weight": entry([2], 0, 8)},
            4,
            UnknownFormatError,
            DAMAGED + "its tensors take 8 bytes and the file holds 4.",
        ),
        (
            {"a.weight": entry([2], 0, 8)},
            12,
            UnknownFormatError,
            DAMAGED + "its tensors take 8 bytes and the file holds 12.",
        ),
        (
            {"a.weight": entry([10**6, 10**6], 0, 8)},
            8,
            TooLargeError,
            "Expected at most 20,000,000 parameters, got 1,000,000,000,000.",
        ),
        (
            {"a.weight": entry([1] * 6, 0, 4)},
            4,
            TooLargeError,
            "Expected tensors of at most 5 axes, got 6 in 'a.weight'.",
        ),
        (
            {"a.weight": entry([-1, -2], 0, 8)},
            8,
            UnknownFormatError,
            DAMAGED + "the shape or the offsets of 'a.weight' are no whole numbers.",
        ),
        (
            {"a.weight": entry([True], 0, 4)},
            4,
            UnknownFormatError,
            DAMAGED + "the shape or the offsets of 'a.weight' are no whole numbers.",
        ),
        (
            {"a.weight": [1, 2]},
            0,
            UnknownFormatError,
            DAMAGED + "the entry of 'a.weight' does not consist of dtype, shape and data_offsets.",
        ),
        (
            {"a.weight": entry([8], 0, 8, "F8_E4M3")},
            8,
            UnsupportedNetworkError,
            "Expected tensors of F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, got 'F8_E4M3' in 'a.weight'.",
        ),
        ({"__metadata__": {"a": 1}}, 0, UnknownFormatError, DAMAGED + "its metadata are no texts."),
        (
            {"__metadata__": {"a": "x" * 300_000}},
            0,
            TooLargeError,
            "Expected at most 262,144 characters of metadata.",
        ),
        ({}, 0, UnsupportedNetworkError, "Expected a file with the weights of a network, got one without any tensor."),
        (b'{"\xff": 1}', 0, UnknownFormatError, DAMAGED + "its header is not UTF-8 text."),
        (b"{" * 100, 0, UnknownFormatError, DAMAGED + "its header is not JSON."),
        (b'{"a":' + b"[" * 100_000, 0, UnknownFormatError, DAMAGED + "its header is not JSON."),
        (b'{"a":' + b"9" * 10_000 + b"}", 0, UnknownFormatError, DAMAGED + "its header is not JSON."),
        (b'{"a": 1, "a": 2}', 0, UnsafeFileError, "The safetensors header names 'a' twice."),
    ],
)
def test_safetensors_with_hostile_headers_are_refused(header, size, error, message, raw_safetensors):
    assert_refused(error, message, raw_safetensors(header, bytes(size)))


def test_a_huge_header_is_refused_before_it_is_parsed(raw_safetensors):
    message = "Expected a safetensors header of at most 5,242,880 bytes, got 18,446,744,073,709,551,615."
    assert_refused(TooLargeError, message, raw_safetensors(b"{", length=2**64 - 1))


def test_a_hundred_thousand_entries_are_refused(raw_safetensors):
    header = b"{" + b",".join(b'"%d":{}' % i for i in range(100_000)) + b"}"
    message = "Expected at most 4,000 tensors, got 100,000."
    assert_refused(TooLargeError, message, raw_safetensors(header))


def test_a_truncated_safetensors_file_is_refused(save_as, small_mlp):
    data = save_as("safetensors", small_mlp.state_dict())
    assert_refused(
        UnknownFormatError,
        DAMAGED + "its tensors take 68 bytes and the file holds 60.",
        data[:-8],
    )
    with pytest.raises(UnknownFormatError, match=r"its header should have \d+ bytes and the file ends after 92"):
        read_network(data[:100])
