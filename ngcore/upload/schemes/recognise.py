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
from ngcore.upload.questions import Question, ask
from ngcore.upload.schemes import (
    bert,
    convnext,
    densenet,
    gpt,
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


@dataclasses.dataclass(frozen=True, eq=False)
class Structure:
    """A network of which the tensors are known and not yet read.

    Attributes:
        scheme: What it is, such as "a ResNet".
        architecture: Its structure, with the suggested answers where something is open.
        origin: Which tensors its parameters are.
        notes: What was taken for granted, in plain words.
        questions: What is open.
    """

    scheme: str
    architecture: Architecture
    origin: Origin
    notes: tuple[str, ...]
    questions: tuple[Question, ...] = ()

    def settled(self) -> "Structure":
        """This, if nothing is open.

        Raises:
            AmbiguousNetworkError: With all questions.
        """
        if self.questions:
            raise ask(list(self.questions))
        return self


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What came of looking for a naming scheme.

    Attributes:
        structure: The network; None where no scheme has a place for every tensor.
        near_misses: Which schemes it looks like, and what does not fit.
        is_chain: Whether it may still be a plain chain of layers.
    """

    structure: Structure | None
    near_misses: tuple[str, ...] = ()
    is_chain: bool = True


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
    near_misses: dict[str, bool] = {}
    for scheme in SCHEMES:
        for prefix in scheme.prefixes(shapes)[:1]:
            plan = Plan(shapes, said, config=config, are_equal=are_equal)
            try:
                return Recognition(_structure(scheme, plan, prefix))
            except MisfitError as error:
                near_misses[f"It looks like {scheme.name}, but {error}."] = scheme.is_distinct
    return Recognition(None, tuple(near_misses), is_chain=not any(near_misses.values()))


def _structure(scheme: Scheme, plan: Plan, prefix: str) -> Structure:
    try:
        outputs = scheme.build(plan, prefix)
        plan.expect_none_left()
        architecture = Architecture(tuple(plan.inputs), tuple(plan.steps), outputs)
    except ArchitectureError as error:
        raise UnsupportedNetworkError(f"It looks like {scheme.name}, but what was said does not fit. {error}") from None
    origin = Origin(dict(plan.shapes), plan.views, plan.fixed, plan.copies)
    notes = (f"The names are those of {scheme.name}, rebuilt as its library has it.", *_aside(plan), *plan.notes)
    return Structure(scheme.name, architecture, origin, notes, tuple(plan.questions))


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
