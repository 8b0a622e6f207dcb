"""The notebook: its code runs from first to last cell and says what its text promises; no outputs are stored."""

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "assets" / "notebooks" / "neural_graphs.ipynb"


@pytest.fixture(scope="module")
def cells():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_the_notebook_is_stored_without_outputs(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_notebook_runs_and_says_what_its_text_promises(cells, capsys):
    from ngcore.inr import render

    known = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), known)
    said = capsys.readouterr().out
    assert "the same network again: True" in said
    assert "once aligned:                       0.00" in said
    assert "mnist-ng-sweep: 7 (100.0%), shuffled 7 (100.0%)" in said
    assert known["pictures"](known["digit"], known["once"], side=28).size == (56, 28)
    digit, once, twice = (render(known[name]).mean() for name in ("digit", "once", "twice"))
    assert digit < once < twice
    apart = [(render(network) - render(known["digit"])).square().mean() for network in known["halfway"]]
    assert apart[0] > 0.01 and apart[1] < 1e-6
