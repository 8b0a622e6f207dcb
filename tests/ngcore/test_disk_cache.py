"""The cache on disk never raises: what can't be read is a miss, what can't be written is a line in the log."""

import numpy as np
import pytest

from ngcore import disk_cache
from ngcore.disk_cache import ONLY, is_cached, read_arrays, write_arrays

DAMAGE = {
    "empty": b"",
    "text": b"not an array",
    "a header that is no Python": b"\x93NUMPY\x01\x00\x08\x00{'descr\n",
    "brackets": b"\x93NUMPY\x01\x00\x40\x00" + b"(" * 63 + b"\n",
    "a version that is unknown": b"\x93NUMPY\x09\x00\x08\x00{       ",
    "an archive cut short": b"PK\x03\x04" + bytes(40),
    "a pickle": b"\x80\x04N.",
    "more than there is": b"\x93NUMPY\x01\x00\x46\x00"
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }".ljust(69)
    + b"\n",
}


@pytest.mark.parametrize("name", ["array.npy", "arrays.npz"])
@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_a_miss_and_a_line_in_the_log(tmp_path, caplog, data, name):
    (tmp_path / name).write_bytes(data)
    assert read_arrays(tmp_path / name) == {}
    (record,) = caplog.records
    assert name in record.getMessage() and "\n" not in record.getMessage()


def test_what_was_written_is_read_again(tmp_path):
    array = np.arange(3, dtype=np.float32)
    write_arrays(tmp_path / "new" / "array.npy", {ONLY: array})
    write_arrays(tmp_path / "new" / "arrays.npz", {"x": array, "y": array + 1})
    assert np.array_equal(read_arrays(tmp_path / "new" / "array.npy")[ONLY], array)
    assert np.array_equal(read_arrays(tmp_path / "new" / "arrays.npz")["y"], array + 1)


def test_a_missing_file_is_a_miss_without_a_word(tmp_path, caplog):
    assert read_arrays(tmp_path / "none.npy") == {} and not is_cached(tmp_path / "none.npy")
    assert not caplog.records


def test_a_folder_in_place_of_a_file_or_a_file_in_place_of_a_folder_is_no_error(tmp_path, caplog):
    (tmp_path / "array.npy").mkdir()
    (tmp_path / "file").touch()
    assert read_arrays(tmp_path / "array.npy") == {} and not is_cached(tmp_path / "array.npy")
    write_arrays(tmp_path / "array.npy", {ONLY: np.zeros(1)})
    write_arrays(tmp_path / "file" / "array.npy", {ONLY: np.zeros(1)})
    assert read_arrays(tmp_path / "file" / "array.npy") == {}
    assert all("\n" not in record.getMessage() for record in caplog.records) and len(caplog.records) >= 3


def test_a_full_disk_is_a_line_in_the_log(tmp_path, caplog, monkeypatch):
    def fail(path, write, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk_cache, "write_atomically", fail)
    write_arrays(tmp_path / "array.npy", {ONLY: np.zeros(1)})
    assert "can't be written, so nothing is kept" in caplog.text
