"""Models joined to output probes: they start as output probing, and read what neurons of any network respond."""

import pytest
import torch
from dag_architectures import DAGS
from example_architectures import ARCHITECTURES, VECTORS
from tiny_models import tiny_model

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.models import PRESETS, build_model, preset
from ngcore.networks import Activation, Linear, chain, flip_signs, sign_spaces, siren, small_cnn, symmetry_spaces
from ngcore.testing import assert_invariant, random_network

JOINED = ["ng-sweep-accuracy-16-probes", "ng-gnn-accuracy-16-probes", "ng-t-accuracy-16-probes"]
GREY, COLOUR, SMALL = (small_cnn((n, 4, 3), num_classes=5, image_size=(s, s)) for n, s in ((1, 12), (3, 12), (1, 9)))
ROWS = chain((9, 9), (Linear(9, 4), Activation("relu"), Linear(4, 5)))  # nine steps in time
MIXED = [GREY, COLOUR, SMALL, ROWS, DAGS["lstm"], DAGS["transformer"], DAGS["vision transformer"]]

every_joined = pytest.mark.parametrize("name", JOINED)


def calm(architecture, count=2, **options):
    """Random networks of small weights: those of depth amplify rounding less."""
    return random_network(architecture, count, **options).map(lambda tensor: 0.3 * tensor)


@every_joined
@pytest.mark.parametrize("architecture", [GREY, ROWS, DAGS["gru"]], ids=["cnn", "rows", "gru"])
def test_an_untrained_model_answers_exactly_as_its_output_probes_do(name, architecture):
    model = build_model(preset(name, d_out=3), [architecture]).double().eval()
    network = random_network(architecture, 2)
    assert torch.equal(model(network), model.outputs(network))
    torch.nn.init.normal_(model.correction[-1].weight)
    assert not torch.allclose(model(network), model.outputs(network))


@pytest.mark.parametrize("dag", DAGS)
@pytest.mark.parametrize("name", JOINED[:2])  # how NG-T reads nodes does not depend on what they are made of
def test_answers_follow_the_symmetries_of_the_network(name, dag):
    assert_invariant(tiny_model(name, [DAGS[dag]]), calm(DAGS[dag]), tolerance=1e-6)


def test_sweeps_with_responses_do_not_notice_the_signs_of_neurons():
    for architecture in (siren((2, 6, 5, 1)), ARCHITECTURES["residual mlp"], ARCHITECTURES["batch norm cnn"]):
        network, found = calm(architecture), symmetry_spaces(architecture)
        free = {number: len(found.spaces[number].labels) for number in sign_spaces(architecture)}
        assert free
        signs = {number: torch.where(torch.rand(2, size) < 0.5, -1.0, 1.0).double() for number, size in free.items()}
        model = tiny_model("ng-sweep-accuracy-16-probes", [architecture])
        torch.testing.assert_close(model(flip_signs(network, signs)), model(network))


@every_joined
def test_one_model_reads_networks_of_several_input_shapes_alone_as_in_a_mixture(name):
    model = tiny_model(name, MIXED)
    stacks = [calm(architecture, 1 + i % 2, seed=i) for i, architecture in enumerate(MIXED)]
    together = model(stacks).split([len(stack) for stack in stacks])
    for stack, answer in zip(stacks, together, strict=True):
        torch.testing.assert_close(model(stack), answer, atol=1e-9, rtol=1e-9)


@every_joined
def test_gradients_reach_the_probes_of_every_input_shape(name):
    """Through outputs and through responses; tokens are no numbers, and stay as they are."""
    model = tiny_model(name, MIXED)
    for through_graph in (False, True):
        model.zero_grad()
        graph, outputs = model._represent([calm(architecture) for architecture in MIXED])
        (graph if through_graph else outputs).square().sum().backward()
        without = {n for n, p in model.outputs.probes.named_parameters() if p.grad is None or not p.grad.any()}
        assert not without


@every_joined
def test_a_few_steps_fit_sixteen_networks_better(name):
    torch.manual_seed(0)
    networks, wanted = random_network(GREY, 16, dtype=torch.float32), torch.linspace(0.1, 0.9, 16)
    config = preset(name, num_probes=4, d_hidden=16, d_node=8, num_layers=2, dropout=0.0)
    model = build_model(config, [GREY])
    model.fit_normalisation(networks)
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=3e-3), []
    for _ in range(20):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(networks)[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.05
    assert model.correction[-1].weight.abs().max() > 0


def test_networks_of_an_input_shape_without_probes_are_refused_in_words():
    model = tiny_model(JOINED[0], [GREY, COLOUR])
    with pytest.raises(ShapeMismatchError, match=r"shape \(1, 12, 12\) or \(3, 12, 12\), got \(1, 9, 9\)"):
        model(random_network(SMALL))


@pytest.mark.parametrize(
    ("name", "changes", "refusal"),
    [
        ("ng-gnn-edit", {"joins_outputs": True, "num_probes": 4}, "to join output probes to, got a parameter head"),
        ("ng-gnn", {"joins_outputs": True}, "Expected learned probes"),
        ("ng-sweep-lattice-256", {"joins_outputs": True}, "Expected learned probes"),
        ("ng-sweep", {"reads_responses": True}, "Expected joins_outputs"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(name, changes, refusal):
    with pytest.raises(NeuralGraphError, match=refusal):
        preset(name, **changes)


def test_without_responses_the_graph_does_not_see_the_probes():
    model = tiny_model(JOINED[0], [VECTORS["siren"]], reads_responses=False)
    assert model.graph.responses is None
    assert_invariant(model, random_network(VECTORS["siren"], 2))


def test_presets_of_accuracy_read_architectures_of_any_kind():
    accuracy = {name: config.to_dict() for name, config in PRESETS.items() if "-accuracy" in name}
    assert {fields["num_probes"] for fields in accuracy.values()} == {0, 16, 64, 128, 256}
    assert all(fields["rows"] == "kind" for fields in accuracy.values() if fields["kind"] != "output-probes")


def test_networks_that_run_a_few_at_a_time_answer_alike(monkeypatch):
    model, network = tiny_model(JOINED[0], [GREY]), calm(GREY, 5)
    whole = model(network)
    monkeypatch.setattr("ngcore.models.probe_features.MAX_NUMBERS", 2 * 4 * 144)  # two networks, four probes of 12 × 12
    torch.testing.assert_close(model(network), whole)
