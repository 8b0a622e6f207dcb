"""`ngcore compare`: distances of two networks before and after aligning, and how differently they compute."""

import pytest


def test_a_shuffled_copy_is_at_no_distance_once_aligned(run, shelf, tmp_path, generator):
    from ngcore.networks import draw_permutation, permute_hidden
    from ngcore.upload import export_network
    from ngcore.zoo import Zoo

    network = Zoo.open(shelf / "zoos" / "tiny-inrs").networks([8])
    copy = tmp_path / "copy.safetensors"
    export_network(permute_hidden(network, draw_permutation(network, generator)), copy)
    found = run("compare", "tiny-inrs/000008", copy, "--json").json
    assert found["weights"]["as_given"]["length"] > 0.5
    assert found["weights"]["aligned"]["length"] < 1e-5 < 1 - 1e-5 < found["weights"]["aligned"]["cosine"]
    assert found["function"]["picture_mse"] < 1e-9
    assert "neurons aligned" in run("compare", "tiny-inrs/000008", copy).stdout


def test_networks_of_different_architectures_have_no_distance_of_weights(run):
    outcome = run("compare", "tiny-inrs/000008", "tiny-cnns/00000-000000", "--json")
    assert outcome.json["weights"] is None and outcome.json["function"] == {}
    assert "no counterpart" in run("compare", "tiny-inrs/000008", "tiny-cnns/00000-000000").stderr


def test_a_network_that_is_not_there_is_named(run):
    outcome = run("compare", "tiny-inrs/000008", "tiny-inrs/999999")
    assert outcome.code == 1 and "999999" in outcome.stderr


def test_classifiers_are_compared_on_the_images_that_ship(run, monkeypatch):
    monkeypatch.delenv("NGCORE_ZOOS", raising=False)
    from ngcore.zoo import Zoo, find_zoo

    ids = Zoo.open(find_zoo("cifar10-gs-cnns")).metadata["id"].iloc[[0, 6]]
    function = run("compare", *ids, "--json").json["function"]
    assert function["images"] == "cifar10" and 0.1 < function["agreement"] <= 1
    assert function["accuracies"] == pytest.approx([0.207, 0.358], abs=0.05)
