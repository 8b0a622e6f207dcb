"""Files of weights of any size: what network they are, by their headers alone, and how their tensors connect."""

import numpy as np
import torch

from ngcore.networks import Architecture, Network
from ngcore.upload.hints import Hints
from ngcore.upload.schemes.origin import Origin
from ngcore.upload.schemes.recognise import recognise
from ngcore.upload.schemes.structure import Recognition, Structure
from ngcore.upload.weights.connections import Connection, guess_connections
from ngcore.upload.weights.file import WeightFile

MAX_BRANCHES = 4  # of a residual stream, in which every block adds one or two


def recognise_file(file: WeightFile, hints: Hints | None = None) -> Recognition:
    """What network a file holds, if its names are those of a known library; no numbers are read but of tied weights.

    Example:
        >>> from pathlib import Path
        >>> from ngcore.upload import open_weights
        >>> from ngcore.upload.schemes import recognise_file
        >>> recognise_file(open_weights(Path("gpt2.safetensors"))).structure.scheme
        'GPT-2 of Hugging Face'

    Raises:
        UnsupportedNetworkError: If what was said does not fit the tensors.
    """

    def are_equal(one: str, other: str) -> bool:
        first, second = file.tensors[one], file.tensors[other]
        if first.shape != second.shape:
            return False
        return all(np.array_equal(a, b) for a, b in zip(first.blocks(), second.blocks(), strict=False))

    return recognise(file.shapes, hints, metadata=file.metadata, are_equal=are_equal)


def load_network(file: WeightFile, structure: Structure) -> Network:
    """The network of a file, all its numbers in memory as float32; the limits of uploads are not applied.

    Raises:
        AmbiguousNetworkError: If something must be said first.
        TooLargeError: If one tensor is too large.
    """
    origin = structure.settled().origin
    names = {view.tensor for view in origin.views.values()}
    tensors = {name: torch.from_numpy(file.tensors[name].array().copy()) for name in names}
    return origin.network(structure.architecture, tensors)


def connections_of(file: WeightFile, recognition: Recognition) -> tuple[Connection, ...]:
    """How the tensors of a file connect: as in its library where that is known, else guesses by their sizes."""
    if recognition.structure is None:
        return guess_connections(file)
    structure = recognition.structure
    pairs = _connected(structure.architecture, structure.origin)
    return tuple(Connection(source, target, f"as in {structure.scheme}", is_guess=False) for source, target in pairs)


def _connected(architecture: Architecture, origin: Origin) -> list[tuple[str, str]]:
    """Pairs of weights of which the second takes what the first made, by way of steps without weights.

    Behind sums of many branches the nearest `MAX_BRANCHES` weights are named.
    """
    made_by: list[dict[str, None]] = [{} for _ in architecture.input_shapes]
    pairs: dict[tuple[str, str], None] = {}
    for step in architecture.steps:
        sources = {name: None for value in sorted(step.reads) for name in made_by[value]}
        nearest = dict.fromkeys(list(sources)[-MAX_BRANCHES:])
        weights = _weights(origin, [f"{step.name}.{name}" for name in step.layer.parameter_shapes()])
        pairs |= {(source, weight): None for weight in weights for source in nearest if source != weight}
        made_by.append(dict.fromkeys(weights) or nearest)
    return list(pairs)


def _weights(origin: Origin, parameters: list[str]) -> list[str]:
    """Tensors of a step that connect neurons."""
    views = [origin.views[name] for name in parameters if name in origin.views]
    return list(dict.fromkeys(view.tensor for view in views if len(origin.shapes[view.tensor]) > 1))
