"""Torch files: what is read, what is refused, and that the process that reads their pickles is held to its limits."""

import argparse
import io
import os
import threading
import types
import zipfile

import numpy as np
import pytest
import torch

from ngcore.errors import (
    BusyError,
    TooLargeError,
    UnknownFormatError,
    UnsafeFileError,
    UnsupportedNetworkError,
    UploadError,
)
from ngcore.upload import Hints, read_network, sandbox, torch_format, torch_reader
from ngcore.upload.limits import LOCAL
from ngcore.upload.sandbox import describe_pickle
from ngcore.upload.unpickle import Storage, TensorView

RELU = Hints(activation="relu", convention="dws")


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


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_floats_of_all_sizes_are_read_bit_for_bit(dtype, save_as):
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    upload = read_network(save_as("torch", {"0.weight": weight}))
    assert upload.tensors[0].dtype == dtype
    assert torch.equal(upload.network.parameters["0.weight"][0], weight.float())


def test_the_bytes_of_a_big_endian_file_are_turned(save_as):
    state = {"0.weight": torch.arange(6.0).view(2, 3)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(save_as("torch", state))) as given, zipfile.ZipFile(buffer, "w") as turned:
        for name in given.namelist():
            content = given.read(name)
            content = b"big" if name.endswith("byteorder") else content
            content = state["0.weight"].numpy().astype(">f4").tobytes() if "/data/" in name else content
            turned.writestr(name, content)
    assert torch.equal(read_network(buffer.getvalue()).network.parameters["0.weight"][0], state["0.weight"])


def test_a_storage_that_claims_more_bytes_than_the_file_has_is_refused(save_as):
    data = edited(save_as("torch", {"0.weight": torch.ones(2, 3)}), b"cpuq\x06K\x06", b"cpuq\x06K\xff")
    with pytest.raises(UnknownFormatError) as caught:
        read_network(data)
    assert str(caught.value) == "This torch file is damaged: '0.weight' needs 1,020 bytes of numbers, got 24."


def test_a_view_that_reaches_beyond_its_storage_is_refused(save_as):
    data = edited(save_as("torch", {"0.weight": torch.ones(2, 3)}), b"QK\x00K\x02K\x03\x86", b"QK\x01K\x02K\x03\x86")
    with pytest.raises(UnsafeFileError) as caught:
        read_network(data)
    assert str(caught.value) == "The numbers of '0.weight' reach beyond what the file holds for them."


def test_a_tensor_that_repeats_one_number_for_gigabytes_is_refused(save_as):
    with pytest.raises(TooLargeError) as caught:
        read_network(save_as("torch", {"0.weight": torch.zeros(1).expand(100_000, 100_000)}))
    assert str(caught.value) == "Expected at most 20,000,000 parameters, got 10,000,000,000."


@pytest.mark.parametrize(
    "row",
    [
        ["0.weight", "float32", "0", 6, 0, [2, 3]],
        ["0.weight", "float80", "0", 6, 0, [2, 3], [3, 1]],
        ["0.weight", ["float32"], "0", 6, 0, [2, 3], [3, 1]],
        ["0.weight", "float32", "0", 6, 0, [2, 3], [3]],
        ["0.weight", "float32", "0", 6, -1, [2, 3], [3, 1]],
        ["0.weight", "float32", "0", 6, 0, [2, 3], [3, -1]],
        ["0.weight", "float32", "0", 6, 0, [2, 3], [3, 2**70]],
        ["0.weight", "float32", "1", 6, 0, [2, 3], [3, 1]],
        ["0.weight", "float32", "0", True, 0, [2, 3], [3, 1]],
        "0.weight",
    ],
)
def test_the_answer_of_the_process_is_trusted_no_more_than_the_file(row):
    with pytest.raises(UnknownFormatError, match=r"^This torch file is damaged: "):
        torch_format.read_tensors({"tensors": [row]}, {"0": bytes(24)}, LOCAL)


def test_strides_of_axes_of_one_may_be_any_number():
    rows = [["0.weight", "float32", "0", 6, 0, [1, 6], [2**62, 1]]]
    assert torch_format.read_tensors({"tensors": rows}, {"0": bytes(24)}, LOCAL)["0.weight"].shape == (1, 6)


# The process --------------------------------------------------------------------------------------------------------

STOPPED = r"^Reading this torch file took too much time or memory, so it was stopped\.$"
LOCKED = """
import json, os, sys
from ngcore.upload.lockdown import lock_process
held = lock_process(**json.loads(sys.argv[-1]))
def answer(verdict):
    sys.stdout.buffer.write(json.dumps({"verdict": verdict}).encode()); sys.stdout.flush()
"""


