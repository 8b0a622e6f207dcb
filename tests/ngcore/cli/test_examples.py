"""The examples below the help of every command: each works in a fresh clone, with nothing but what ships."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
# What trains, builds, fetches, measures everything, serves or needs a cluster is read in full and not carried out.
LONG = ("app", "benchmark", "calibrate", "data", "evaluate --all", "map", "seeds", "study", "train", "zoo build")
LIMITS = {"check": ("--copies", "2"), "embed": ("--limit", "4"), "evaluate": ("--limit", "4")}


def all_commands(group=None):
    """Every command of the program, groups included."""
    import typer.main

    from ngcore.cli.program import program

    group = typer.main.get_command(program) if group is None else group
    yield group
    for command in getattr(group, "commands", {}).values():
        yield from all_commands(command)


def examples():
    """All examples, each as one line."""
    text = "\n".join(command.epilog or "" for command in all_commands())
    return list(dict.fromkeys(re.findall(r"^  ngcore (.+)$", text, re.MULTILINE)))


def is_long(example):
    return example.startswith(LONG) or "--scheduler" in example


@pytest.fixture(autouse=True)
def found_by_name(tmp_path, monkeypatch):
    """A folder of the user's with two files of weights; of zoos and models, only what ships is found."""
    import torch

    from ngcore.networks import to_module
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo, find_zoo

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("COLUMNS", "200")
    cnns, inrs = Zoo.open(find_zoo("cifar10-gs-cnns")), Zoo.open(find_zoo("mnist-inrs"))
    export_network(cnns.networks([0]), tmp_path / "weights.safetensors")
    torch.save(to_module(inrs.networks([0])).state_dict(), tmp_path / "inr.pt")
    shutil.copy(REPOSITORY / "README.md", tmp_path)
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")


def test_every_command_has_examples():
    assert len(examples()) > 25
    assert all("ngcore " in (command.epilog or "") for command in all_commands())


@pytest.mark.parametrize("example", [example for example in examples() if not is_long(example)])
def test_an_example_works_in_a_fresh_clone(run, example):
    words = shlex.split(example, comments=True)
    outcome = run(*words, *LIMITS.get(words[0], ()))
    assert (outcome.code, outcome.stderr.count("Error")) == (0, 0), outcome.stderr


@pytest.mark.parametrize("example", [example for example in examples() if is_long(example)])
def test_a_long_example_is_one_that_the_command_understands(example):
    import typer.main

    from ngcore.cli.program import program

    command, words = typer.main.get_command(program), shlex.split(example, comments=True)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    context = command.make_context("ngcore", words)
    for name, known in names_of(example).items():
        given = context.params[name]
        assert set(given if isinstance(given, list | tuple) else [given]) <= set(known)


def names_of(example):
    """The parameters of an example that must be names of something, and what there is."""
    from ngcore.report.studies import study_names
    from ngcore.tasks import RECIPES
    from ngcore.zoo import CLASS_NAMES, CLASSIFIER_ZOOS, INR_ZOOS

    known = {
        "data": {"name" if example.startswith("data sample") else "names": CLASS_NAMES},
        "map": {"zoo": [*INR_ZOOS, *CLASSIFIER_ZOOS]},
        "seeds": {"name": RECIPES},
        "study": {"name": study_names()},
        "train": {"name": RECIPES},
        "zoo": {"name": [*INR_ZOOS, *CLASSIFIER_ZOOS]},
    }
    return known.get(example.split()[0], {})
