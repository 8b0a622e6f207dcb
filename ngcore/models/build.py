"""The presets, in one literal dict, and the one function that builds a model from numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from ngcore.errors import UnknownNameError
from ngcore.models.baselines import FlatMLP, StatNN
from ngcore.models.config import (
    FAMILIES,
    FlatMLPConfig,
    GNNConfig,
    GraphConfig,
    ModelConfig,
    OutputProbesConfig,
    StatNNConfig,
    SweepConfig,
    SweepEditConfig,
    TransformerConfig,
)
from ngcore.models.descent import DescentEditor
from ngcore.models.input_spec import InputSpec
from ngcore.models.joined_model import JoinedModel
from ngcore.models.model import Model
from ngcore.models.neural_graph_model import NeuralGraphModel
from ngcore.models.output_probes import output_probes
from ngcore.models.sweep_editor import SweepEditor
from ngcore.models.sweep_model import SweepModel
from ngcore.networks import Architecture

SWEEP: dict[str, Any] = {"d_node": 128, "num_layers": 1, "d_hidden": 256, "dropout": 0.2, "readout": "outputs"}
OUTPUT_PROBES: dict[str, Any] = {"d_hidden": 256, "num_layers": 2, "generates_probes": True, "dropout": 0.2}
LATTICE: dict[str, Any] = {"d_hidden": 256, "dropout": 0.2}
SWEEP_EDIT: dict[str, Any] = {"d_node": 64, "d_edge": 64, "num_layers": 4, "d_output": 512}

ACCURACY: dict[str, Any] = {"d_hidden": 256, "dropout": 0.1, "rows": "kind"}
SWEEP_ACCURACY: dict[str, Any] = ACCURACY | {"d_node": 64, "num_layers": 2, "compresses": True, "shares_maps": True}
GNN_ACCURACY: dict[str, Any] = ACCURACY | {
    "d_node": 64,
    "d_edge": 32,
    "d_hidden": 128,
    "fourier_scale": 1.0,
    "norm": "batch",
}
T_ACCURACY: dict[str, Any] = ACCURACY | {"d_node": 64, "d_edge": 32, "d_hidden": 128, "fourier_scale": 1.0}


def _joined(num_probes: int) -> dict[str, Any]:
    """Generated probes, whose responses enter all nodes, and output-only probing to correct."""
    return {"num_probes": num_probes, "generates_probes": True, "joins_outputs": True, "reads_responses": True}


EXAMPLES: dict[str, Any] = {"d_hidden": 64, "num_layers": 2, "dropout": 0.1}
KNOWN: dict[str, Any] = {"num_probes": 256, "joins_outputs": True, "has_examples": True}
SYMMETRIC: dict[str, Any] = {"is_sign_invariant": True, "is_phase_invariant": True, "fourier_scale": 1.0}
NG_T: dict[str, Any] = {"d_node": 64, "d_edge": 32}


PRESETS: dict[str, ModelConfig] = {
    "ng-gnn": GNNConfig(),
    "ng-gnn-signs": GNNConfig(is_sign_invariant=True),
    "ng-gnn-16-probes": GNNConfig(num_probes=16),
    "ng-gnn-64-probes": GNNConfig(num_probes=64),
    "ng-gnn-signs-64-probes": GNNConfig(num_probes=64, is_sign_invariant=True),
    "ng-t": TransformerConfig(d_node=64, d_edge=32, fourier_scale=1.0),
    "ng-t-signs": TransformerConfig(d_node=64, d_edge=32, fourier_scale=1.0, is_sign_invariant=True),
    "ng-t-64-probes": TransformerConfig(d_node=64, d_edge=32, fourier_scale=1.0, num_probes=64),
    "ng-gnn-symmetric": GNNConfig(norm="batch", **SYMMETRIC),
    "ng-gnn-symmetric-64-probes": GNNConfig(norm="batch", num_probes=64, generates_probes=True, **SYMMETRIC),
    "ng-t-symmetric": TransformerConfig(**NG_T, **SYMMETRIC),
    "ng-t-symmetric-64-probes": TransformerConfig(num_probes=64, generates_probes=True, **NG_T, **SYMMETRIC),
    "ng-gnn-edit": GNNConfig(head="parameters"),
    "ng-gnn-edit-64-probes": GNNConfig(head="parameters", num_probes=64),
    "ng-sweep": SweepConfig(**SWEEP),
    "ng-sweep-width-stable": SweepConfig(is_width_stable=True, **SWEEP),
    "ng-sweep-64-probes": SweepConfig(num_probes=64, generates_probes=True, **SWEEP),
    "ng-sweep-128-probes": SweepConfig(num_probes=128, generates_probes=True, **SWEEP),
    "ng-sweep-lattice-256": SweepConfig(num_probes=256, has_lattice=True, **SWEEP),
    "ng-sweep-edit": SweepEditConfig(**SWEEP_EDIT),
    "ng-sweep-edit-64-probes": SweepEditConfig(num_probes=64, generates_probes=True, **SWEEP_EDIT),
    "ng-sweep-edit-descent": SweepEditConfig(num_probes=64, generates_probes=True, num_steps=12, **SWEEP_EDIT),
    "ng-gnn-cnn": GNNConfig(d_node=64, d_edge=32),
    "ng-gnn-any": GNNConfig(d_node=64, d_edge=32, rows="kind"),
    "ng-t-any": TransformerConfig(d_node=64, d_edge=32, fourier_scale=1.0, rows="kind"),
    "ng-sweep-any": SweepConfig(rows="kind", **SWEEP),
    "ng-gnn-edit-any": GNNConfig(head="parameters", rows="kind"),
    "ng-sweep-edit-any": SweepEditConfig(rows="kind", **SWEEP_EDIT),
    "ng-sweep-accuracy": SweepConfig(**SWEEP_ACCURACY),
    "ng-sweep-accuracy-16-probes": SweepConfig(**SWEEP_ACCURACY, **_joined(16)),
    "ng-sweep-accuracy-64-probes": SweepConfig(**SWEEP_ACCURACY, **_joined(64)),
    "ng-sweep-accuracy-128-probes": SweepConfig(**SWEEP_ACCURACY, **_joined(128)),
    "ng-sweep-accuracy-256-examples": SweepConfig(**SWEEP_ACCURACY, **KNOWN),
    "ng-gnn-accuracy": GNNConfig(**GNN_ACCURACY),
    "ng-gnn-accuracy-16-probes": GNNConfig(**GNN_ACCURACY, **_joined(16)),
    "ng-gnn-accuracy-64-probes": GNNConfig(**GNN_ACCURACY, **_joined(64)),
    "ng-gnn-accuracy-128-probes": GNNConfig(**GNN_ACCURACY, **_joined(128)),
    "ng-t-accuracy": TransformerConfig(**T_ACCURACY),
    "ng-t-accuracy-16-probes": TransformerConfig(**T_ACCURACY, **_joined(16)),
    "ng-t-accuracy-64-probes": TransformerConfig(**T_ACCURACY, **_joined(64)),
    "ng-t-accuracy-128-probes": TransformerConfig(**T_ACCURACY, **_joined(128)),
    "flat-mlp": FlatMLPConfig(d_hidden=512, num_layers=2, dropout=0.2),
    "statnn": StatNNConfig(d_hidden=256, num_layers=2),
    "output-probes-64": OutputProbesConfig(num_probes=64, **OUTPUT_PROBES),
    "output-probes-128": OutputProbesConfig(num_probes=128, **OUTPUT_PROBES),
    "output-accuracy-16-probes": OutputProbesConfig(num_probes=16, keeps_scale=True, **OUTPUT_PROBES),
    "output-accuracy-64-probes": OutputProbesConfig(num_probes=64, keeps_scale=True, **OUTPUT_PROBES),
    "output-accuracy-128-probes": OutputProbesConfig(num_probes=128, keeps_scale=True, **OUTPUT_PROBES),
    "output-accuracy-256-examples": OutputProbesConfig(num_probes=256, has_examples=True, **EXAMPLES),
    "output-lattice-256": OutputProbesConfig(num_probes=256, has_lattice=True, **LATTICE),
}
"""Models by name; `build_model(preset(name), architectures)` builds one, `preset(name, **changes)` changes numbers.

