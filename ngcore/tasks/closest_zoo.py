"""Which zoo a network from anywhere is most like: by its architecture, and for INRs by the picture that it is."""

import math
from collections.abc import Mapping

import numpy as np
import torch

from ngcore.inr import is_inr, render
from ngcore.networks import Architecture, Network
from ngcore.zoo.storage import Zoo

PICTURE = (14, 14)
MAX_PICTURES = 500  # of each zoo, evenly spaced
NUM_NEIGHBOURS = 10


def closest_zoo(network: Network, zoos: Mapping[str, Zoo]) -> str | None:
    """The name of the zoo whose networks are most like one from elsewhere; None where none has such inputs and outputs.

    The same architecture goes before the same shapes of parameters, and these before the same inputs and outputs.
    Among zoos that are level, an INR belongs where most of the 10 pictures are that are nearest to its own, and any
    other network to the zoo with an architecture of about as many parameters.

    Args:
        network: A stack of one.
        zoos: The zoos by name; the first of those that are level in everything is taken.
    """
    levels = {name: _level(network.architecture, zoo) for name, zoo in zoos.items()}
    best = max(levels.values(), default=0)
    if not best:
        return None
    level = [name for name in zoos if levels[name] == best]
    if len(level) == 1:
        return level[0]
    if is_inr(network.architecture):
        return _by_picture(network, {name: zoos[name] for name in level})
    return min(level, key=lambda name: _difference_in_size(network.architecture, zoos[name]))


def _level(architecture: Architecture, zoo: Zoo) -> int:
    """How much the networks of a zoo have in common with an architecture, from 0 (nothing) to 3 (all)."""
    known = zoo.architectures.values()
    if architecture in known:
        return 3
    if any(architecture.parameter_shapes == own.parameter_shapes for own in known):
        return 2
    ends = (architecture.input_shape, architecture.output_shape)
    return int(any(ends == (own.input_shape, own.output_shape) for own in known))


def _difference_in_size(architecture: Architecture, zoo: Zoo) -> float:
    own = math.log1p(architecture.num_parameters)
    return min(abs(own - math.log1p(known.num_parameters)) for known in zoo.architectures.values())


def _by_picture(network: Network, zoos: Mapping[str, Zoo]) -> str:
    """The zoo of most of the nearest pictures; of several as near, the first one."""
    own = _pictures(network)[0]
    distances, names = [], []
    for name, zoo in zoos.items():
        pictures = _pictures(_sample(zoo, network.architecture))
        distances.append((pictures - own).square().sum(dim=1))
        names += [name] * len(pictures)
    nearest = torch.cat(distances).argsort(stable=True)[:NUM_NEIGHBOURS].tolist()
    found = [names[i] for i in nearest]
    return max(zoos, key=found.count)


def _sample(zoo: Zoo, architecture: Architecture) -> Network:
    """Networks of a zoo of one architecture, that of the network itself if it has it."""
    own = next((key for key, known in zoo.architectures.items() if known == architecture), None)
    likely = own or next(key for key, known in zoo.architectures.items() if _is_alike(known, architecture))
    rows = zoo.rows(architecture=likely)
    return zoo.networks(rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_PICTURES)).round().astype(int)])


def _is_alike(known: Architecture, architecture: Architecture) -> bool:
    return (known.input_shape, known.output_shape) == (architecture.input_shape, architecture.output_shape)


def _pictures(network: Network) -> torch.Tensor:
    """What INRs show, (networks, numbers)."""
    with torch.inference_mode():
        return render(network, PICTURE).nan_to_num(0.5).clamp(0, 1).flatten(1)
