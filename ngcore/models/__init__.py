"""Metanetworks: models that read networks; NG-GNN, NG-T, NG-Sweep, and baselines without a graph."""

from ngcore.models.baselines import FlatMLP as FlatMLP
from ngcore.models.baselines import LatticeProbes as LatticeProbes
from ngcore.models.baselines import OutputProbes as OutputProbes
from ngcore.models.baselines import StatNN as StatNN
from ngcore.models.build import PRESETS as PRESETS
from ngcore.models.build import Model as Model
from ngcore.models.build import build_model as build_model
from ngcore.models.build import preset as preset
from ngcore.models.config import InputSpec as InputSpec
from ngcore.models.config import ModelConfig as ModelConfig
from ngcore.models.descent import DescentEditor as DescentEditor
from ngcore.models.descent import LearnedDescent as LearnedDescent
from ngcore.models.neural_graph_model import NeuralGraphModel as NeuralGraphModel
from ngcore.models.sweep_editor import SweepEditor as SweepEditor
from ngcore.models.sweep_model import SweepModel as SweepModel

__all__ = [
    "PRESETS",
    "DescentEditor",
    "FlatMLP",
    "InputSpec",
    "LatticeProbes",
    "LearnedDescent",
    "Model",
    "ModelConfig",
    "NeuralGraphModel",
    "OutputProbes",
    "StatNN",
    "SweepEditor",
    "SweepModel",
    "build_model",
    "preset",
]
