"""The phase symmetry of sines: a bias moved by half turns, and the outgoing weights negated for each."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ngcore.errors import ShapeMismatchError
from ngcore.networks.architecture import Architecture
from ngcore.networks.layers import Activation, Convolution, Linear
from ngcore.networks.network import Network
from ngcore.networks.rescaling import multiply_spaces, sign_spaces, sizes_of_spaces
from ngcore.networks.spaces import symmetry_spaces

MOST_DRAWN = 2  # half turns, either way


def phase_spaces(architecture: Architecture) -> tuple[int, ...]:
    """Spaces whose neurons may turn: free in sign, and all of them sines of weighted sums with a bias."""
    found, turning = symmetry_spaces(architecture), _turning(architecture)
    spaces: set[int] = set()
    blocked: set[int] = set()
    for number, step in enumerate(architecture.steps):
        made = architecture.num_inputs + number
        own = set(np.unique(found.of_channels(made)).tolist())
        if made in turning:
            spaces |= own
        elif step.layer.flow in ("mix", "scan", "source"):
            blocked |= own
    return tuple(i for i in sign_spaces(architecture) if i in spaces - blocked)


def shift_phases(network: Network, half_turns: torch.Generator | Mapping[int, Float[Tensor, "networks _"]]) -> Network:
    """Turn hidden sines by half turns; the function stays the same.

    sin(ω₀ (a + k π / ω₀)) = (−1)^k sin(ω₀ a): a bias moved by k π / ω₀ negates the neuron where k is odd, which its
    outgoing weights make good. An even k is a number of whole turns and leaves the weights as they are.

    Args:
        network: N networks.
        half_turns: By number of the space, (networks, size) of whole numbers k; or a generator that draws them between
            −2 and 2 for all of `phase_spaces(network.architecture)`.

    Raises:
        ArchitectureError: If a space does not allow it.
        ShapeMismatchError: If the numbers do not fit their space, or are not whole.
    """
    free = phase_spaces(network.architecture)
    if isinstance(half_turns, torch.Generator):
        bounds = (-MOST_DRAWN, MOST_DRAWN + 1)
        sizes = sizes_of_spaces(network, free)
        half_turns = {i: torch.randint(*bounds, size, generator=half_turns).double() for i, size in sizes}
    if any((turns != turns.round()).any() for turns in half_turns.values()):
        raise ShapeMismatchError("Expected whole numbers of half turns, got others.")
    signs = {i: 1 - 2 * (turns % 2) for i, turns in half_turns.items()}
    negated = multiply_spaces(network, signs, free, "turns sines of spaces", only_after=True)
    found = symmetry_spaces(network.architecture)
    of_label = torch.zeros(len(network), found.labels.count, device=network.device, dtype=network.dtype)
    for i, turns in half_turns.items():
        of_label[:, torch.from_numpy(found.spaces[i].labels)] = turns.to(of_label)
    parameters = dict(negated.parameters)
    for name, made, omega_0 in _biases(network.architecture):
        own = of_label[:, torch.from_numpy(found.labels.of_value[made][0])]
        parameters[name] = parameters[name] + own * (math.pi / omega_0)
    return negated.having(parameters)


def canonical_phases(network: Network, *, beyond: float = 0.0) -> Network:
    """The same functions with every free phase ω₀ · b in [−π/2, π/2], or in [−π, π] where only whole turns are free.

    Where several sines of a space are added up, half turns bring the first of them into its range.

    Args:
        network: N networks.
        beyond: Networks none of whose phases is beyond this, in radians after whole turns, keep their half turns.
    """
    network = _without_whole_turns(network)
    phases = _phases(network)
    if not phases:
        return network
    largest = torch.cat([phase.abs() for phase in phases.values()], dim=1).amax(dim=1, keepdim=True)
    turns = {number: torch.where(largest > beyond, (phase / math.pi).round(), 0) for number, phase in phases.items()}
    if not any(bool(number.any()) for number in turns.values()):
        return network
    return _without_whole_turns(shift_phases(network, {space: -number for space, number in turns.items()}))


def _without_whole_turns(network: Network) -> Network:
    """Every bias inside a sine moved by whole turns to within half a turn of 0."""
    parameters = dict(network.parameters)
    for name, _, omega_0 in _biases(network.architecture):
        turns = (parameters[name].detach() * (omega_0 / (2 * math.pi))).round()
        if bool(turns.any()):
            parameters[name] = parameters[name] - turns * (2 * math.pi / omega_0)
    return network.having(parameters)


def _phases(network: Network) -> dict[int, Float[Tensor, "networks _"]]:
    """ω₀ · b of the first sines of every space whose neurons may turn, in the order of its labels."""
    found, free = symmetry_spaces(network.architecture), phase_spaces(network.architecture)
    phases: dict[int, Tensor] = {}
    for name, made, omega_0 in _biases(network.architecture):
        own = found.labels.of_value[made][0]
        order = np.argsort(own)
        for number in free:
            labels = found.spaces[number].labels
            places = order[np.searchsorted(own[order], labels).clip(max=len(own) - 1)]
            if number not in phases and np.array_equal(own[places], labels):
                phases[number] = network.parameters[name].detach()[:, torch.from_numpy(places)] * omega_0
    return phases


def _biases(architecture: Architecture) -> Iterator[tuple[str, int, float]]:
    """(name, value made, ω₀) of every bias inside a sine; shared ones once."""
    seen: set[str] = set()
    for made, omega_0 in _turning(architecture).items():
        name = f"{architecture.steps[made - architecture.num_inputs].name}.bias"
        if name not in seen:
            seen.add(name)
            yield name, made, omega_0


@lru_cache(maxsize=256)
def _turning(architecture: Architecture) -> dict[int, float]:
    """ω₀ of the sines by the weighted sums that they, and nothing else, read; steps of one name agree in it."""
    readers: dict[int, list[Activation | None]] = {value: [None] for value in architecture.outputs}
    for step in architecture.steps:
        for value in step.reads:
            readers.setdefault(value, []).append(step.layer if isinstance(step.layer, Activation) else None)
    frequencies: dict[str, set[float]] = {}
    sums: dict[int, str] = {}
    for number, step in enumerate(architecture.steps):
        if isinstance(step.layer, Linear | Convolution):
            made = architecture.num_inputs + number
            frequencies.setdefault(step.name, set()).add(_frequency(readers.get(made, [])) if step.layer.bias else 0.0)
            sums[made] = step.name
    agreed = {name: own.pop() for name, own in frequencies.items() if len(own) == 1}
    return {made: agreed[name] for made, name in sums.items() if agreed.get(name)}


def _frequency(readers: Sequence[Activation | None]) -> float:
    """ω₀ of the sines that read a value; 0 where something else reads it, too."""
    own = {reader.omega_0 if reader is not None and reader.function == "sine" else 0.0 for reader in readers}
    return own.pop() if len(own) == 1 else 0.0