Those with `-accuracy` judge classifiers of any architecture, by one logit. `ng-sweep-accuracy`, `ng-gnn-accuracy` and
`ng-t-accuracy` read weights alone; with `-16-probes`, `-64-probes` or `-128-probes` they correct what
`output-accuracy-…-probes` alone would answer, and see how every channel responds (not with
`reads_responses=False`). Those with `-256-examples` carry real images of known classes and test networks on them.
"""


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
    match config:
        case GraphConfig(joins_outputs=True) | SweepConfig(joins_outputs=True):
            return JoinedModel(config, spec)
        case GraphConfig():
            return NeuralGraphModel(config, spec)
        case SweepConfig():
            return SweepModel(config, spec)
        case SweepEditConfig():
            return DescentEditor(config, spec) if config.num_steps else SweepEditor(config, spec)
        case OutputProbesConfig():
            return output_probes(config, spec)
        case FlatMLPConfig():
            return FlatMLP(num_parameters=spec.num_parameters, **_sizes(config))
        case StatNNConfig():
            return StatNN(max_layers=spec.max_layers, **_sizes(config))
    raise UnknownNameError("kind of model", config.kind, FAMILIES)


def _sizes(config: FlatMLPConfig | StatNNConfig) -> dict[str, Any]:
    return {
        "d_out": config.d_out,
        "d_hidden": config.d_hidden,
        "num_hidden_layers": config.num_layers,
        "dropout": config.dropout,
    }
