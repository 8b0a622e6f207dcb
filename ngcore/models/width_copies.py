"""A trained NG-Sweep made width-stable, without training."""

import dataclasses
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from ngcore.errors import NeuralGraphError
from ngcore.graph import graph_structure
from ngcore.models.build import build_model
from ngcore.models.config import SweepConfig
from ngcore.models.fans import fan_in
from ngcore.models.model import Model
from ngcore.models.rows import Rows
from ngcore.models.sweep_model import SweepModel
from ngcore.networks import Architecture


def can_be_width_stable(model: Model) -> bool:
    """Whether a model is an NG-Sweep that sweeps forward once and reads outputs (see `width_stable_copy`)."""
    config = model.config if isinstance(model, SweepModel) else None
    return isinstance(config, SweepConfig) and (config.num_layers, config.readout) == (1, "outputs")


def width_stable_copy(model: Model, architectures: Sequence[Architecture]) -> SweepModel:
    """A model of the same parameters that divides by the fan-in of its training networks, not of those it reads.

    Its answers about networks of the training architectures are the same, up to rounding, where those are equally wide.
    About copies widened by duplicated neurons it answers as about the originals.

    Args:
        model: An NG-Sweep that sweeps forward once and reads outputs.
        architectures: Those that it was built for.

    Raises:
        NeuralGraphError: If it is another kind of model.
    """
    if not (isinstance(model, SweepModel) and can_be_width_stable(model)):
        raise NeuralGraphError(
            f"Expected an NG-Sweep of one sweep that outputs are read from, got a {type(model).__name__}."
        )
    copy = build_model(dataclasses.replace(cast(SweepConfig, model.config), is_width_stable=True), architectures)
    assert isinstance(copy, SweepModel)
    copy.load_state_dict({"fans.size": _root_of_fans(model.rows, architectures), **model.state_dict()})
    example = next(model.parameters())
    return copy.to(example.device, example.dtype).train(model.training)


def _root_of_fans(rows: Rows, architectures: Sequence[Architecture]) -> Tensor:
    """Root of the mean fan-in of each row, that of standardised weights being 1."""
    sums, counts = torch.zeros(rows.num_weight_rows), torch.zeros(rows.num_weight_rows)
    for architecture in architectures:
        own, structure = rows.of_weights(architecture), graph_structure(architecture)
        for block in structure.edge_blocks:
            if block.parameter is not None and block.layer in own:
                sums[own[block.layer]] += fan_in(structure, block)
                counts[own[block.layer]] += 1
    return torch.where(counts > 0, sums / counts.clamp(min=1), 1.0).sqrt()
