"""Names and shapes of tensors → the architecture of a network, and questions where they do not tell it."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from torch import Tensor

from ngcore.errors import ArchitectureError, UnsupportedNetworkError
from ngcore.networks import (
    ACTIVATION_KINDS,
    Activation,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    Layer,
    LayerNorm,
    Linear,
)
from ngcore.upload.geometry import Geometry, solve_geometry
from ngcore.upload.hints import Hints, Question, ask
from ngcore.upload.limits import MAX_LAYERS
from ngcore.upload.modules import Module, group_modules
from ngcore.upload.order import order_modules

SIREN_OMEGA_0 = 30.0  # Sitzmann et al. 2020, section 3.2
SMALL_SPREAD = 0.3  # std · sqrt(fan-in): 0.05 in a fresh SIREN, 0.58 in torch's default Linear
INR_INPUTS = (2, 3)
INR_OUTPUTS = (1, 3)
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
        hints: What its user said about it.
        is_ordered: Whether the order of the tensors is that of the layers.

    Raises:
        UnsupportedNetworkError: If they form no chain of supported layers, naming the first tensor that does not fit.
        AmbiguousNetworkError: If something must be said first; its `questions` list all of it.
    """
    grouped = group_modules({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    if 2 * len(grouped) > MAX_LAYERS:
        raise UnsupportedNetworkError(f"Expected at most {MAX_LAYERS // 2} layers, got {len(grouped)}.")
    modules, origin = order_modules(grouped, is_ordered=is_ordered)
    geometry, questions, note = _geometry(modules, hints)
    questions = [*_activation_questions(modules, tensors, hints), *questions]
    if questions:
        raise ask(questions)
    layers, places = _layers(modules, geometry, _activation(hints))
    architecture = _architecture(modules, geometry, layers)
    notes = (*_notes(modules, layers, origin, hints), *([note] if note else []))
    return Inferred(architecture, _sources(modules, places), notes)


def _geometry(modules: Sequence[Module], hints: Hints) -> tuple[Geometry | None, list[Question], str]:
    convolutions = [module for module in modules if module.kind == "conv2d"]
    if not convolutions:
        return None, [], ""
    after = next((m for m in modules[modules.index(convolutions[-1]) :] if m.kind == "linear"), None)
    positions = after.shape[1] // convolutions[-1].shape[0] if after else None
    return solve_geometry(convolutions, positions=positions if positions != 1 else None, hints=hints)


def _activation_questions(modules: Sequence[Module], tensors: Mapping[str, Tensor], hints: Hints) -> list[Question]:
    if sum(not module.is_norm for module in modules) < 2:
        return []
    frequency = Question(
        field="omega_0", text="Which frequency ω₀ in sin(ω₀ · x)?", suggestion=SIREN_OMEGA_0, only_if="sine"
    )
    if hints.activation is None:
        suggestion = "sine" if _looks_like_siren(modules, tensors) else "relu"
        text = "Which function follows the layers?"
        question = Question(field="activation", text=text, suggestion=suggestion, choices=ACTIVATION_KINDS)
        return [question] if hints.omega_0 is not None else [question, frequency]
    return [frequency] if hints.activation == "sine" and hints.omega_0 is None else []


def _looks_like_siren(modules: Sequence[Module], tensors: Mapping[str, Tensor]) -> bool:
    """Whether it maps coordinates to colours and its hidden weights are as small as ω₀ = 30 asks for."""
    is_inr = modules[0].shape[1:] in [(n,) for n in INR_INPUTS] and modules[-1].shape[0] in INR_OUTPUTS
    if not is_inr or any(module.kind != "linear" for module in modules):
        return False
    weights = [tensors[module.names["weight"]] for module in modules[1:]]
    return all(float((w.square().mean() * w.shape[1]).sqrt()) < SMALL_SPREAD for w in weights)


def _activation(hints: Hints) -> Activation:
    if hints.activation == "sine":
        return Activation("sine", omega_0=float(hints.omega_0 or 0.0))
    if hints.activation == "leaky_relu":
        return Activation("leaky_relu", negative_slope=float(hints.negative_slope))
    return Activation(hints.activation or "none")  # type: ignore[arg-type]


def _layers(
    modules: Sequence[Module], geometry: Geometry | None, activation: Activation
) -> tuple[list[Layer], list[int]]:
    """The chain of layers, and the position in it of each module."""
    layers: list[Layer] = []
    places: list[int] = []
    last = max(i for i, module in enumerate(modules) if not module.is_norm)
    sizes = iter(zip(geometry.strides, geometry.paddings, strict=True) if geometry else ())
    width, is_map = 0, geometry is not None
    for i, module in enumerate(modules):
        if module.kind == "linear" and is_map and width:
            layers.append(GlobalAveragePool() if module.shape[1] == width else Flatten())
            is_map = False
        places.append(len(layers))
        layers.append(_layer(module, width, next(sizes) if module.kind == "conv2d" else (1, 0)))
        width = module.shape[0]
        if i < last and _is_followed_by_activation(modules, i):
            layers.append(activation)
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


def _is_followed_by_activation(modules: Sequence[Module], i: int) -> bool:
    """Whether the activation of a block (a weight layer and its norms) stands right after module i.

    It stands after the norms, unless the numbers of a `torch.nn.Sequential` leave a gap before them and none after.
    """
    start = next((k for k in range(i, -1, -1) if not modules[k].is_norm), None)
    if start is None:
        return False
    end = next(k for k in range(start, len(modules)) if not modules[k + 1].is_norm)
    is_before = end > start and _has_gap(modules, start) and not _has_gap(modules, end)
    return i == (start if is_before else end)


def _has_gap(modules: Sequence[Module], i: int) -> bool:
    """Whether a `torch.nn.Sequential` holds something without parameters between modules i and i + 1."""
    one, two = modules[i], modules[i + 1]
    is_sequential = one.pattern == two.pattern and len(one.key) == len(two.key) and one.key[:-1] == two.key[:-1]
    return is_sequential and bool(one.numbers) and two.numbers[-1] - one.numbers[-1] > 1


def _architecture(modules: Sequence[Module], geometry: Geometry | None, layers: Sequence[Layer]) -> Architecture:
    first = layers[0]
    width = getattr(first, "in_features", None) or getattr(first, "in_channels", None) or modules[0].shape[0]
    try:
        return Architecture((width, *geometry.input_size) if geometry else (width,), tuple(layers))
    except ArchitectureError as error:
        raise UnsupportedNetworkError(
            f"The layers do not fit with the stride, padding and input size that were given. {error}"
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
        notes.append(f"The activation {hints.activation} follows every layer but the last, as was said.")
    for before, after in itertools.pairwise(layers):
        if isinstance(before, GlobalAveragePool | Flatten) and isinstance(after, Linear):
            what = "Global average pooling" if isinstance(before, GlobalAveragePool) else "Flattening"
            notes.append(f"{what} is assumed before the linear layer that takes {after.in_features} features.")
    if any(module.is_norm for module in modules):
        notes.append(EPS_NOTE)
    if "layer_norm" in kinds and "conv2d" in kinds:
        notes.append("Norms without statistics on maps are taken as layer norms over the channels.")
    return [*notes, SKIPS_NOTE]
