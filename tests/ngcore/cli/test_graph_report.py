"""`ngcore graph --report`: a row for each layer, with all neurons, edges and parameters."""

import pytest
from dag_architectures import DAGS


@pytest.fixture
def path_of(tmp_path):
    """A function that writes a random network of a name as a file."""

    def write(name):
        import torch

        from ngcore.testing import random_network
        from ngcore.upload import export_network

        export_network(random_network(DAGS[name], seed=1, dtype=torch.float32), tmp_path / "network.safetensors")
        return tmp_path / "network.safetensors"

    return write


@pytest.mark.parametrize("name", DAGS)
def test_the_rows_hold_all_neurons_edges_and_parameters(run, path_of, name):
    result = run("graph", path_of(name), "--report", "--json").json
    for total in ("num_edges", "num_parameters"):
        rest = result["num_parameters_elsewhere"] if total == "num_parameters" else 0
        assert sum(layer[total] for layer in result["layers"]) + rest == result[total]
    assert sum(layer["num_neurons"] for layer in result["layers"]) == result["num_nodes"]
    assert result["coverage"] is None


def test_the_table_names_layers_kinds_and_what_they_read(run, path_of):
    outcome = run("graph", path_of("transformer"), "--report")
    assert outcome.code == 0
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in outcome.stdout.splitlines() if "│" in line]
    assert ["1", "tokens", "embedding", "12", "", "0", "108", "108"] in lines
    assert lines[-1][1:4] == ["tokens", "linear", "9"] and lines[-1][-1] == "0"


def test_the_gates_of_a_recurrence_are_one_layer(run, path_of):
    layers = run("graph", path_of("lstm"), "--report", "--json").json["layers"]
    assert [layer["num_neurons"] for layer in layers if layer["kind"] == "recurrence"] == [16, 16, 20]


def test_what_was_left_out_is_listed(capsys):
    from ngcore.cli.graph_report import show_report
    from ngcore.cli.output import make_console
    from ngcore.networks.lifting.coverage import Coverage, Skipped

    skipped = Skipped("encoder.attn", "unfold", "it has no counterpart here", 64, 1)
    coverage = Coverage(128, 64, (skipped,), ("head.bias",), ("folded",)).to_dict()
    show_report(make_console(width=140), {"layers": [], "num_parameters_elsewhere": 0, "coverage": coverage})
    said = capsys.readouterr()
    assert "encoder.attn" in said.out and "it has no counterpart here" in said.out
    assert "64 of 128 parameters" in said.err and "head.bias" in said.err and "folded" in said.err


def test_a_chain_has_a_report_too(run):
    result = run("graph", "tiny-inrs/000001", "--report", "--json").json
    assert [layer["kind"] for layer in result["layers"]][:2] == ["input", "linear"]
