"""Strangers' names of files, tensors, zoos, networks and labels: no command lets their escapes reach the terminal."""

import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

ESCAPES = "\x1b[31m\x1b]8;;http://x.example\x07\x9b2J\u202e\u200b\u2066"
NAME = f"a{ESCAPES}[red]b[/red][link=http://x.example]c"
SHOWN = "[red]b[/red][link=http"


def unprintable(text):
    """Characters of the text that a terminal would act on or not show."""
    return {letter for letter in text if letter != "\n" and unicodedata.category(letter)[0] == "C"}


@pytest.fixture
def strangers(tmp_path, shelf):
    """A folder with files whose names, tensors, zoo, networks and labels are hostile."""
    import numpy as np
    from tiny_zoos import write_inrs

    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    network = Zoo.open(shelf / "zoos" / "tiny-inrs").networks([8])
    good = tmp_path / f"{NAME.replace('/', '_')}\nsecond.safetensors"
    export_network(network, good)
    bad = tmp_path / f"bad{NAME.replace('/', '_')}.safetensors"
    bad.write_bytes(b"\x00" * 40)
    names = tmp_path / "names.npz"
    np.savez(names, **{NAME.replace("/", "_"): np.ones((3, 3, 3), np.float32)})
    zoo = write_hostile_zoo(tmp_path / f"zoo{ESCAPES}", write_inrs)
    return {"good": good, "bad": bad, "names": names, "zoo": zoo, "folder": tmp_path}


def write_hostile_zoo(folder, write):
    """A zoo whose folder, name, labels and identifiers are hostile."""
    zoo = write(folder.with_name("plain"))
    path = zoo.folder / "card.json"
    card = json.loads(path.read_text())
    card["name"] = card["note"] = NAME
    card["class_names"] = [NAME, NAME, NAME]
    path.write_text(json.dumps(card))
    return zoo.folder.rename(folder)


def commands(strangers):
    """Commands that show something of the strangers', by name."""
    good, bad, names, zoo, folder = (strangers[key] for key in ("good", "bad", "names", "zoo", "folder"))
    return {
        "predict": ("predict", good, "--device", "cpu"),
        "predict a damaged file": ("predict", bad),
        "predict odd tensors": ("predict", names),
        "predict of no zoo": ("predict", f"{NAME}/1"),
        "graph": ("graph", good),
        "graph written": ("graph", good, "--out", folder / f"{ESCAPES}.html"),
        "graph of a damaged file": ("graph", bad),
        "graph of odd tensors": ("graph", names),
        "edit": ("edit", good, "--out", folder / f"{ESCAPES}.safetensors", "--device", "cpu"),
        "edit of a damaged file": ("edit", bad, "--out", folder / "x.safetensors"),
        "edit of an unknown kind": ("edit", good, "--edit", NAME, "--out", folder / "x.safetensors"),
        "embed": (
            *("embed", zoo, "--model", "tiny-classify", "--out", folder / f"{ESCAPES}.npz"),
            *("--device", "cpu", "--layout", "pca"),
        ),
        "embed by no model": ("embed", zoo, "--model", NAME, "--out", folder / "x.npz"),
        "zoo info": ("zoo", "info", zoo),
        "zoo info of none": ("zoo", "info", NAME),
        "zoo verify": ("zoo", "verify", zoo),
        "zoo list": ("zoo", "list"),
        "zoo sample": ("zoo", "sample", zoo, "--test", "1", "--out", folder / f"s{ESCAPES}"),
        "zoo merge": ("zoo", "merge", zoo, zoo, "--name", NAME, "--out", folder / f"m{ESCAPES}"),
        "zoo build": ("zoo", "build", NAME),
        "map": ("map", zoo, "--model", NAME),
        "evaluate": ("evaluate", NAME),
        "evaluate of a zoo": ("evaluate", "--all", "--zoo", zoo),
        "train": ("train", NAME),
        "study": ("study", NAME),
        "seeds": ("seeds", NAME),
        "models": ("models", "--task", NAME),
        "data fetch": ("data", "fetch", NAME),
        "results": ("results", "--out", folder / f"{ESCAPES}.json"),
        "a wrong option": ("predict", f"--{NAME}"),
        "a wrong value": ("graph", good, "--stride", NAME),
        "a wrong command": (NAME,),
    }


