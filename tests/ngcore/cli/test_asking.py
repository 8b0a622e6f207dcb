"""`ngcore predict`, `edit`, `embed`, `map` and `graph`: what trained models say and do, by name and by file."""

import json

import numpy as np
import pytest


@pytest.fixture
def files(shelf, tmp_path):
    """A SIREN of the zoo as a file that says all, and the same as a torch state dict that does not."""
    import torch

    from ngcore.networks import to_module
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    zoo = Zoo.open(shelf / "zoos" / "tiny-inrs")
    network = zoo.networks([8])
    export_network(network, tmp_path / "whole.safetensors")
    torch.save(to_module(network).state_dict(), tmp_path / "bare.pt")
    return {"network": network, "whole": tmp_path / "whole.safetensors", "bare": tmp_path / "bare.pt"}


def answers(entry):
    """Probabilities by model."""
    return {answer["model"]: answer["probabilities"] for answer in entry["answers"]}


def test_all_models_of_its_zoo_classify_an_inr_and_the_truth_stands_beside(run):
    (entry,) = run("predict", "tiny-inrs/000008", "--device", "cpu", "--json").json
    assert (entry["true_label"], entry["true_accuracy"]) == (2, None)
    assert set(answers(entry)) == {"tiny-classify", "tiny-probes"}
    for probabilities in answers(entry).values():
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    shown = run("predict", "tiny-inrs/000008", "--device", "cpu").stdout
    assert "class 2" in shown
    assert "tiny-probes" in shown


def test_the_accuracy_of_a_cnn_is_told_beside_the_true_one(run):
    (entry,) = run("predict", "tiny-cnns/00001-000000", "--device", "cpu", "--json").json
    assert entry["true_accuracy"] == pytest.approx(0.4)
    (answer,) = entry["answers"]
    assert answer["model"] == "tiny-predict"
    assert 0 <= answer["accuracy"] <= 1
    assert "accuracy 40.0%" in run("predict", "tiny-cnns/00001-000000", "--device", "cpu").stdout


def test_a_network_says_the_same_from_a_zoo_and_from_files_with_hints(run, files):
    command = ("predict", "tiny-inrs/000008", files["whole"], files["bare"])
    outcome = run(*command, "--activation", "sine", "--convention", "dws", "--device", "cpu", "--json")
    from_zoo, *from_files = map(answers, outcome.json)
    for answered in from_files:
        assert {"tiny-classify", "tiny-probes"} <= set(answered)
        assert answered["tiny-probes"] == pytest.approx(from_zoo["tiny-probes"], abs=1e-6)


def test_a_file_that_leaves_something_open_is_asked_about_with_the_option_to_add(run, files):
    outcome = run("predict", files["bare"])
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "The file does not say all about this network." in outcome.stderr
    assert "--activation" in outcome.stderr


def test_what_is_neither_file_nor_network_is_refused(run):
    outcome = run("predict", "nowhere.safetensors")
    assert outcome.code == 1
    assert outcome.stderr == (
        "Error: Expected a file, or a network of a zoo such as mnist-inrs/060000, got 'nowhere.safetensors': "
        "no such file.\n"
    )
    assert "got 'tiny-inrs/999999'" in run("predict", "tiny-inrs/999999").stderr
    unknown = run("predict", "tiny-inrs/000008", "--model", "tiny-edit")
    assert unknown.stderr.startswith("Error: Unknown checkpoint to classify or predict with 'tiny-edit'; choose from: ")


def test_a_network_that_no_model_can_read_is_said_to_be_so(run, tmp_path):
    import torch

    from ngcore.networks import Network, mlp
    from ngcore.upload import export_network

    architecture = mlp((5, 3, 4))
    export_network(
        Network.unflatten(architecture, torch.ones(1, architecture.num_parameters)), tmp_path / "x.safetensors"
    )
    outcome = run("predict", tmp_path / "x.safetensors")
    assert outcome.code == 1
    assert "Expected networks that a trained model can read, got" in outcome.stderr
    assert "(5-3-4 relu)" in outcome.stderr


def test_an_edit_writes_weights_and_picture_and_tells_the_error_before_and_after(run, tmp_path, shelf):
    from PIL import Image

    from ngcore.upload import read_network

    out = tmp_path / "edited.safetensors"
    command = ("edit", "tiny-inrs/000008", "--out", out, "--replace", "--device", "cpu")
    result = run(*command, "--png", "--size", "20", "--json").json
    assert (result["model"], result["files"]) == ("tiny-edit", [str(out), str(out.with_suffix(".png"))])
    assert result["relative_change"] > 0
    assert {"mse_before", "mse_after"} <= result.keys()
    with Image.open(out.with_suffix(".png")) as picture:
        assert picture.size == (20, 20)
    edited = read_network(out.read_bytes()).network
    assert edited.architecture.name == "2-8-8-1 sine"
    assert "before" in run(*command).stdout


