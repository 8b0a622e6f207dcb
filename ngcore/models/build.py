"""The presets, in one literal dict, and the one function that builds a model from numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from ngcore.errors import UnknownNameError
from ngcore.models.baselines import FlatMLP, StatNN
from ngcore.models.config import InputSpec, ModelConfig
from ngcore.models.descent import DescentEditor
from ngcore.models.model import Model
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.models.sweep_editor import SweepEditor
from ngcore.models.sweep_model import SweepModel, output_probes
from ngcore.networks import Architecture

SWEEP: dict[str, Any] = {"d_node": 128, "num_layers": 1, "d_hidden": 256, "dropout": 0.2, "readout": "outputs"}
OUTPUT_PROBES: dict[str, Any] = {"d_hidden": 256, "num_layers": 2, "generates_probes": True, "dropout": 0.2}
LATTICE: dict[str, Any] = {"d_hidden": 256, "dropout": 0.2}
SWEEP_EDIT: dict[str, Any] = {"d_node": 64, "d_edge": 64, "num_layers": 4, "d_output": 512}

PRESETS: dict[str, ModelConfig] = {
    "ng-gnn": ModelConfig(kind="ng-gnn"),
    "ng-gnn-signs": ModelConfig(kind="ng-gnn", is_sign_invariant=True),
    "ng-gnn-16-probes": ModelConfig(kind="ng-gnn", num_probes=16),
    "ng-gnn-64-probes": ModelConfig(kind="ng-gnn", num_probes=64),
    "ng-gnn-signs-64-probes": ModelConfig(kind="ng-gnn", num_probes=64, is_sign_invariant=True),
    "ng-t": ModelConfig(kind="ng-t", d_node=64, d_edge=32, fourier_scale=1.0),
    "ng-t-signs": ModelConfig(kind="ng-t", d_node=64, d_edge=32, fourier_scale=1.0, is_sign_invariant=True),
    "ng-t-64-probes": ModelConfig(kind="ng-t", d_node=64, d_edge=32, fourier_scale=1.0, num_probes=64),
    "ng-gnn-edit": ModelConfig(kind="ng-gnn", head="parameters"),
    "ng-gnn-edit-64-probes": ModelConfig(kind="ng-gnn", head="parameters", num_probes=64),
    "ng-sweep": ModelConfig(kind="ng-sweep", **SWEEP),
    "ng-sweep-64-probes": ModelConfig(kind="ng-sweep", num_probes=64, generates_probes=True, **SWEEP),
    "ng-sweep-128-probes": ModelConfig(kind="ng-sweep", num_probes=128, generates_probes=True, **SWEEP),
    "ng-sweep-lattice-256": ModelConfig(kind="ng-sweep", num_probes=256, has_lattice=True, **SWEEP),
    "ng-sweep-edit": ModelConfig(kind="ng-sweep", head="parameters", **SWEEP_EDIT),
    "ng-sweep-edit-64-probes": ModelConfig(
        kind="ng-sweep", head="parameters", num_probes=64, generates_probes=True, **SWEEP_EDIT
    ),
    "ng-sweep-edit-descent": ModelConfig(
        kind="ng-sweep", head="parameters", num_probes=64, generates_probes=True, num_steps=12, **SWEEP_EDIT
    ),
    "ng-gnn-cnn": ModelConfig(kind="ng-gnn", d_node=64, d_edge=32),
    "flat-mlp": ModelConfig(kind="flat-mlp", d_hidden=512, num_layers=2, dropout=0.2),
    "statnn": ModelConfig(kind="statnn", d_hidden=256, num_layers=2),
    "output-probes-64": ModelConfig(kind="output-probes", num_probes=64, **OUTPUT_PROBES),
    "output-probes-128": ModelConfig(kind="output-probes", num_probes=128, **OUTPUT_PROBES),
    "output-lattice-256": ModelConfig(kind="output-probes", num_probes=256, has_lattice=True, **LATTICE),
}


def preset(name: str, **changes: Any) -> ModelConfig:
    """A preset by its name, with some numbers changed.

    Raises:
        UnknownNameError: If there is no such preset.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return dataclasses.replace(PRESETS[name], **changes)


def build_model(config: ModelConfig, architectures: Sequence[Architecture], *, seed: int = 0) -> Model:
    """A model with random parameters.

    Args:
        config: Its numbers; see `PRESETS`.
        architectures: All architectures that it is to read.
        seed: Seed of the parameters; the global random state is left as it was.
    """
    spec = InputSpec.of(architectures)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _build(config, spec)


def _build(config: ModelConfig, spec: InputSpec) -> Model:
    if config.kind == "ng-sweep":
        if config.head == "invariant":
            return SweepModel(config, spec)
        return DescentEditor(config, spec) if config.num_steps else SweepEditor(config, spec)
    if config.is_graph_model:
        return NeuralGraphModel(config, spec)
    sizes: dict[str, Any] = {
        "d_out": config.d_out,
        "d_hidden": config.d_hidden,
        "num_hidden_layers": config.num_layers,
        "dropout": config.dropout,
    }
    if config.kind == "flat-mlp":
        return FlatMLP(num_parameters=spec.num_parameters, **sizes)
    if config.kind == "statnn":
        return StatNN(max_layers=spec.max_hidden_layers + 1, **sizes)
    return output_probes(config, spec)
