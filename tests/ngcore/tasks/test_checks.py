"""The checks of symmetry and of extremes: who is the same, who is not, and who breaks what it claims."""

import pytest
import torch

from ngcore.errors import ShapeMismatchError
from ngcore.models import build_model, preset
from ngcore.networks import Network, mlp, siren, small_cnn
from ngcore.tasks.checkpoints import Checkpoint
from ngcore.tasks.checks import answer, outputs, probe_inputs, repeated, spread_of, stable_copy
from ngcore.tasks.checks_extremes import FACTORS, INSERTED, check_extremes, extremes_of
from ngcore.tasks.checks_symmetry import check_symmetry, claim_of, symmetries_of
from ngcore.testing import random_network

SIREN, CNN = siren((2, 6, 5, 1)), small_cnn((1, 4, 4), image_size=(8, 8))
SMALL = {"d_node": 8, "d_edge": 8, "d_hidden": 8, "d_attention": 8, "num_heads": 2, "num_probes": 0}


def checkpoint(name, architecture=SIREN, *, task="classify", **changes):
    """An untrained model under a card."""
    own = preset(name).to_dict()
    sizes = {key: size for key, size in SMALL.items() if key in own and (key != "num_probes" or not own[key])}
    if own.get("num_probes"):
        sizes["num_probes"] = 4
    config = preset(name, d_out=3 if task == "classify" else 1, **sizes | changes)
    model = build_model(config, [architecture]).eval()
    if task != "edit":
        model.fit_normalisation(network_of(architecture, 4))
    card = {
        "name": name,
        "task": task,
        "model": {"config": config.to_dict(), "architectures": [architecture.to_dict()]},
    }
    return Checkpoint(name, model, card, torch.device("cpu"))


def network_of(architecture, count=1):
    network = random_network(architecture, count, seed=3, dtype=torch.float32)
    if any(getattr(layer, "function", "") == "sine" for layer in architecture.layers):  # as large as those of SIRENs
        return network.map(lambda tensor: 0.05 * tensor)
    return network


def verdicts(rows, kind):
    return {(getattr(row, kind), row.model): row.is_same for row in rows}


def test_architectures_have_the_symmetries_of_their_activations():
    assert symmetries_of(SIREN) == ("permutations", "signs", "phases")
    assert symmetries_of(mlp((2, 3, 1), "tanh")) == ("permutations", "signs")
    assert symmetries_of(CNN) == ("permutations", "scales")
    assert symmetries_of(mlp((2, 1))) == ()
    assert extremes_of(SIREN) == ("equal", "unequal")
    assert extremes_of(CNN) == ("equal", "unequal", "deeper")
    assert extremes_of(mlp((2, 1))) == ()


def test_models_are_the_same_where_they_claim_it_and_differ_where_they_do_not():
    names = ("ng-sweep", "ng-gnn", "ng-gnn-signs", "flat-mlp", "statnn", "output-probes-64")
    models = [checkpoint(name) for name in names]
    rows = check_symmetry(network_of(SIREN), models, copies=3)
    assert not any(row.is_broken or row.error for row in rows)
    found = verdicts(rows, "symmetry")
    for symmetry in ("permutations", "signs", "phases"):
        assert found[symmetry, ""]
        assert found[symmetry, "output-probes-64"]
        assert not found[symmetry, "flat-mlp"]
    assert found["permutations", "statnn"]
    assert found["signs", "ng-sweep"]
    assert found["signs", "ng-gnn-signs"]
    assert not found["signs", "statnn"]
    assert not found["signs", "ng-gnn"]


def test_models_that_make_phases_canonical_do_not_see_turns():
    models = [checkpoint("ng-sweep", is_phase_invariant=True), checkpoint("ng-gnn-signs", is_phase_invariant=True)]
    rows = [row for row in check_symmetry(network_of(SIREN), models, copies=4) if row.symmetry == "phases"]
    assert [(row.claim.is_exact, row.is_same) for row in rows] == [(True, True)] * 3


def test_scales_are_seen_by_all_who_read_weights():
    models = [checkpoint(name, CNN, task="predict") for name in ("ng-gnn-cnn", "ng-sweep", "statnn")]
    found = verdicts(check_symmetry(network_of(CNN), models, copies=2), "symmetry")
    assert found["scales", ""]
    assert not any(found["scales", name] for name in ("ng-gnn-cnn", "ng-sweep", "statnn"))


