"""Names and shapes of tensors → the architecture of a network, and questions where they do not tell it."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from torch import Tensor

from ngcore.errors import ArchitectureError, UnsupportedNetworkError
from ngcore.networks import (
    Activation,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
    chain,
)
from ngcore.upload.activations import activation_questions, activations_of, place_activations
from ngcore.upload.doubts import kind_questions
from ngcore.upload.geometry import Geometry, solve_geometry
from ngcore.upload.hints import Hints
from ngcore.upload.modules import Module, group_modules
from ngcore.upload.order import order_modules
from ngcore.upload.parts import choose_parts, set_averages_aside
from ngcore.upload.questions import Question, ask

EPS_NOTE = "Norms are taken to have eps = 1e-5, the default of torch, which a state dict does not store."
SKIPS_NOTE = "No skip connections and no max pooling are assumed, as a state dict does not show them."


@dataclasses.dataclass(frozen=True)
class Inferred:
    """An architecture read off names and shapes.

    Attributes:
        architecture: The architecture.
        sources: For each parameter the tensor it is taken from, or the number it is filled with.
        notes: What was inferred, in plain words.
    """

    architecture: Architecture
    sources: dict[str, str | float]
    notes: tuple[str, ...]


def infer_architecture(tensors: Mapping[str, Tensor], hints: Hints, *, is_ordered: bool = True) -> Inferred:
    """Read a chain of layers off the names and shapes of its tensors.

    Args:
        tensors: The state dict.
        hints: The user's hints about it.
        is_ordered: Whether the order of the tensors is that of the layers.

    Raises:
        UnsupportedNetworkError: If they form no chain of supported layers, naming the first tensor that does not fit.
        AmbiguousNetworkError: If something must be said first; its `questions` list all of it.
    """
    shapes, copy_notes = set_averages_aside({name: tuple(tensor.shape) for name, tensor in tensors.items()}, hints)
    grouped = group_modules(shapes)
    chosen, part_notes = choose_parts(grouped, hints)
    modules, origin = order_modules(chosen, is_ordered=is_ordered, said=hints.order)
    places = place_activations(modules, hints.activation_side)
    kinds, kind_notes = kind_questions(modules, hints)
    geometry, open_sizes, note = _geometry(modules, hints)
    questions = [*kinds, *activation_questions(modules, tensors, hints, places), *open_sizes]
    if questions:
        raise ask(questions)
    layers, positions = _layers(modules, geometry, activations_of(modules, hints), places.after)
    architecture = _architecture(modules, geometry, layers)
    told = (*copy_notes, *part_notes, *_notes(modules, layers, origin, hints), *kind_notes, *places.notes)
    return Inferred(architecture, _sources(modules, positions), (*told, note) if note else told)


def _geometry(modules: Sequence[Module], hints: Hints) -> tuple[Geometry | None, list[Question], str]:
    convolutions = [module for module in modules if module.kind == "conv2d"]
    if not convolutions:
        return None, [], ""
    after = next((m for m in modules[modules.index(convolutions[-1]) :] if m.kind == "linear"), None)
    positions = after.shape[1] // convolutions[-1].shape[0] if after else None
    return solve_geometry(convolutions, positions=positions if positions != 1 else None, hints=hints)


def _layers(
    modules: Sequence[Module],
    geometry: Geometry | None,
    activations: tuple[Activation, Activation],
    after: frozenset[int],
) -> tuple[list[Layer], list[int]]:
    """The chain of layers, and the position in it of each module."""
    layers: list[Layer] = []
    places: list[int] = []
    sizes = iter(zip(geometry.strides, geometry.paddings, strict=True) if geometry else ())
    width, is_map = 0, geometry is not None
    for i, module in enumerate(modules):
        if module.kind == "linear" and is_map and width:
            layers.append(GlobalAveragePool() if module.shape[1] == width else Flatten())
            is_map = False
        places.append(len(layers))
        layers.append(_layer(module, width, next(sizes) if module.kind == "conv2d" else (1, 0)))
        width = module.shape[0]
        if i in after:
            layers.append(activations[0] if i == min(after) else activations[1])
    return layers, places


def _layer(module: Module, width: int, size: tuple[int, int]) -> Layer:
    """The layer of a module that takes `width` features (0 if it is the first), without activation."""
    has_bias = "bias" in module.names
    match module.kind:
        case "linear":
            return Linear(module.shape[1], module.shape[0], has_bias)
        case "conv2d":
            taken = width or module.shape[1]
            (stride, padding), kernel = size, (module.shape[2], module.shape[3])
            squares = (kernel, (stride, stride), (padding, padding))
            return Conv2d(taken, module.shape[0], *squares, taken // module.shape[1], has_bias)
        case "batch_norm":
            return BatchNorm(module.shape[0])
        case "layer_norm":
            return LayerNorm(module.shape[0])


def _architecture(modules: Sequence[Module], geometry: Geometry | None, layers: Sequence[Layer]) -> Architecture:
    first = layers[0]
    width = getattr(first, "in_features", None) or getattr(first, "in_channels", None) or modules[0].shape[0]
    try:
        return chain((width, *geometry.input_size) if geometry else (width,), tuple(layers))
    except ArchitectureError as error:
        raise UnsupportedNetworkError(
            "The layers do not fit with the stride, padding and input size that were given; "
            f"pooling between the layers, which is not supported, may be the cause. {error}"
        ) from None


def _sources(modules: Sequence[Module], places: Sequence[int]) -> dict[str, str | float]:
    sources: dict[str, str | float] = {}
    for module, place in zip(modules, places, strict=True):
        if module.kind == "batch_norm":  # a norm without scale and shift is one of scale 1 and shift 0
            sources |= {f"{place}.weight": 1.0, f"{place}.bias": 0.0}
        sources |= {f"{place}.{role}": name for role, name in module.names.items()}
    return sources


def _notes(modules: Sequence[Module], layers: Sequence[Layer], origin: str, hints: Hints) -> list[str]:
    kinds = [module.kind for module in modules]
    counts = ", ".join(f"{kinds.count(kind)} {kind.replace('_', ' ')}" for kind in dict.fromkeys(kinds))
    notes = [f"The layers ({counts}) were put in order {origin}."]
    if any(isinstance(layer, Activation) for layer in layers):
        notes.append(f"Activation {hints.activation}, as stated; none is assumed after the last layer.")
    for before, after in itertools.pairwise(layers):
        if isinstance(before, GlobalAveragePool | Flatten) and isinstance(after, Linear):
            what = "Global average pooling" if isinstance(before, GlobalAveragePool) else "Flattening"
            notes.append(f"{what} is assumed before the linear layer that takes {after.in_features} features.")
    if any(module.is_norm for module in modules):
        notes.append(EPS_NOTE)
    if "layer_norm" in kinds and "conv2d" in kinds:
        notes.append("Norms without statistics on maps are taken as layer norms over the channels.")
    return [*notes, SKIPS_NOTE]