def test_an_exact_edit_needs_no_model_and_reports_its_error(run, tmp_path, shelf):
    from ngcore.inr import edit_weights
    from ngcore.upload import read_network
    from ngcore.zoo import Zoo

    out = tmp_path / "inverted.safetensors"
    command = ("edit", "tiny-inrs/000008", "--edit", "invert", "--strength", "0.5", "--out", out, "--replace")
    result = run(*command, "--json").json
    assert (result["edit"], result["model"]) == ("invert", None)
    zoo = Zoo.open(shelf / "zoos" / "tiny-inrs")
    own = zoo.networks([zoo.position("tiny-inrs/000008")])
    assert read_network(out.read_bytes()).network.equals(edit_weights(own, "invert", 0.5))
    assert "exact formula" in run(*command).stdout


def test_an_edit_that_nobody_knows_or_has_learned_is_refused(run, tmp_path, shelf):
    out = tmp_path / "x.safetensors"
    assert run("edit", "tiny-inrs/000008", "--edit", "sharpen", "--out", out).code == 1
    unlearned = run("edit", "tiny-inrs/000008", "--edit", "blur", "--out", out)
    assert (unlearned.code, out.exists()) == (1, False)
    assert "models are available for: dilate" in unlearned.stderr and "--fit-on" in unlearned.stderr


def test_what_nobody_has_learned_can_be_fitted_on(run, tmp_path, shelf):
    from ngcore.inr import edit_by_fitting
    from ngcore.upload import read_network
    from ngcore.zoo import Zoo
    from ngcore.zoo.originals import original_images

    out = tmp_path / "soft.safetensors"
    command = ("edit", "tiny-inrs/000008", "--edit", "blur", "--fit-on", "--out", out, "--replace", "--device", "cpu")
    result = run(*command, "--json").json
    assert (result["model"], result["fitted_on"]) == (None, True)
    zoo = Zoo.open(shelf / "zoos" / "tiny-inrs")
    position = zoo.position("tiny-inrs/000008")
    size = original_images(zoo, [position]).shape[1:3]
    expected = edit_by_fitting(zoo.networks([position]), "blur", size=size, device="cpu")
    assert read_network(out.read_bytes()).network.equals(expected)
    assert "further fitting" in run(*command).stdout


def test_the_answer_of_a_model_can_be_fitted_on(run, tmp_path, shelf):
    from ngcore.inr import edit_by_fitting
    from ngcore.tasks import edit_inrs, load_checkpoint
    from ngcore.upload import read_network
    from ngcore.zoo import Zoo
    from ngcore.zoo.originals import original_images

    out = tmp_path / "thick.safetensors"
    command = (
        "edit",
        "tiny-inrs/000008",
        "--model",
        "tiny-edit",
        "--fit-on",
        "--out",
        out,
        "--replace",
        "--device",
        "cpu",
    )
    result = run(*command, "--strength", "0.5", "--json").json
    assert (result["model"], result["fitted_on"]) == ("tiny-edit", True)
    zoo = Zoo.open(shelf / "zoos" / "tiny-inrs")
    position = zoo.position("tiny-inrs/000008")
    own, size = zoo.networks([position]), original_images(zoo, [position]).shape[1:3]
    start = edit_inrs(load_checkpoint("tiny-edit", "cpu"), own, strength=0.5)
    expected = edit_by_fitting(own, "dilate", 0.5, start=start, size=size, device="cpu")
    assert read_network(out.read_bytes()).network.equals(expected)
    assert "tiny-edit, then further fitting" in run(*command).stdout


def test_the_help_names_all_edits():
    from ngcore.cli.edit import EDITS
    from ngcore.inr import IMAGE_EDITS

    assert tuple(IMAGE_EDITS) == EDITS


def test_an_edit_of_strength_0_writes_the_network_as_it_was(run, files, tmp_path):
    from ngcore.upload import read_network

    out = tmp_path / "same.safetensors"
    result = run("edit", files["whole"], "--out", out, "--strength", "0", "--device", "cpu", "--json").json
    assert result["relative_change"] == 0
    assert "mse_before" not in result
    assert read_network(out.read_bytes()).network.equals(files["network"])
    assert run("edit", files["whole"], "--out", tmp_path / "x.npz").stderr == (
        f"Error: Expected --out to end in .safetensors, got {tmp_path / 'x.npz'}.\n"
    )


