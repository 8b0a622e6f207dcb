"""What can go wrong on a command line: each is said in words, with its exit code, and takes nothing else down."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

REPOSITORY = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "ngcore.cli"]


@pytest.fixture
def files(shelf, tmp_path):
    """A good file, a damaged one, one that no model reads, one of numbers too large for float32, and a folder."""
    import numpy as np
    import torch

    from ngcore.networks import Network, mlp
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    export_network(Zoo.open(shelf / "zoos" / "tiny-inrs").networks([8]), tmp_path / "good.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 40)
    architecture = mlp((5, 3, 4))
    unread = Network.unflatten(architecture, torch.ones(1, architecture.num_parameters))
    export_network(unread, tmp_path / "unread.safetensors")
    np.savez(tmp_path / "large.npz", **{"0.weight": np.full((3, 2), 1e300)})
    np.savez(tmp_path / "infinite.npz", **{"0.weight": np.full((3, 2), np.inf)})
    (tmp_path / "folder").mkdir()
    return tmp_path


def test_one_bad_file_of_several_is_named_and_the_others_are_answered(run, files):
    good, bad = files / "good.safetensors", files / "bad.safetensors"
    outcome = run("predict", bad, files / "nowhere.npz", good, "tiny-inrs/000008", "--device", "cpu", "--json")
    assert outcome.code == 1
    assert [entry["network"] for entry in outcome.json] == [str(good), "tiny-inrs/000008"]
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 2
    assert errors[0].startswith(f"Error: {bad}: ")
    assert "no such file" in errors[1]


def test_a_network_that_no_model_reads_is_named_beside_the_answers_of_others(run, files):
    unread = files / "unread.safetensors"
    outcome = run("predict", unread, files / "good.safetensors", "--device", "cpu")
    assert outcome.code == 1
    assert "tiny-probes" in outcome.stdout
    assert f"Error: {unread} (5-3-4 relu): no trained model can read it." in outcome.stderr


def test_a_file_that_may_not_be_read_stops_no_other(run, files, monkeypatch):
    from ngcore.cli import inputs

    def refuse(path):
        if path.name == "bad.safetensors":
            raise PermissionError(13, "Permission denied", str(path))
        return path.read_bytes()

    monkeypatch.setattr(inputs, "_bytes_of", refuse)
    outcome = run("predict", files / "bad.safetensors", files / "good.safetensors", "--device", "cpu", "--json")
    assert (outcome.code, len(outcome.json)) == (1, 1)
    assert outcome.stderr == f"Error: Permission denied: {files / 'bad.safetensors'}\n"


@pytest.mark.parametrize("command", [["graph"], ["predict"], ["edit", "--out", "x.safetensors"]])
def test_a_folder_is_said_to_be_one(run, files, shelf, command):
    folder = run(command[0], files / "folder", *command[1:])
    assert folder.code == 1
    assert f"got the folder {files / 'folder'}; name a file in it" in folder.stderr
    zoo = run(command[0], shelf / "zoos" / "tiny-inrs", *command[1:])
    assert "name one of its networks" in zoo.stderr


def test_a_file_larger_than_any_that_is_read_is_not_read(run, files):
    huge = files / "huge.npz"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    outcome = run("graph", huge)
    assert outcome.code == 1
    assert "got 1,099,511,627,776" in outcome.stderr


def test_numbers_too_large_for_float32_are_not_called_infinite(run, files):
    assert "Expected numbers that float32 can hold" in run("graph", files / "large.npz").stderr
    assert "got NaN or infinity" in run("graph", files / "infinite.npz").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["zoo", "build", "mnist-inrs", "--steps", "0"],
        ["zoo", "build", "mnist-inrs", "--workers", "0"],
        ["zoo", "build", "mnist-inrs", "--seed", "-1"],
        ["zoo", "sample", "tiny-inrs", "--test", "-1"],
        ["train", "mnist-ng-gnn", "--limit", "0"],
        ["train", "mnist-ng-gnn", "--max-seconds", "-1"],
        ["train", "mnist-ng-gnn", "--threads", "0"],
        ["evaluate", "--all", "--limit", "0"],
        ["embed", "tiny-inrs", "--model", "x", "--out", "x.npz", "--limit", "-3"],
        ["edit", "x", "--out", "x.safetensors", "--size", "0"],
        ["app", "--port", "80000"],
    ],
)
def test_a_number_out_of_range_is_wrong_usage(run, arguments):
    outcome = run(*arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"Usage: ngcore {arguments[0]}")
    assert f"Error: Invalid value for '{arguments[-2]}': " in outcome.stderr


@pytest.mark.parametrize("stride", ["0", "two", "1,,2"])
def test_a_hint_that_is_malformed_or_out_of_range_is_wrong_usage(run, stride):
    outcome = run("graph", "x", "--stride", stride)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("Usage: ngcore graph")
    assert "stride" in outcome.stderr.splitlines()[-1]


@pytest.mark.parametrize("count", ["0", "0,5,5", "-5", "1.5", "many", "1,2"])
def test_a_count_of_no_networks_is_refused(run, count):
    outcome = run("zoo", "build", "mnist-inrs", "--count", count)
    assert (outcome.code, outcome.stdout) == (1, "")
    assert f"got {count!r}" in outcome.stderr


OUTPUTS = {
    "graph": (["graph", "tiny-inrs/000000"], "x.json"),
    "edit": (["edit", "tiny-inrs/000000", "--edit", "invert"], "x.safetensors"),
    "embed": (["embed", "tiny-inrs", "--model", "tiny-classify", "--device", "cpu", "--layout", "pca"], "x.npz"),
    "results": (["results"], "x.json"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_that_exists_is_kept_unless_it_may_be_replaced(run, tmp_path, name):
    command, file = OUTPUTS[name]
    (tmp_path / file).write_bytes(b"mine")
    refused = run(*command, "--out", tmp_path / file)
    assert refused.code == 1
    assert refused.stderr.startswith(f"Error: Expected nothing at {tmp_path / file}, ")
    assert "--replace" in refused.stderr
    assert (tmp_path / file).read_bytes() == b"mine"
    assert run(*command, "--out", tmp_path / file, "--replace").code == 0
    assert (tmp_path / file).read_bytes() != b"mine"


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_below_a_file_is_an_error_in_words(run, tmp_path, name):
    command, file = OUTPUTS[name]
    (tmp_path / "file").write_bytes(b"mine")
    outcome = run(*command, "--out", tmp_path / "file" / "below" / file)
    assert outcome.code == 1
    assert outcome.stderr.startswith("Error: ") and str(tmp_path / "file") in outcome.stderr


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_folder_that_cannot_be_written_to_is_said_before_the_work(run, tmp_path, monkeypatch, name):
    from ngcore.cli import replacing

    command, file = OUTPUTS[name]
    monkeypatch.setattr(replacing.os, "access", lambda *_: False)
    outcome = run(*command, "--out", tmp_path / file)
    assert outcome.code == 1
    assert outcome.stderr == f"Error: Expected a folder that can be written to, got {tmp_path}.\n"


def test_the_png_of_an_edit_that_exists_is_kept_too(run, tmp_path):
    (tmp_path / "x.png").write_bytes(b"mine")
    outcome = run("edit", "tiny-inrs/000000", "--edit", "invert", "--out", tmp_path / "x.safetensors", "--png")
    assert outcome.code == 1
    assert (tmp_path / "x.png").read_bytes() == b"mine"
    assert not (tmp_path / "x.safetensors").exists()


def test_a_terminal_is_asked_before_an_output_is_replaced(tmp_path, monkeypatch):
    from ngcore.cli import replacing
    from ngcore.errors import NeuralGraphError

    (tmp_path / "x.json").write_text("mine")
    monkeypatch.setattr(replacing.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(replacing.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(replacing.typer, "confirm", lambda question, err: True)
    replacing.check_output(tmp_path / "x.json", suffixes=(".json",), replace=False)
    monkeypatch.setattr(replacing.typer, "confirm", lambda question, err: False)
    with pytest.raises(NeuralGraphError, match="Expected nothing at"):
        replacing.check_output(tmp_path / "x.json", suffixes=(".json",), replace=False)


@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["--help"]])
def test_a_reader_that_leaves_ends_the_command_without_a_word(arguments):
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=120)
    assert error == ""


def test_an_interrupt_during_the_start_is_code_130_without_a_traceback():
    code = (
        "import sys, builtins, ngcore.cli\n"
        "def stop(arguments): raise KeyboardInterrupt\n"
        "ngcore.cli._run = stop\n"
        "ngcore.cli.main(['models'])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert (outcome.returncode, outcome.stderr) == (130, "")


def test_control_c_ends_a_running_command_with_code_130(tmp_path):
    code = (
        "import ngcore.cli, ngcore.zoo, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where the tests run in the background
        "def wait():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "ngcore.zoo.list_zoos = ngcore.zoo.survey_zoos = wait\n"
        "ngcore.cli.main(['zoo', 'list'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "Stopped.\n")


def test_no_command_shows_the_help():
    outcome = subprocess.run(COMMAND, capture_output=True, text=True, timeout=60, cwd=REPOSITORY)
    assert "Usage: ngcore" in outcome.stdout
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_options_of_one_meaning_have_one_name_everywhere():
    """`--out`, `--json`, `--device`, `--limit`, `--seed` and `--replace` mean the same wherever they stand."""
    import typer.main

    from ngcore.cli.program import program

    def leaves(command):
        children = getattr(command, "commands", {}).values()
        return [leaf for child in children for leaf in leaves(child)] if children else [command]

    names = {"as_json": "--json", "device": "--device", "limit": "--limit", "seed": "--seed", "out": "--out"}
    for command in leaves(typer.main.get_command(program)):
        for parameter in command.params:
            expected = names.get(parameter.name)
            assert expected is None or parameter.opts == [expected]


def test_a_file_of_weights_that_makes_no_network_can_be_looked_at_all_the_same(run, tmp_path):
    path = tmp_path / "odd weights.safetensors"
    safetensors.torch.save_file({"a.weight": torch.ones(3, 2), "b.weight": torch.ones(5, 4)}, path)
    refused = run("graph", path)
    assert refused.code == 1
    assert f"ngcore weights '{path}'" in refused.stderr
    assert run("weights", path).code == 0
