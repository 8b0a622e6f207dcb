"""README and the documents beside it: the example runs, links lead somewhere, commands exist."""

import re
from pathlib import Path

import pytest

import ngcore

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
ELSEWHERE = ("https://", "http://", "mailto:")
SOURCE = re.compile(r"`((?:app|assets|ngcore|pages|tests)/[\w./-]+)`")
INVENTED = {"pages/symmetry.py", "app/symmetry", "tests/pages/test_symmetry.py"}  # what a contributor would add
COMMAND = re.compile(r"`ngcore ([a-z]+)")
EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def examples(capsys):
    """The code of each example of the README, with the lines that it prints."""
    for code in EXAMPLE.findall((REPOSITORY / "README.md").read_text(encoding="utf-8")):
        exec(compile(code, "README.md", "exec"), {})
        yield code, capsys.readouterr().out.splitlines()


def test_the_examples_of_the_readme_run_and_print_what_it_says(capsys):
    found = list(examples(capsys))
    (first, (digits, shuffled, brightness)), (second, (graph, is_same)), (_, (accuracy,)) = found
    assert digits == shuffled == "[7, 2, 1, 0, 4, 1, 4, 9]"
    assert digits in first
    before, after = map(float, brightness.split())
    assert f"{before:.2f} and {after:.2f}" in first
    nodes, edges = map(int, re.search(r"(\d+) nodes, (\d+) edges", graph).groups())
    assert f"{nodes:,} nodes and {edges:,} edges" in second
    assert is_same == "True"
    assert float(accuracy) > 0.7


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document):
    links = LINK.findall(document.read_text(encoding="utf-8"))
    files = [link.partition("#")[0] for link in links if not link.startswith(ELSEWHERE)]
    assert [file for file in files if file and not (document.parent / file).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_source_file_that_is_named_exists(document):
    named = set(SOURCE.findall(document.read_text(encoding="utf-8"))) - INVENTED
    assert sorted(name for name in named if not (REPOSITORY / name).exists()) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(document):
    import typer

    from ngcore.cli.program import program

    known = set(typer.main.get_command(program).commands)
    named = set(COMMAND.findall(document.read_text(encoding="utf-8")))
    assert named <= known


def test_the_version_to_cite_is_the_one_of_the_package():
    citation = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {ngcore.__version__}\n" in citation
