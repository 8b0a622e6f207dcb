"""All commands: help with examples, quick starts, errors as one line, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ngcore.cli.app import SERVER

REPOSITORY = Path(__file__).resolve().parents[3]
COMMANDS = [
    [],
    ["data"],
    ["data", "fetch"],
    ["zoo"],
    ["zoo", "build"],
    ["zoo", "info"],
    ["zoo", "list"],
    ["zoo", "verify"],
    ["zoo", "sample"],
    ["zoo", "merge"],
    ["train"],
    ["evaluate"],
    ["calibrate"],
    ["results"],
    ["seeds"],
    ["study"],
    ["models"],
    ["predict"],
    ["edit"],
    ["embed"],
    ["map"],
    ["graph"],
    ["weights"],
    ["check"],
    ["benchmark"],
    ["app"],
    ["compare"],
    ["data", "sample"],
    ["zoo", "import"],
]


def python(code, *arguments):
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, cwd=REPOSITORY
    )


def all_commands(group=None, path=()):
    """Every command of the program, groups included, as the words that call it."""
    import typer.main

    from ngcore.cli.program import program

    group = typer.main.get_command(program) if group is None else group
    yield list(path)
    for name, command in getattr(group, "commands", {}).items():
        yield from all_commands(command, (*path, name))


def test_no_command_is_missing_here():
    assert sorted(all_commands()) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_shows_an_example_that_starts_with_it(run, command):
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert "Example" in outcome.stdout
    assert " ".join(["ngcore", *command]) in outcome.stdout.split("Example")[1]


def test_the_help_needs_neither_torch_nor_pandas():
    code = (
        "import sys, ngcore.cli\n"
        "try: ngcore.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'torch', 'pandas', 'numpy', 'sklearn'} & set(sys.modules))"
    )
    assert python(code).stdout.strip().endswith("set()")


def test_the_app_starts_before_anything_else_is_imported():
    code = (
        "import json, os, sys\n"
        "before = set(sys.modules)\n"
        "def stop(program, arguments):\n"
        "    heavy = {'torch', 'typer', 'rich', 'numpy', 'streamlit'} & (set(sys.modules) - before)\n"
        "    print(json.dumps([sys.executable, program, arguments, sorted(heavy)]))\n"
        "    raise SystemExit(0)\n"
        "os.execv = stop\n"
        "import ngcore.cli\n"
        "ngcore.cli.main(['app', '--port', '8600', '--public'])"
    )
    own, program, arguments, heavy = json.loads(python(code).stdout)
    assert program == own
    assert arguments == [own, *SERVER, "--port", "8600", "--public"]
    assert heavy == []


def test_the_app_as_a_command_among_others_hands_its_options_on(run, monkeypatch):
    started = []

    def start(_, arguments):
        started.extend(arguments)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", start)
    run("app", "--host", "0.0.0.0", "--port", "8600", "--public", "--allowed-host", "graphs.test", "--open")
    assert started[1:] == [
        *SERVER,
        "--host",
        "0.0.0.0",
        "--port",
        "8600",
        "--allowed-host",
        "graphs.test",
        "--public",
        "--open",
    ]


def test_a_real_process_answers_in_json_alone_and_fails_with_code_1(shelf):
    command = [sys.executable, "-m", "ngcore.cli"]
    environment = {**os.environ, "NGCORE_ZOOS": str(shelf / "zoos")}
    options = {"capture_output": True, "text": True, "cwd": REPOSITORY, "env": environment, "timeout": 120}
    listed = subprocess.run([*command, "zoo", "list", "--json"], **options)
    assert listed.returncode == 0
    assert {"tiny-cnns", "tiny-inrs"} <= {zoo["name"] for zoo in json.loads(listed.stdout)}
    failed = subprocess.run([*command, "zoo", "info", "no-such-zoo"], **options)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("Error: Unknown zoo 'no-such-zoo'; choose from: ")
    assert len(failed.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["trian"], ["train"], ["zoo", "sample", "x", "--test", "-1"], ["evaluate"]])
def test_bad_usage_is_code_2_with_nothing_on_stdout(run, arguments):
    outcome = run(*arguments)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "Error" in outcome.stderr


def test_a_file_that_cannot_be_written_is_one_line_and_code_1(run, tmp_path):
    (tmp_path / "folder.json").mkdir()
    outcome = run("graph", "tiny-inrs/000000", "--out", tmp_path / "folder.json")
    assert outcome.code == 1
    assert outcome.stderr == f"Error: Expected a file to write, got the folder {tmp_path / 'folder.json'}.\n"


def test_an_interrupt_is_code_130(run, monkeypatch):
    import ngcore.zoo

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(ngcore.zoo, "survey_zoos", interrupt)
    outcome = run("zoo", "list")
    assert (outcome.code, outcome.stdout, outcome.stderr) == (130, "", "Stopped.\n")


def test_the_version_is_that_of_the_package(run):
    from ngcore import __version__

    assert run("--version").stdout == f"ngcore {__version__}\n"