CASES = tuple(commands(dict.fromkeys(("good", "bad", "names", "zoo"), "x") | {"folder": Path("x")}))


@pytest.mark.parametrize("case", CASES)
def test_no_escape_of_a_stranger_reaches_the_terminal(run, strangers, case):
    outcome = run(*commands(strangers)[case])
    assert outcome.stdout + outcome.stderr
    assert unprintable(outcome.stdout) == unprintable(outcome.stderr) == set()


@pytest.mark.parametrize("case", ["predict of no zoo", "zoo info", "edit of an unknown kind", "a wrong command"])
def test_brackets_are_printed_as_they_are(run, strangers, case):
    outcome = run(*commands(strangers)[case])
    assert SHOWN in outcome.stdout + outcome.stderr


@pytest.mark.parametrize("case", ["predict", "graph", "zoo info", "zoo verify", "embed"])
def test_json_is_valid_and_escapes_what_a_terminal_would_act_on(run, strangers, case):
    outcome = run(*commands(strangers)[case], "--json")
    assert unprintable(outcome.stdout) == set()
    assert outcome.json
    assert "\\u001b[31m" in outcome.stdout


def test_the_exact_name_of_a_file_is_in_the_json(run, strangers):
    assert run("graph", strangers["good"], "--json").json["network"] == str(strangers["good"])


def test_a_line_break_in_a_name_makes_no_line_of_its_own(run, strangers):
    copied = strangers["good"].with_name("x\nError: all is lost.safetensors")
    copied.write_bytes(b"\x00" * 40)
    assert len(run("graph", copied).stderr.splitlines()) == 1


def test_colours_of_a_terminal_stay_while_those_of_strangers_go():
    import io

    from ngcore.cli.output import make_console, table_of

    stream = io.StringIO()
    console = make_console(file=stream, force_terminal=True, width=100)
    console.print(table_of(("Name",), [(NAME,)], title=NAME))
    console.print(NAME)
    assert "\x1b[1m" in stream.getvalue()
    assert "\x1b[31m" not in stream.getvalue()
    assert unprintable(stream.getvalue()) == {"\x1b"}


def test_progress_shows_names_without_their_escapes(monkeypatch):
    import io

    from ngcore.cli import progress
    from ngcore.cli.output import make_console

    stream = io.StringIO()
    terminal = make_console(file=stream, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "make_console", lambda **_: terminal)
    with progress.progress_bar(NAME) as bar:
        bar(1, 4, note=NAME)
    with progress.waiting(NAME):
        pass
    assert SHOWN in stream.getvalue()
    assert "\x1b[31m" not in stream.getvalue()
    assert unprintable(stream.getvalue()) <= {"\x1b", "\r"}


def test_warnings_and_tracebacks_of_the_process_are_cleaned():
    code = (
        "import ngcore.cli, warnings\n"
        "try: ngcore.cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "warnings.warn('old \\x1b[31m\\u202ename')\n"
        "raise RuntimeError('lost \\x1b[31mname')"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "Warning: old [31mname\n" in outcome.stderr
    assert "RuntimeError: lost [31mname" in outcome.stderr
    assert unprintable(outcome.stderr) == set()


def test_consoles_are_made_in_one_place():
    import ngcore.cli

    files = [path for path in Path(ngcore.cli.__file__).parent.glob("*.py") if path.name != "output.py"]
    assert [
        path.name for path in files if re.search(r"(?<![.\w])(Console|print)\(", path.read_text(encoding="utf-8"))
    ] == []