def test_a_model_that_breaks_its_claim_is_found_out():
    """A card that says NG-Sweep over weights of a flat MLP."""
    liar = checkpoint("flat-mlp")
    liar.card["model"]["config"] = preset("ng-sweep").to_dict()
    rows = check_symmetry(network_of(SIREN), [liar], copies=2)
    assert [row.is_broken for row in rows if row.model and row.symmetry != "phases"] == [True, True]


def test_editors_are_compared_by_the_pictures_of_their_edits():
    editor = checkpoint("ng-sweep-edit", task="edit")
    assert answer(editor, network_of(SIREN, 2)).shape == (2, 28 * 28)
    rows = check_symmetry(network_of(SIREN), [editor], copies=2)
    assert all(row.is_same for row in rows if row.symmetry == "permutations")
    assert {row.spread.changed for row in rows} == {None}


def test_one_sweep_is_the_same_at_every_width_once_it_is_stable_and_not_before():
    rows = check_extremes(network_of(SIREN), [checkpoint("ng-sweep"), checkpoint("output-probes-64")], label=1)
    assert not any(row.is_broken or row.error for row in rows)
    last = {row.model: row for row in rows if (row.extreme, row.size) == ("unequal", 16)}
    assert {name: row.is_same for name, row in last.items()} == {
        "": True,
        "ng-sweep": False,
        "ng-sweep, width-stable": True,
        "output-probes-64": True,
    }
    assert {row.size for row in rows} == set(FACTORS)
    original = answer(checkpoint("ng-sweep"), network_of(SIREN))[0, 1]
    assert last["ng-sweep, width-stable"].value == pytest.approx(float(original), abs=1e-5)


def test_deeper_copies_of_relu_networks_are_asked_about_too():
    rows = check_extremes(network_of(CNN), [checkpoint("ng-gnn-cnn", CNN, task="predict")])
    deeper = [row for row in rows if row.extreme == "deeper"]
    assert [row.size for row in deeper if row.model] == list(INSERTED)
    assert all(row.is_same for row in deeper if not row.model)
    assert all(0 < row.value < 1 for row in deeper if row.model)


def test_what_cannot_be_asked_has_a_reason():
    rows = check_extremes(network_of(SIREN), [checkpoint("flat-mlp")])
    errors = {row.size: row.error for row in rows if row.model and row.extreme == "equal"}
    assert errors[1] == ""
    assert "Expected networks of" in errors[2]


def test_a_stable_copy_says_so_in_its_card():
    copy = stable_copy(checkpoint("ng-sweep"))
    assert copy.name == "ng-sweep, width-stable"
    assert copy.card["model"]["config"]["is_width_stable"]


def test_claims_of_models_without_probes_and_of_editors():
    editor = checkpoint("ng-sweep-edit", task="edit").card
    assert not claim_of(editor, "phases").is_exact
    assert claim_of(editor, "permutations").is_exact
    assert not claim_of(checkpoint("ng-gnn", is_phase_invariant=True).card, "phases").is_exact


def test_spreads_by_hand():
    spread = spread_of(torch.tensor([[0.2, 0.8]]), torch.tensor([[0.3, 0.7], [0.6, 0.4]]), are_classes=True)
    assert spread.error == pytest.approx(0.4)
    assert (spread.scale, spread.changed, spread.copies) == (pytest.approx(0.8), 1, 2)
    assert spread.relative == pytest.approx(0.5)


def test_large_networks_are_copied_a_few_at_a_time():
    network = network_of(mlp((1_000, 1_000, 1_000, 2)))
    stacks = list(repeated(network, 5))
    assert [len(stack) for stack in stacks] == [1] * 5
    assert [len(stack) for stack in repeated(network_of(SIREN), 5)] == [5]


def test_the_function_is_compared_on_pixels_or_on_random_inputs():
    assert probe_inputs(SIREN)[0].shape == (28 * 28, 2)
    network = network_of(CNN, 2)
    inputs = probe_inputs(CNN)
    assert outputs(network, inputs).shape == (2, len(inputs[0]) * 10)
    torch.testing.assert_close(outputs(network, inputs), network(*inputs).flatten(1))


@pytest.mark.parametrize("check", [check_symmetry, check_extremes])
def test_stacks_are_refused(check):
    with pytest.raises(ShapeMismatchError, match="Expected one network to check, got a stack of 2"):
        check(Network.cat([network_of(SIREN)] * 2), [])
