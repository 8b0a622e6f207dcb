"""Torch files in their guarded process: what it reads, what it refuses, and that its limits hold."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from ngcore.errors import TooLargeError, UnsafeFileError, UnsupportedNetworkError
from ngcore.upload import Hints, read_network, torch_format, torch_reader
from ngcore.upload.limits import LOCAL
from ngcore.upload.sandbox import run_guarded

RELU = Hints(activation="relu")


def edited(data, old, new):
    """A torch file with bytes of its pickle replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(buffer, "w") as changed:
        for name in given.namelist():
            content = given.read(name)
            assert not name.endswith("data.pkl") or old in content
            changed.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)
    return buffer.getvalue()


def test_a_state_dict_inside_a_checkpoint_is_found(save_as, small_mlp):
    checkpoint = {"epoch": 3, "lr": 1e-3, "model": small_mlp.state_dict(), "log": [None, True, (1, 2, 3, 4), 2**40]}
    upload = read_network(save_as("torch", checkpoint), hints=RELU)
    assert upload.notes[0] == "The weights were taken from the entry 'model' of the file."
    assert torch.equal(upload.network.parameters["2.weight"][0], small_mlp[2].weight)


def test_parameters_views_and_shared_tensors_are_read_in_the_order_of_the_file(save_as):
    base = torch.arange(12.0)
    state = {
        "b.weight": base.view(3, 4).T,
        "a.weight": base.view(4, 3).T,
        "c.weight": torch.nn.Parameter(base[None, :3]),
    }
    state["b.weight"] = state["b.weight"].half()
    upload = read_network(save_as("torch", state), hints=RELU)
    assert [info.name for info in upload.tensors] == ["b.weight", "a.weight", "c.weight"]
    assert torch.equal(upload.network.parameters["2.weight"][0], base.view(4, 3).T)


def test_a_storage_that_claims_more_bytes_than_the_file_has_is_refused(save_as):
    data = edited(save_as("torch", {"0.weight": torch.ones(2, 3)}), b"cpuq\x06K\x06", b"cpuq\x06K\xff")
    with pytest.raises(UnsafeFileError, match=r"^Torch refused this file: record size \(24 bytes\) does not match"):
        read_network(data)


def test_a_tensor_that_repeats_one_number_for_gigabytes_is_refused(save_as):
    with pytest.raises(TooLargeError) as caught:
        read_network(save_as("torch", {"0.weight": torch.zeros(1).expand(100_000, 100_000)}))
    assert str(caught.value) == "Expected at most 167,772,160 bytes of tensors, got 40,000,000,000."


def test_a_file_that_needs_more_memory_than_allowed_is_stopped(save_as):
    archive = save_as("torch", {"0.weight": torch.ones(1000, 1000)})
    with pytest.raises(TooLargeError) as caught:
        run_guarded(archive, LOCAL, memory_bytes=2**20)
    assert str(caught.value) == "Reading this torch file took too much memory, so it was stopped."


STOPPED = r"^Reading this torch file took too much time or memory, so it was stopped\.$"


@pytest.fixture
def replace_reader(tmp_path, monkeypatch):
    """`replace_reader(code)` lets the guarded process run other code once its limits hold."""

    def replace(code):
        script = tmp_path / "probe.py"
        folder = str(Path(torch_reader.__file__).parent)
        start = "import json, os, sys\nsys.path.insert(0, {folder!r})\nimport torch_reader\nsys.stdin.buffer.read()\n"
        limit = "torch_reader.limit_process(json.loads(sys.argv[1]))\n"
        script.write_text(start.format(folder=folder) + limit + code)
        monkeypatch.setattr("ngcore.upload.sandbox.READER", script)

    return replace


@pytest.mark.parametrize("limit", [{"seconds": 0.5}, {"cpu_seconds": 1}])
def test_a_process_that_does_not_end_is_stopped(limit, replace_reader):
    replace_reader("while True: pass")
    with pytest.raises(UnsafeFileError, match=STOPPED):
        run_guarded(b"", LOCAL, **limit)


def test_a_process_that_ends_before_it_has_read_all_is_no_error_of_ours(tmp_path, monkeypatch):
    (tmp_path / "gone.py").write_text("raise SystemExit")
    monkeypatch.setattr("ngcore.upload.sandbox.READER", tmp_path / "gone.py")
    for size in (10, 10**6):
        with pytest.raises(UnsafeFileError, match=STOPPED):
            run_guarded(bytes(size), LOCAL)


def test_an_answer_beyond_the_limit_is_not_taken(replace_reader):
    replace_reader("while True: sys.stdout.buffer.write(b'T' * 2**20)")
    with pytest.raises(UnsafeFileError, match=STOPPED):
        run_guarded(b"", LOCAL)


def test_the_process_can_write_no_file_and_sees_no_environment(replace_reader, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    replace_reader(
        "try:\n"
        "    open('file', 'wb', buffering=0).write(b'x'); verdict = 'written'\n"
        "except OSError:\n"
        "    verdict = 'not written'\n"
        "print('U' + verdict, 'SECRET' in os.environ, os.listdir(), end='', flush=True)\n"
    )
    with pytest.raises(UnsupportedNetworkError, match=r"^not written False \['file'\]$"):
        run_guarded(b"", LOCAL)


def test_old_versions_of_torch_are_not_trusted_with_torch_files(monkeypatch, save_as, small_mlp):
    monkeypatch.setattr(torch_format.torch, "__version__", "2.9.1+cpu")
    with pytest.raises(UnsafeFileError, match=r"^Reading torch files needs torch 2\.10 or later, got 2\.9\.1\+cpu\. "):
        read_network(save_as("torch", small_mlp.state_dict()))


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ([1], "Expected a state dict, got an object of type list."),
        ({"epoch": 1}, "Expected tensors only, got int under 'epoch'."),
        ({1: torch.ones(1)}, "Expected tensors only, got Tensor under '1'."),
    ],
)
def test_what_is_no_dict_of_tensors_is_refused(loaded, message):
    def convert():
        state, _ = torch_reader.find_state_dict(loaded)
        torch_reader.plain_tensors(state, {"tensors": 10, "tensor_bytes": 100})

    with pytest.raises(torch_reader.RefusedError) as caught:
        convert()
    assert caught.value.args == ("U", message)


def test_the_process_imports_nothing_of_this_project():
    run = f"import runpy, sys; runpy.run_path({torch_reader.__file__!r}); print('ngcore' in sys.modules)"
    result = subprocess.run([sys.executable, "-I", "-c", run], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