def test_embeddings_of_a_zoo_are_the_same_in_both_files_and_in_its_order(run, tmp_path, shelf):
    import pandas
    import torch

    from ngcore.tasks import embed_networks, load_checkpoint
    from ngcore.zoo import Zoo

    command = ("embed", "tiny-inrs", "--model", "tiny-classify", "--device", "cpu", "--split", "test")
    run(*command, "--out", tmp_path / "e.npz")
    result = run(*command, "--out", tmp_path / "e.parquet", "--json").json
    table, arrays = pandas.read_parquet(tmp_path / "e.parquet"), np.load(tmp_path / "e.npz", allow_pickle=False)
    assert table["id"].tolist() == arrays["id"].tolist() == [f"tiny-inrs/{i:06d}" for i in range(8, 12)]
    assert table["label"].tolist() == [2, 0, 1, 2]
    assert np.array_equal(np.stack(table["embedding"]), arrays["embedding"])
    assert arrays["embedding"].shape == (4, result["d"])
    network = Zoo.open(shelf / "zoos" / "tiny-inrs").networks(range(8, 12))
    expected = embed_networks(load_checkpoint("tiny-classify", "cpu"), network)
    assert torch.allclose(torch.from_numpy(arrays["embedding"]), expected, atol=1e-5)
    assert arrays["coordinates"].shape == (4, 2) and result["layout"] == "pca"  # too few for UMAP
    assert np.array_equal(table[["x", "y"]].to_numpy(), arrays["coordinates"])
    run(*command, "--out", tmp_path / "e.csv", "--layout", "pca", "--dimensions", "3")
    csv = pandas.read_csv(tmp_path / "e.csv")
    numbers = csv[[f"e{i}" for i in range(result["d"])]].to_numpy()
    assert csv["id"].tolist() == table["id"].tolist() and np.allclose(numbers, arrays["embedding"], atol=1e-6)
    assert np.allclose(csv[["x", "y"]], arrays["coordinates"], atol=1e-5) and "z" in csv
    run(*command, "--out", tmp_path / "plain.parquet", "--layout", "none")
    assert "x" not in pandas.read_parquet(tmp_path / "plain.parquet")
    refused = run("embed", "tiny-inrs", "--model", "tiny-classify", "--out", "e.txt")
    assert refused.stderr == "Error: Expected --out to end in .parquet, .csv, .npz, got e.txt.\n"
    refused = run("embed", "tiny-inrs", "--model", "tiny-classify", "--out", "e.csv", "--layout", "x")
    assert refused.stderr.startswith("Error: Unknown layout 'x'; choose from: none, pca, tsne, umap")


def test_maps_of_a_zoo_are_fitted_by_raw_weights_and_every_model_of_it_but_editors(run, tmp_path, monkeypatch):
    from ngcore.maps import zoo_maps

    fitted = []

    def write(zoo, card, *, folder, device, progress, keep_coordinates):
        progress(1, 2)
        assert not keep_coordinates
        fitted.append((zoo.name, card and card["name"], str(device)))
        path = folder / f"{len(fitted)}.npz"
        path.write_bytes(b"map")
        return path

    monkeypatch.setattr(zoo_maps, "write_map", write)
    result = run("map", "tiny-inrs", "--out", tmp_path, "--device", "cpu", "--json").json
    assert [name for _, name, _ in fitted] == ["tiny-classify", "tiny-probes", None]
    assert [entry["model"] for entry in result] == ["tiny-classify", "tiny-probes", "weights"]
    run("map", "tiny-inrs", "--model", "tiny-edit", "--out", tmp_path, "--device", "cpu")
    assert fitted[-1] == ("tiny-inrs", "tiny-edit", "cpu")
    run("map", "tiny-cnns", "--model", "weights", "--out", tmp_path, "--device", "cpu")
    assert fitted[-1] == ("tiny-cnns", None, "cpu")
    assert run("map", "tiny-inrs", "--model", "x").stderr.startswith(
        "Error: Unknown checkpoint 'x'; choose from: tiny-"
    )


def test_a_graph_is_summed_up_block_by_block(run):
    result = run("graph", "tiny-inrs/000000", "--json").json
    assert (result["num_nodes"], result["num_edges"]) == (2 + 8 + 8 + 1, 16 + 64 + 8)
    assert [block["num_edges"] for block in result["edge_blocks"]] == [16, 64, 8]
    assert [block["role"] for block in result["node_blocks"]] == ["input", "hidden", "hidden", "output"]
    assert "19 nodes, 88 edges" in run("graph", "tiny-inrs/000000").stdout


