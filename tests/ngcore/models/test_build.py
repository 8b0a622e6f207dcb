"""Building models: seeds, presets, configurations and what they are built for."""

import json

import pytest
import torch
from example_architectures import MAPS, VECTORS

from ngcore.errors import CheckpointError, UnknownNameError
from ngcore.models import PRESETS, InputSpec, ModelConfig, build_model, preset
from ngcore.models.config import GNNConfig
from ngcore.networks import mlp, siren
from ngcore.paths import ASSETS
from ngcore.testing import random_network

SIREN = siren((2, 6, 5, 1))


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_seed_builds_the_same_model(name):
    first, second = (build_model(PRESETS[name], [SIREN], seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = build_model(PRESETS[name], [SIREN], seed=4).state_dict()
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("name", PRESETS)
def test_building_leaves_the_global_random_state_alone(name):
    before = torch.get_rng_state()
    build_model(PRESETS[name], [SIREN], seed=3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", PRESETS)
def test_configurations_survive_json(name):
    text = json.dumps(PRESETS[name].to_dict())
    assert ModelConfig.from_dict(json.loads(text)) == PRESETS[name]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_answers(name):
    model = build_model(PRESETS[name], [SIREN]).eval()
    network = random_network(SIREN, 2, dtype=torch.float32)
    model.fit_normalisation([network])
    with torch.no_grad():
        answer = model(network)
    assert len(answer) == 2


def test_presets_can_be_changed():
    assert preset("ng-gnn", d_out=10) == GNNConfig(d_out=10)
    assert PRESETS["ng-gnn"].d_out == 1


def test_an_unknown_preset_is_refused_with_the_choices():
    with pytest.raises(UnknownNameError) as error:
        preset("ng-gmm")
    assert str(error.value) == f"Unknown preset 'ng-gmm'; choose from: {', '.join(sorted(PRESETS))}."


def test_an_unknown_kind_is_refused_with_the_choices():
    with pytest.raises(
        UnknownNameError,
        match=r"^Unknown kind of model 'cnn'; choose from: flat-mlp, ng-gnn, ng-sweep, ng-t, output-probes, statnn\.$",
    ):
        ModelConfig.from_dict({"kind": "cnn"})


CARDS = sorted((ASSETS / "checkpoints").glob("*/card.json"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parent.name)
def test_the_numbers_of_shipped_models_are_read_back_as_they_were_written(path):
    """Cards of all ages: older ones lack newer fields, and hold fields that only other families use."""
    written = json.loads(path.read_text())["model"]["config"]
    config = ModelConfig.from_dict(written)
    defaults = type(config)().to_dict()
    assert config.to_dict() == defaults | {name: value for name, value in written.items() if name in defaults}
    assert ModelConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("fields", [{"kind": "ng-gnn", "d_nodes": 3}, {"d_node": 3}])
def test_fields_that_are_no_configuration_are_refused(fields):
    with pytest.raises(CheckpointError, match=r"^Expected the fields of a model configuration, got \{'.*\}\.$"):
        ModelConfig.from_dict(fields)


def test_a_specification_covers_all_architectures():
    spec = InputSpec.of([siren((2, 4, 1)), mlp((2, 5, 5, 5, 3))])
    assert (spec.input_shape, spec.num_outputs, spec.max_hidden_layers, spec.kernel_size) == ((2,), 3, 3, (1, 1))
    assert spec.num_parameters == siren((2, 4, 1)).num_parameters


def test_a_specification_holds_the_tallest_and_the_widest_kernel():
    assert InputSpec.of([MAPS["mixed kernels"], MAPS["batch norm cnn"], VECTORS["siren"]]).kernel_size == (5, 5)
