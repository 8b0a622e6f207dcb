"""Keras models: by the config in their archives, else as chains of the layers whose names a file shows."""

import dataclasses
import json
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ngcore.errors import NeuralGraphError
from ngcore.networks import Architecture, BatchNorm, Flatten, Layer, LayerNorm, chain
from ngcore.upload.hints import Hints
from ngcore.upload.infer import EPS_NOTE, infer_architecture
from ngcore.upload.schemes import keras_config
from ngcore.upload.schemes.keras_names import are_names, keras_layers
from ngcore.upload.schemes.origin import Origin
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.structure import Structure
from ngcore.upload.weights.hdf5_source import CONFIG_KEY

KERAS_EPS = 1e-3
NAME = "a Keras model"


def is_keras(names: Iterable[str]) -> bool:
    """Whether all names are those of tensors in a Keras file."""
    return are_names(names)


def build(plan: Plan, metadata: Mapping[str, str]) -> tuple[int, ...] | None:
    """The steps of a model whose config is known; None where there is none.

    Raises:
        MisfitError: If it holds what is not read.
    """
    try:
        model = json.loads(metadata[CONFIG_KEY])
        return keras_config.build(plan, model)
    except NeuralGraphError:
        raise
    except KeyError as error:
        if CONFIG_KEY not in metadata:
            return None
        raise MisfitError(f"its config does not say {error.args[0]!s:.40}") from None
    except (TypeError, ValueError, AttributeError, IndexError, RecursionError):
        raise MisfitError("its config cannot be used") from None


def chain_of(tensors: Mapping[str, Tensor], hints: Hints) -> Structure:
    """The chain of layers that the names and shapes in a file without a config tell of.

    Raises:
        UploadError: If they form none, or something must be said first.
    """
    layers = keras_layers({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    views = {f"{layer.name}.{role}": layer.view(role) for layer in layers for role in layer.tensors}
    inferred = infer_architecture(
        {name: view.of(tensors[view.tensor]) for name, view in views.items()}, hints, is_ordered=False
    )
    eps = hints.eps or KERAS_EPS
    architecture = _as_keras(inferred.architecture, eps)
    fills = {name: source for name, source in inferred.sources.items() if isinstance(source, float)}
    origin = Origin(
        {name: tuple(tensor.shape) for name, tensor in tensors.items()},
        {name: views[source] for name, source in inferred.sources.items() if isinstance(source, str)},
        {name: torch.full(architecture.parameter_shapes[name], value) for name, value in fills.items()},
    )
    notes = tuple(note for note in inferred.notes if note != EPS_NOTE)
    has_norms = any(isinstance(layer, BatchNorm | LayerNorm) for layer in architecture.layers)
    eps_note = (f"Norms are taken to have eps = {eps:g}, as Keras has it; the file does not say.",) if has_norms else ()
    return Structure(NAME, architecture, origin, (*notes, *eps_note))


def _as_keras(architecture: Architecture, eps: float) -> Architecture:
    """The chain with channels last where it is flattened, and the eps of Keras."""

    def changed(layer: Layer) -> Layer:
        if isinstance(layer, Flatten):
            return Flatten(channels_last=True)
        return dataclasses.replace(layer, eps=eps) if isinstance(layer, BatchNorm | LayerNorm) else layer

    return chain(architecture.input_shape, [changed(layer) for layer in architecture.layers], architecture.skips)