def test_a_graph_as_json_has_the_biases_at_its_nodes_and_the_weights_at_its_edges(run, files, tmp_path):
    run("graph", files["whole"], "--out", tmp_path / "graph.json")
    graph = json.loads((tmp_path / "graph.json").read_text())
    parameters = files["network"].parameters
    assert graph["nodes"][2:10] == [[value] for value in parameters["0.bias"][0].tolist()]
    weights = {(source, target): weight for source, target, weight in graph["edges"]}
    assert len(weights) == 88
    assert weights[1, 4] == parameters["0.weight"][0, 2, 1].item()
    assert weights[3, 12] == parameters["2.weight"][0, 2, 1].item()


def test_a_graph_of_torch_geometric_leads_back_to_the_network(run, files, tmp_path):
    import torch
    from torch_geometric.data import Data

    from ngcore.graph import from_pyg, graph_structure, to_network

    run("graph", files["whole"], "--out", tmp_path / "graph.pt")
    data = torch.load(tmp_path / "graph.pt", weights_only=False)
    assert isinstance(data, Data)
    structure = graph_structure(files["network"].architecture)
    assert to_network(from_pyg([data], structure, (1, 1))).equals(files["network"])


def test_the_drawing_of_a_graph_needs_nothing_from_elsewhere_and_escapes_its_title(run, tmp_path, files):
    hostile = tmp_path / "<script>alert(1)<_script>.safetensors"
    hostile.write_bytes(files["whole"].read_bytes())
    run("graph", hostile, "--out", tmp_path / "graph.html")
    page = (tmp_path / "graph.html").read_text()
    assert page.count("<line ") == 88
    assert page.count("<circle ") == 19
    assert "88 of 88 edges are drawn" in page
    assert "<script" not in page
    assert "http" not in page


def test_graphs_are_written_in_three_formats_only(run):
    refused = run("graph", "tiny-inrs/000000", "--out", "graph.dot")
    assert refused.stderr == "Error: Expected --out to end in .json, .pt, .html, got graph.dot.\n"


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_options_take_finite_numbers_alone(run, files, tmp_path, number):
    for command in (
        ("edit", files["whole"], "--out", tmp_path / "x.safetensors", "--strength", number),
        ("predict", files["bare"], "--activation", "sine", "--omega-0", number),
    ):
        outcome = run(*command)
        assert (outcome.code, outcome.stdout) == (2, "")
        assert "expected a finite number" in outcome.stderr
    assert run("train", "mnist-ng-gnn", "--max-seconds", number).code == 2
    assert not (tmp_path / "x.safetensors").exists()


@pytest.fixture
def extreme(files, tmp_path):
    """A function that writes a network whose weights are all of one size as a file."""
    from ngcore.upload import export_network

    def write(size):
        path = tmp_path / f"{size:g}.safetensors"
        export_network(files["network"].map(lambda tensor: tensor.sign() * size), path)
        return path

    return write


@pytest.mark.parametrize("size", [0.0, 1e-40, 1e6, 1e30, 1e37, 3e38])
@pytest.mark.parametrize("edit", ["dilate", "invert"])
def test_an_edit_writes_finite_weights_or_nothing(run, extreme, tmp_path, size, edit):
    from ngcore.upload import read_network

    out = tmp_path / "out.safetensors"
    command = ("edit", extreme(size), "--edit", edit, "--out", out, "--png", "--device", "cpu", "--json")
    outcome = run(*command)
    if outcome.code == 0:
        assert outcome.json["files"] == [str(out), str(out.with_suffix(".png"))]
        read_network(out.read_bytes()).network.expect_finite("the file")
    else:
        assert (outcome.code, outcome.stdout) == (1, "") and "finite" in outcome.stderr
        assert not out.exists() and not out.with_suffix(".png").exists()


@pytest.mark.parametrize("size", [0.0, 1e-40, 1e6, 1e30, 1e37, 3e38])
def test_extreme_networks_are_answered_in_valid_json_without_a_number_that_is_none(run, extreme, tmp_path, size):
    (entry,) = run("predict", extreme(size), "--device", "cpu", "--json").json
    assert all(
        "error" in answer or np.isfinite(list(answer["probabilities"].values())).all() for answer in entry["answers"]
    )
    for ending in ("json", "html", "pt"):
        assert run("graph", extreme(size), "--out", tmp_path / f"graph.{ending}", "--json").code == 0
    page = (tmp_path / "graph.html").read_text()
    assert "nan" not in page and "inf" not in page
