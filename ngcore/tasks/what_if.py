"""What if a layer were damaged: neurons dropped, weights zeroed, shuffled, made noisy or rounded, in any network."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from ngcore.errors import NeuralGraphError, ShapeMismatchError, UnknownNameError
from ngcore.networks import Architecture, Network
from ngcore.networks.architecture import has_weights
from ngcore.networks.layers import Axis, Convolution, Layer, Linear

AS_IT_IS = 32.0
"""Bits at which weights stay as they are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """One way of damaging a layer.

    Attributes:
        name: Key of `WAYS`.
        does: What it does, in a sentence.
        unit: What its strength is.
        strengths: Those of a sweep, the first of which leaves the layer as it is.
    """

    name: str
    does: str
    unit: str
    strengths: tuple[float, ...]

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest strength."""
        return min(self.strengths), max(self.strengths)


_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
WAYS: dict[str, Way] = {
    way.name: way
    for way in (
        Way(
            name="drop",
            does="Neurons of the layer, chosen at random, give 0.",
            unit="share of neurons",
            strengths=_SHARES,
        ),
        Way(name="zero", does="Weights, chosen at random, become 0.", unit="share of weights", strengths=_SHARES),
        Way(
            name="shuffle",
            does="Weights, chosen at random, change places with one another.",
            unit="share of weights",
            strengths=_SHARES,
        ),
        Way(
            name="noise",
            does="Gaussian noise is added to the weights.",
            unit="noise / standard deviation of the weights",
            strengths=(0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        ),
        Way(
            name="quantise",
            does="Weights are rounded to evenly spaced numbers between the smallest and the largest.",
            unit="bits per weight",
            strengths=(AS_IT_IS, 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0),
        ),
    )
}


def changeable_layers(architecture: Architecture) -> dict[str, str]:
    """The layers with weights by the names of their steps, each described, in the order of the forward pass."""
    found: dict[str, str] = {}
    for step in architecture.steps:
        if has_weights(step.layer) and step.layer.parameter_shapes():
            found.setdefault(step.name, _describe(step.layer))
    return found


def change_layer(
    network: Network, layer: str, how: str, strength: float, generator: torch.Generator | None = None
) -> Network:
    """The networks with one layer damaged, each in its own random way; the same generator damages more with strength.

    Args:
        network: N networks.
        layer: Name of a step, one of `changeable_layers`.
        how: Key of `WAYS`: "drop", "zero", "shuffle", "noise" or "quantise".
        strength: In the unit of the way.
        generator: Of what is random, on the CPU; None: one with seed 0.

    Raises:
        UnknownNameError: If there is no such layer or way.
        NeuralGraphError: If the strength is out of range.
    """
    if how not in WAYS:
        raise UnknownNameError("way to change a layer", how, WAYS)
    if layer not in changeable_layers(network.architecture):
        raise UnknownNameError("layer with weights", layer, changeable_layers(network.architecture))
    low, high = WAYS[how].range
    if not low <= strength <= high:
        raise NeuralGraphError(f"Expected a strength of {low:g} to {high:g} to {how} with, got {strength:g}.")
    generator = generator or torch.Generator().manual_seed(0)
    number, step = next((i, step) for i, step in enumerate(network.architecture.steps) if step.name == layer)
    own = {name: network.parameters[f"{layer}.{name}"] for name in step.layer.parameter_shapes()}
    if how == "drop":
        width = network.architecture.shapes[network.architecture.num_inputs + number][0]
        is_dropped = _chosen(len(network), width, strength, generator)
        changed = {name: _dropped(own[name], step.layer.axes[name], is_dropped) for name in own}
    else:
        change = _CHANGES[how]
        weights = [name for name, axes in step.layer.axes.items() if sum(axis is not None for axis in axes) > 1]
        changed = {name: change(own[name], strength, generator) for name in weights}
    return network.having(network.parameters | {f"{layer}.{name}": tensor for name, tensor in changed.items()})


def sweep_layer(
    network: Network, layer: str, how: str, strengths: Sequence[float] | None = None, *, seed: int = 0
) -> Network:
    """One network with a layer damaged more and more: a stack, one for each strength.

    Args:
        network: A stack of one.
        layer: See `change_layer`.
        how: See `change_layer`.
        strengths: None: those of the way.
        seed: Of what is random, the same for all strengths.
    """
    if len(network) != 1:
        raise ShapeMismatchError(f"Expected a stack of one network to sweep over strengths, got {len(network)}.")
    if how not in WAYS:
        raise UnknownNameError("way to change a layer", how, WAYS)
    return Network.cat(
        [
            change_layer(network, layer, how, strength, torch.Generator().manual_seed(seed))
            for strength in (WAYS[how].strengths if strengths is None else strengths)
        ]
    )


def _describe(layer: Layer) -> str:
    match layer:
        case Convolution():
            kernel = "×".join(map(str, layer.kernel_size))
            return f"{kernel} convolution, {layer.in_channels} → {layer.out_channels}"
        case Linear():
            return f"linear, {layer.in_features} → {layer.out_features}"
        case _:
            shapes = ", ".join("×".join(map(str, shape)) for shape in layer.parameter_shapes().values())
            return f"{layer.kind.replace('_', ' ')}, {shapes}"


def _chosen(networks: int, count: int, share: float, generator: torch.Generator) -> Bool[Tensor, "networks count"]:
    """A share of things, at random for each network; a larger share includes those of a smaller one."""
    ranks = torch.rand(networks, count, generator=generator).argsort(dim=1).argsort(dim=1)
    return ranks < round(share * count)


def _dropped(tensor: Tensor, axes: Sequence[Axis | None], is_dropped: Bool[Tensor, "networks neurons"]) -> Tensor:
    """A parameter whose entries for some neurons of the layer's result are 0."""
    place = next(i for i, axis in enumerate(axes) if axis is not None and axis.end == "out")
    axis = axes[place]
    assert axis is not None
    mask = is_dropped.to(tensor.device).repeat(1, axis.repeats)
    sizes = [len(tensor), *(1,) * len(axes)]
    sizes[place + 1] = -1
    if axis.groups > 1:  # the neurons of one group, that of the first axis
        mask = mask.unflatten(1, (axis.groups, -1)).repeat_interleave(tensor.shape[1] // axis.groups, dim=1)
        sizes[1] = tensor.shape[1]
    return tensor.masked_fill(mask.reshape(sizes), 0.0)


def _zeroed(tensor: Tensor, share: float, generator: torch.Generator) -> Tensor:
    flat = tensor.flatten(1)
    is_zeroed = _chosen(len(flat), flat.shape[1], share, generator)
    return flat.masked_fill(is_zeroed.to(flat.device), 0.0).view_as(tensor)


def _shuffled(tensor: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Each of the chosen weights takes the place of the next one in a random order; none stays where it is."""
    flat = tensor.flatten(1)
    count = round(share * flat.shape[1])
    order = torch.rand(flat.shape, generator=generator).argsort(dim=1)[:, :count].to(flat.device)
    return flat.scatter(1, order, flat.gather(1, order.roll(1, dims=1))).view_as(tensor)


def _noisy(tensor: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(tensor.shape, generator=generator).to(tensor)
    spread = tensor.flatten(1).std(dim=1, correction=0).view(-1, *(1,) * (tensor.dim() - 1))
    return tensor + strength * spread * noise


def _quantised(tensor: Tensor, bits: float, generator: torch.Generator) -> Tensor:
    if bits >= AS_IT_IS:
        return tensor
    flat = tensor.flatten(1)
    low, high = flat.amin(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)
    gap = ((high - low) / (2 ** int(bits) - 1)).clamp(min=torch.finfo(flat.dtype).tiny)
    return (low + gap * ((flat - low) / gap).round()).view_as(tensor)


_CHANGES: Mapping[str, Callable[[Tensor, float, torch.Generator], Tensor]] = {
    "zero": _zeroed,
    "shuffle": _shuffled,
    "noise": _noisy,
    "quantise": _quantised,
}


def parse_change(text: str) -> tuple[str, str, float]:
    """Layer, way and strength out of "LAYER:HOW:STRENGTH", such as "2:noise:0.5"; names of layers may hold colons.

    Raises:
        NeuralGraphError: If it is no such text.
    """
    layer, _, rest = text.rpartition(":")[0].rpartition(":")
    number = text.rpartition(":")[2]
    try:
        strength = float(number)
    except ValueError:
        strength = float("nan")
    if not layer or rest not in WAYS or strength != strength:
        raise NeuralGraphError(
            f"Expected a change as LAYER:HOW:STRENGTH, such as 2:noise:0.5, with HOW one of {', '.join(WAYS)}, "
            f"got {text!r}."
        )
    return layer, rest, strength
