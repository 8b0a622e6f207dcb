"""Names and shapes of tensors → a whole network, where they are those of a library."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, UnsupportedNetworkError
from ngcore.networks import Architecture
from ngcore.upload.hints import Hints
from ngcore.upload.schemes import (
    bert,
    convnext,
    densenet,
    gpt,
    keras,
    llama,
    mobile,
    recurrent,
    resnet,
    torch_transformers,
    vgg,
    vit,
)
from ngcore.upload.schemes.origin import Origin
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme
from ngcore.upload.schemes.structure import Recognition, Structure
from ngcore.upload.shapes import Shape

SCHEMES: tuple[Scheme, ...] = (
    *resnet.SCHEMES,
    *vgg.SCHEMES,
    *mobile.SCHEMES,
    *densenet.SCHEMES,
    *convnext.SCHEMES,
    *vit.SCHEMES,
    *bert.SCHEMES,
    *gpt.SCHEMES,
    *llama.SCHEMES,
    *torch_transformers.SCHEMES,
    *recurrent.SCHEMES,
)
CONFIG_KEYS = ("config", "config.json")


def recognise(
    shapes: Mapping[str, Shape],
    hints: Hints | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    are_equal: Callable[[str, str], bool] = lambda one, other: False,
) -> Recognition:
    """Find the library whose names these are, and build the network that they tell of.

    Only names and shapes are looked at. A scheme is taken if every tensor has its place in it.

    Args:
        shapes: Shape of every tensor by its name.
        hints: What the user says.
        metadata: Texts that came with the tensors; a config of the library is used where there is one.
        are_equal: Whether two tensors hold the same numbers, asked where weights may be tied.

    Raises:
        UnsupportedNetworkError: If what was said does not fit the tensors.
    """
    said, config = hints or Hints(), _config(metadata or {})
    if keras.is_keras(shapes):
        return _keras(Plan(shapes, said), metadata or {})
    near_misses: dict[str, bool] = {}
    for scheme in SCHEMES:
        for prefix in scheme.prefixes(shapes)[:1]:
            plan = Plan(shapes, said, config=config, are_equal=are_equal)
            try:
                return Recognition(_structure(scheme, plan, prefix))
            except MisfitError as error:
                near_misses[f"It looks like {scheme.name}, but {error}."] = scheme.is_distinct
    return Recognition(None, tuple(near_misses), is_chain=not any(near_misses.values()))


def _keras(plan: Plan, metadata: Mapping[str, str]) -> Recognition:
    """A Keras model by its config; without one it is read as a chain."""
    try:
        outputs = keras.build(plan, metadata)
        if outputs is None:
            return Recognition(None)
        return Recognition(_finished(plan, outputs, keras.NAME, "as its config says"))
    except MisfitError as error:
        reason = f"It is {keras.NAME}, but {error}."
    except ArchitectureError as error:
        reason = f"It is {keras.NAME}, but what its config says does not fit: {error}"
    return Recognition(None, (reason,), is_chain=False)


def _structure(scheme: Scheme, plan: Plan, prefix: str) -> Structure:
    try:
        outputs = scheme.build(plan, prefix)
        return _finished(plan, outputs, plan.family or scheme.name, "as its library has it")
    except ArchitectureError as error:
        raise UnsupportedNetworkError(f"It looks like {scheme.name}, but what was said does not fit. {error}") from None


def _finished(plan: Plan, outputs: tuple[int, ...], name: str, how: str) -> Structure:
    plan.expect_none_left()
    architecture = Architecture(tuple(plan.inputs), tuple(plan.steps), outputs)
    origin = Origin(dict(plan.shapes), plan.views, plan.fixed, plan.copies)
    notes = (f"The names are those of {name}, rebuilt {how}.", *_aside(plan), *plan.notes)
    return Structure(name, architecture, origin, notes, tuple(plan.questions))


def _aside(plan: Plan) -> list[str]:
    names = [name for name, what in plan.aside.items() if what != "counter"]
    if not names:
        return []
    listed = f"{names[0]}{', …' if len(names) > 1 else ''}"
    return [f"No parameter, and left as it is: {listed} ({plan.aside[names[0]]})."]


def _config(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The config of a library in the metadata; empty where there is none that can be read."""
    for key in CONFIG_KEYS:
        try:
            found = json.loads(metadata.get(key, ""))
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def with_tensors(structure: Structure, tensors: Mapping[str, Tensor], dtypes: Mapping[str, str]) -> Origin:
    """The origin of a structure, with the tensors that are no parameters and the types that the file has.

    Args:
        structure: The structure.
        tensors: All tensors.
        dtypes: Data type of each in the file, such as "float16".
    """
    origin = structure.origin
    used = {view.tensor for view in origin.views.values()} | origin.copies.keys()
    known = {name: getattr(torch, dtype, None) for name, dtype in dtypes.items()}
    return dataclasses.replace(
        origin,
        shapes={name: tuple(tensor.shape) for name, tensor in tensors.items()},
        kept={name: tensor for name, tensor in tensors.items() if name not in used},
        dtypes={name: dtype for name, dtype in known.items() if dtype not in (None, torch.float32) and name in tensors},
    )
