"""Asking models: answers of a network alone are those in a stack, and wrong questions are refused."""

import importlib

import pytest
import torch
from tiny_checkpoints import write_tiny_checkpoints
from tiny_zoos import write_cnns

from ngcore.errors import CheckpointError, NotFiniteError, TooLargeError
from ngcore.inr.siren import initial_siren
from ngcore.networks import Network, siren
from ngcore.tasks import (
    Checkpoint,
    change_of_inrs,
    classify_inrs,
    edit_inrs,
    embed_networks,
    load_checkpoint,
    predict_accuracy,
)


@pytest.fixture(scope="module")
def models(inrs, tmp_path_factory):
    """An untrained checkpoint for every task."""
    cnns = write_cnns(tmp_path_factory.mktemp("cnns") / "tiny-cnns")
    folder = write_tiny_checkpoints(tmp_path_factory.mktemp("checkpoints"), inrs, cnns)
    return {path.name: load_checkpoint(path, "cpu") for path in folder.iterdir()} | {"cnns": cnns}


@pytest.fixture(scope="module")
def network():
    """More SIRENs than are asked about at a time."""
    return initial_siren(siren((2, 8, 8, 1)), 0, 70, seed=1)


def test_probabilities_of_a_large_stack_are_those_of_its_networks_alone(models, network):
    probabilities = classify_inrs(models["tiny-classify"], network)
    assert probabilities.shape == (70, 3)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(70), atol=1e-5)
    for i in (0, 63, 64, 69):
        assert torch.allclose(classify_inrs(models["tiny-classify"], network[i])[0], probabilities[i], atol=1e-5)


def test_networks_in_double_precision_are_asked_about_in_single(models, network):
    answer = classify_inrs(models["tiny-classify"], network[:2].to(dtype=torch.float64))
    assert torch.equal(answer, classify_inrs(models["tiny-classify"], network[:2]))


def test_predicted_accuracies_lie_between_none_and_all(models):
    predicted = predict_accuracy(models["tiny-predict"], models["cnns"].networks(range(6)))
    assert predicted.shape == (6,)
    assert ((predicted > 0) & (predicted < 1)).all()


def test_embeddings_have_a_row_for_every_network_and_no_gradient(models, network):
    embedded = embed_networks(models["tiny-probes"], network)
    assert embedded.shape[0] == 70
    assert not embedded.requires_grad


def test_an_edit_of_strength_0_leaves_every_bit_and_one_of_2_goes_twice_as_far(models, network):
    network = network[:3]
    still, once, twice = (edit_inrs(models["tiny-edit"], network, strength=strength) for strength in (0.0, 1.0, 2.0))
    assert still.equals(network)
    step = once.flatten() - network.flatten()
    assert step.abs().max() > 1e-5
    assert torch.allclose(twice.flatten() - network.flatten(), 2 * step, atol=1e-6)


def test_the_change_of_an_editing_model_is_what_an_edit_adds(models, network):
    change = change_of_inrs(models["tiny-edit"], network[:3])
    edited = edit_inrs(models["tiny-edit"], network[:3], strength=0.7)
    assert edited.equals(network[:3].plus(change, 0.7))


def test_an_edit_changes_no_network_that_it_was_given(models, network):
    before = network.flatten().clone()
    edit_inrs(models["tiny-edit"], network)
    assert torch.equal(network.flatten(), before)


def test_a_change_is_added_parameter_by_parameter(network):
    ones = network.map(torch.ones_like)
    assert torch.equal(network.plus(ones, 0.5).flatten(), network.flatten() + 0.5)


@pytest.mark.parametrize(
    ("ask", "name", "task", "own"),
    [
        (classify_inrs, "tiny-edit", "classify", "edit"),
        (predict_accuracy, "tiny-classify", "predict", "classify"),
        (edit_inrs, "tiny-predict", "edit", "predict"),
    ],
)
def test_a_model_for_another_task_is_refused(models, network, ask, name, task, own):
    with pytest.raises(CheckpointError) as error:
        ask(models[name], network)
    assert str(error.value) == f"Expected a model for the task {task!r}, got {name} for {own!r}."


def test_only_models_that_read_graphs_edit(models, network):
    probes = models["tiny-probes"]
    pretender = Checkpoint("pretender", probes.model, {**probes.card, "task": "edit"}, probes.device)
    with pytest.raises(CheckpointError) as error:
        edit_inrs(pretender, network)
    assert str(error.value) == "Expected a graph model to edit with, got OutputProbes."


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (classify_inrs, "tiny-classify"),
        (classify_inrs, "tiny-probes"),
        (embed_networks, "tiny-probes"),
        (edit_inrs, "tiny-edit"),
    ],
)
def test_an_answer_that_is_not_finite_is_an_error_that_names_model_and_network(models, network, ask, name):
    stack = network[:3]
    stack = Network.cat([stack[:2], stack[2].map(lambda tensor: tensor.sign() * 3e38)])
    with pytest.raises(NotFiniteError) as error:
        ask(models[name], stack)
    assert str(error.value) == (
        f"{name} has no finite answer for network 3 of 3 (2-8-8-1 sine), whose weights reach 3e+38."
    )


def test_a_predicted_accuracy_that_is_not_finite_is_an_error(models):
    cnn = models["cnns"].networks([0]).map(lambda tensor: tensor.sign() * 3e38)
    with pytest.raises(NotFiniteError, match="tiny-predict has no finite answer for a network"):
        predict_accuracy(models["tiny-predict"], cnn)


@pytest.mark.parametrize("strength", [1e45, float("inf"), float("nan")])
def test_an_edit_too_strong_for_finite_weights_is_an_error(models, network, strength):
    with pytest.raises(NotFiniteError, match="by tiny-edit"):
        edit_inrs(models["tiny-edit"], network[:1], strength=strength)


def test_a_network_that_takes_a_model_too_much_memory_is_refused_before_it_is_read(models):
    huge = initial_siren(siren((2, 1000, 1000, 1)), 0, 1, seed=0)
    with pytest.raises(TooLargeError) as caught:
        classify_inrs(models["tiny-classify"], huge)
    assert str(caught.value) == (
        "tiny-classify would take 2,396 MiB of memory to read this network; at most 2,048 MiB are allowed. Ask a "
        "model that keeps no numbers for each edge, such as NG-Sweep, or use a smaller network."
    )


def test_answers_in_smaller_batches_are_the_same(models, network, monkeypatch):
    expected = classify_inrs(models["tiny-classify"], network)
    module = importlib.import_module("ngcore.tasks.answers")
    monkeypatch.setattr(
        module, "MAX_MODEL_BYTES", 3 * module._model_bytes(network.architecture, models["tiny-classify"])
    )
    assert torch.allclose(classify_inrs(models["tiny-classify"], network), expected, atol=1e-6)
