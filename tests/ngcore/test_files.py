"""Files: whole or not at all, with the umask's mode, a full disk in words, no leftovers of killed processes."""

import errno
import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

import ngcore.files
from ngcore.errors import StorageError, ZooError
from ngcore.files import readable_json, reading, remembered_sha256, sha256_of_file, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    def fail(path):
        path.write_text("half")
        raise OSError

    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError):  # noqa: PT011 - raised above
        write_atomically(tmp_path / "file", fail)
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_text() == "old"


@pytest.mark.parametrize("write", [lambda p: p.write_text("x"), lambda p: save_file({"x": torch.zeros(2)}, p)])
def test_a_file_gets_the_mode_of_the_umask(tmp_path, write):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file", write)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_with_the_folder_and_the_bytes(tmp_path, number):
    def fail(path):
        raise OSError(number, os.strerror(number), str(path))

    with pytest.raises(StorageError, match=r"room for file in .*, got a full disk: 1,000 bytes are needed, [\d,]+ are"):
        write_atomically(tmp_path / "file", fail, num_bytes=1_000)
    assert names(tmp_path) == []


def test_every_library_that_writes_meets_a_full_disk_with_the_same_words(tmp_path):
    program = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
import pyarrow, pyarrow.parquet
import torch
from safetensors.torch import save_file
from ngcore.errors import StorageError
from ngcore.files import write_atomically

def numpy(path):
    with path.open("wb") as file:
        np.save(file, np.random.rand(10_000))

table = pyarrow.table({{"x": np.random.rand(10_000)}})
writers = {{
    "safetensors": lambda path: save_file({{"x": torch.zeros(10_000)}}, path),
    "numpy": numpy,
    "pyarrow": lambda path: pyarrow.parquet.write_table(table, path),
    "python": lambda path: path.write_bytes(bytes(10_000)),
}}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
for write in writers.values():
    try:
        write_atomically(Path({str(tmp_path / "file")!r}), write)
    except StorageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count(f"Expected room for file in {tmp_path}, got a full disk") == 4
    assert names(tmp_path) == []


def test_temporary_files_of_killed_processes_are_removed_and_those_of_others_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    running = os.getppid()
    for name in (f".part.{dead.pid}.tmp", f".part.{running}.tmp", ".notes.tmp"):
        (tmp_path / name).touch()
    write_atomically(tmp_path / "file", lambda path: path.write_text("x"))
    assert names(tmp_path) == sorted([f".part.{running}.tmp", ".notes.tmp", "file"])


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), OSError(errno.EIO, "I/O error"), ValueError("a\nb")]
)
def test_whatever_goes_wrong_with_a_file_is_one_kind_of_error_that_names_it(tmp_path, error):
    message = r"Expected a whole file at .*/file, got .*; copy it again\.$"
    with pytest.raises(ZooError, match=message), reading(tmp_path / "file", ZooError, remedy="copy it again"):
        raise error


def test_a_remembered_hash_follows_the_file(tmp_path):
    path = tmp_path / "file"
    for text in ("one", "another"):
        path.write_text(text)
        assert remembered_sha256(path) == sha256_of_file(path)
    assert ngcore.files._sha256.cache_info().maxsize


def test_readable_json_keeps_rows_on_lines_and_everything_as_it_is():
    value = {"name": "é", "rows": [{"a": 1.5, "b": None}, {"a": 2, "b": []}], "curve": list(range(100)), "empty": {}}
    lines = readable_json(value | {"long": {str(i): [{"x": i}] for i in range(30)}}).splitlines()
    assert json.loads("".join(lines))["long"]["7"] == [{"x": 7}]
    assert '  "rows": [{"a": 1.5, "b": null}, {"a": 2, "b": []}],' in lines
    assert any(line.startswith('  "curve": [0, 1') and line.endswith("99],") for line in lines)
    assert '    "29": [{"x": 29}]' in lines and '  "name": "é",' in lines
    assert json.loads(readable_json(value)) == value and list(json.loads(readable_json(value))) == list(value)
    with pytest.raises(ValueError, match="not JSON compliant"):
        readable_json({"x": float("nan")})