@pytest.fixture
def run_locked(monkeypatch):
    """`run_locked(code)` runs code in the process of the reader once it is locked, and gives its `answer(verdict)`."""

    def run(code, **limits):
        monkeypatch.setattr(sandbox, "READ", LOCKED + code)
        return describe_pickle(b"", **limits)["verdict"]

    return run


def attempt(code):
    """Code that answers whether `code` is refused, by an error number or by the limits of `resource`."""
    refused = "getattr(error, 'errno', None) in (1, 13) or 'not allowed' in str(error)"  # EPERM, EACCES
    return f"try:\n    {code}\n    answer(False)\nexcept (OSError, ValueError) as error:\n    answer({refused})\n"


@pytest.fixture
def kernel(run_locked):
    """Which mechanisms this system has; tests of rights have nothing to test on one without any."""
    held = run_locked("answer(held)")
    if not held:
        pytest.skip("this system has neither Landlock nor seccomp")
    return held


FORBIDDEN = {
    "read a file": "open({file!r})",
    "read its own folder": "os.listdir('.')",
    "write a file": "open('file', 'wb', buffering=0).write(b'x')",
    "remove a file": "os.remove({file!r})",
    "look up a file": "os.stat({file!r})",
    "open a socket": "socket.socket()",
    "start a program": "subprocess.run(['/bin/true'])",
    "become another program": "os.execv('/bin/true', ['true'])",
    "fork": "os.fork()",
    "stop another process": "os.kill({pid}, 0)",
    "gain time": "resource.setrlimit(resource.RLIMIT_CPU, (100, 100))",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_hostile_code_in_the_locked_process_cannot(what, kernel, monkeypatch, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("secret")
    code = FORBIDDEN[what].format(file=str(victim), pid=os.getpid())
    monkeypatch.setattr(sandbox, "READ", "import resource, socket, subprocess\n" + LOCKED + attempt(code))
    assert describe_pickle(b"")["verdict"] is True
    assert victim.read_text() == "secret"


def test_a_locked_process_cannot_start_threads(kernel, monkeypatch):
    code = "try:\n    threading.Thread(target=print).start()\nexcept RuntimeError:\n    answer('refused')\n"
    monkeypatch.setattr(sandbox, "READ", "import threading\n" + LOCKED + code)
    assert describe_pickle(b"")["verdict"] == "refused"


def test_the_process_sees_no_environment_and_nothing_of_torch(run_locked, monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    assert run_locked("answer('SECRET' in os.environ)") is False
    code = "import ngcore.upload.torch_reader\n" + LOCKED + "answer(sorted({'torch', 'numpy'} & set(sys.modules)))"
    monkeypatch.setattr(sandbox, "READ", code)
    assert describe_pickle(b"")["verdict"] == []


def test_a_file_read_by_a_process_that_could_not_be_locked_says_so(save_as, small_mlp, monkeypatch):
    monkeypatch.setattr(sandbox, "READ", LOCKS_NOTHING)
    upload = read_network(save_as("torch", small_mlp.state_dict()), hints=RELU)
    assert upload.notes[0] == torch_format.UNLOCKED_NOTE


LOCKS_NOTHING = """
import ngcore.upload.torch_reader as reader
reader.lock_process = lambda **limits: []
reader.main()
"""


@pytest.mark.parametrize("limit", [{"seconds": 0.5}, {"cpu_seconds": 1}])
def test_a_process_that_does_not_end_is_stopped(limit, run_locked):
    with pytest.raises(UnsafeFileError, match=STOPPED):
        run_locked("while True: pass", **limit)


def test_a_process_that_takes_too_much_memory_is_stopped(run_locked):
    code = "try:\n    bytes(2**27)\nexcept MemoryError:\n    answer('refused')\n"
    assert run_locked(code, memory_bytes=2**26) == "refused"


def test_a_process_that_ends_before_it_has_read_all_is_no_error_of_ours(monkeypatch):
    monkeypatch.setattr(sandbox, "READ", "raise SystemExit")
    for size in (10, 10**6):
        with pytest.raises(UnsafeFileError, match=STOPPED):
            describe_pickle(bytes(size))


@pytest.fixture
def starts(monkeypatch):
    """The processes that were started."""
    started, start = [], sandbox._start

    def record(*args):
        started.append(start(*args))
        return started[-1]

    monkeypatch.setattr(sandbox, "_start", record)
    return started


def test_many_files_are_read_by_one_process_in_which_a_bad_one_is_refused_alone(starts, save_as, small_mlp):
    good = save_as("torch", small_mlp.state_dict())
    bad = save_as("torch", {"0.weight": {"no": "tensor"}})
    with sandbox.one_reader():
        networks = [read_network(good, hints=RELU).network]
        with pytest.raises(UnsupportedNetworkError, match="Expected tensors only, got dict"):
            read_network(bad, hints=RELU)
        networks.append(read_network(good, hints=RELU).network)
    assert torch.equal(networks[0].flatten(), networks[1].flatten())
    assert len(starts) == 1 and starts[0].poll() is not None
    read_network(good, hints=RELU)
    assert len(starts) == 2


def test_where_the_process_of_many_files_dies_each_is_read_by_its_own(starts, save_as, small_mlp, monkeypatch):
    monkeypatch.setattr(sandbox, "SERVE", "raise SystemExit")
    with sandbox.one_reader():
        read_network(save_as("torch", small_mlp.state_dict()), hints=RELU)
    assert len(starts) == 2 and all(process.poll() is not None for process in starts)


@pytest.mark.parametrize("answer", [b"[1]", b"{", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_none_is_refused(answer, monkeypatch):
    monkeypatch.setattr(sandbox, "READ", f"sys.stdout.buffer.write({answer!r})")
    with pytest.raises(UnsafeFileError, match=STOPPED):
        describe_pickle(b"")


def test_an_answer_beyond_the_limit_is_not_taken(run_locked):
    with pytest.raises(UnsafeFileError, match=STOPPED):
        run_locked("while True: sys.stdout.buffer.write(b' ' * 2**20)")


def test_few_processes_run_at_a_time_and_who_would_wait_in_vain_is_told(monkeypatch):
    monkeypatch.setattr(sandbox, "_running", threading.BoundedSemaphore(1))
    monkeypatch.setattr(sandbox, "_waiting", threading.BoundedSemaphore(2))
    busy = r"^Too many torch files are being read right now\. Try again in a minute\.$"
    with sandbox._turn(1.0):
        with pytest.raises(BusyError, match=busy), sandbox._turn(0.01):
            pass
        sandbox._waiting.acquire()
        with pytest.raises(BusyError, match=busy), sandbox._turn(1.0):
            pass


# Structures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ([1], "Expected a state dict, got an object of type list."),
        ({"epoch": 1}, "Expected tensors only, got int under 'epoch'."),
        ({1: TensorView(Storage("float32", "0", 1), 0, (1,), (1,))}, "Expected names of tensors as text, got 1."),
    ],
)
def test_what_is_no_dict_of_tensors_is_refused(loaded, message):
    def describe():
        state, _ = torch_reader.find_state_dict(loaded)
        torch_reader.describe_tensors(state)

    with pytest.raises(UnsupportedNetworkError) as caught:
        describe()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("wrap", "where"),
    [
        (lambda state: {"model": {"state_dict": state}}, "model.state_dict"),
        (lambda state: {"state_dict": {"model": state}, "epoch": 1}, "state_dict.model"),
        (lambda state: {"model_state_dict": state, "best": np.float64(0.5)}, "model_state_dict"),
        (lambda state: {"network": state, "args": argparse.Namespace(lr=0.1)}, "network"),
        (lambda state: {"net": state, "ema": state, "log": types.SimpleNamespace(a=1)}, "net"),
    ],
)
def test_weights_are_found_in_checkpoints_of_all_sorts(wrap, where, save_as, small_mlp):
    upload = read_network(save_as("torch", wrap(small_mlp.state_dict())), hints=RELU)
    assert upload.notes[0] == f"The weights were taken from the entry {where!r} of the file."
    assert torch.equal(upload.network.parameters["2.weight"][0], small_mlp[2].weight)


@pytest.mark.parametrize("file_format", ["torch", "safetensors", "npz"])
def test_counters_beside_weights_are_set_aside_and_named_in_every_format(file_format, save_as, small_mlp):
    counters = {"n_averaged": torch.tensor(3), "step": torch.tensor(7, dtype=torch.int32), "done": torch.tensor(True)}
    upload = read_network(save_as(file_format, {**small_mlp.state_dict(), **counters}), hints=RELU)
    (note,) = (note for note in upload.notes if note.startswith("Set aside"))
    assert set(note.removesuffix(".").removeprefix("Set aside, as it is no weight: ").split(", ")) == counters.keys()


def test_counters_and_settings_beside_weights_are_set_aside_and_named(save_as, small_mlp):
    state = {**small_mlp.state_dict(), "n_averaged": torch.tensor(3), "epoch": 4, "acc": np.float32(0.5)}
    upload = read_network(save_as("torch", state), hints=RELU)
    assert upload.notes[0] == "Set aside, as it is no weight: n_averaged, epoch, acc."


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_torchscript_archive_is_named_as_one(small_mlp):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(small_mlp), buffer)
    with pytest.raises(UploadError, match=r"^This is a TorchScript program") as caught:
        read_network(buffer.getvalue())
    assert caught.value.recipe
