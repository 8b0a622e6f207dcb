"""Networks unlike those of a zoo, and how often the out-of-zoo flag fires for them: what the flag is worth."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, NeuralGraphError
from ngcore.inr import MATCHED_RECIPE, FitConfig, fit_sirens, initial_siren, is_siren
from ngcore.networks import Network, siren
from ngcore.networks.deepening import deepen
from ngcore.networks.widening import widen
from ngcore.tasks.checkpoints import Checkpoint, can_read
from ngcore.tasks.familiarity import Familiarity, Ranges, find_ranges, judge_familiarity
from ngcore.tasks.reference import PARTS
from ngcore.zoo.originals import original_images
from ngcore.zoo.storage import Zoo

OWN = "the zoo's own test networks"
NUM_STRANGERS = 32
LONG = 8  # times as many steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Firing:
    """How often the flag of a model fires for networks of one kind.

    Attributes:
        networks: What they are.
        n: How many the model could read; 0: it reads none of them, and the shares are NaN.
        flagged: Share that is flagged: by the p-value or by a rule.
        by_p_value: Share with a p-value below the level.
        by_rules: Share about which a rule has something to say.
        by_part: By kind of distance, share whose own p-value is below the level.
        level: The level of the p-values.
        runs: Validation runs behind the p-values.
    """

    networks: str
    n: int
    flagged: float
    by_p_value: float
    by_rules: float
    by_part: Mapping[str, float]
    level: float
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return {**dataclasses.asdict(self), "by_part": dict(self.by_part)}


def measure_firing(
    checkpoint: Checkpoint, kinds: Mapping[str, Sequence[Network]], zoo: Zoo | None = None
) -> list[Firing]:
    """Firing rates of a calibrated model's flag, one row for each kind of networks.

    Args:
        checkpoint: With a reference beside it, see `ngcore calibrate`.
        kinds: Stacks of networks by what they are.
        zoo: That the model was trained on; None: without the rules that compare with it.
    """
    return [
        _firing(name, [found for stack in stacks for found in _judge(checkpoint, stack, zoo)])
        for name, stacks in kinds.items()
    ]


def _firing(name: str, judged: Sequence[Familiarity]) -> Firing:
    if not judged:
        nan = float("nan")
        return Firing(networks=name, n=0, flagged=nan, by_p_value=nan, by_rules=nan, by_part={}, level=nan, runs=0)
    level = judged[0].level
    parts = {part: [found.parts.get(part, 1.0) < level for found in judged] for part in PARTS}
    return Firing(
        networks=name,
        n=len(judged),
        flagged=float(np.mean([found.is_flagged for found in judged])),
        by_p_value=float(np.mean([found.p_value is not None and found.p_value < level for found in judged])),
        by_rules=float(np.mean([bool(found.rules) for found in judged])),
        by_part={part: float(np.mean(fires)) for part, fires in parts.items()},
        level=level,
        runs=judged[0].runs,
    )


def strangers_of(
    zoo: Zoo, *, count: int = NUM_STRANGERS, seed: int = 0, device: str = "cpu"
) -> dict[str, list[Network]]:
    """Networks of the test split, and others unlike them, by what they are.

    Of any zoo: weights larger, smaller, noisy, in random order; copies twice and four times as wide and one layer
    deeper that compute the same. Of a zoo of SIRENs also those fitted to its images by other recipes: width 64, other
    ω₀, one more layer, far more and far fewer steps, to noise; and SIRENs that were never fitted.

    Args:
        zoo: The zoo that a model was trained on.
        count: Networks of each kind.
        seed: Of what is random.
        device: Where to fit.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = _drawn(zoo, count, generator)
    few = [stack for stack, _ in zoo.stacks(chosen)]
    found = {OWN: own_networks(zoo)} | {
        name: [change(stack, generator) for stack in few] for name, change in CHANGES.items()
    }
    found |= {name: _grown(few, grow) for name, grow in GROWN.items()}
    if all(is_siren(architecture) for architecture in zoo.architectures.values()):
        found |= _other_sirens(zoo, chosen, generator, device)
    return {name: own for name, own in found.items() if own}


def own_networks(zoo: Zoo, *, count: int = 4 * NUM_STRANGERS) -> list[Network]:
    """Random networks of a zoo's test split, as stacks."""
    return [stack for stack, _ in zoo.stacks(_drawn(zoo, count, torch.Generator().manual_seed(0)))]


def _drawn(zoo: Zoo, count: int, generator: torch.Generator) -> np.ndarray:
    rows = zoo.rows(split="test")
    drawn: np.ndarray = np.sort(rows[torch.randperm(len(rows), generator=generator)[:count].numpy()])
    return drawn


Change = Callable[[Network, torch.Generator], Network]


def _noisy(network: Network, generator: torch.Generator) -> Network:
    return network.map(lambda tensor: tensor + tensor.std() * torch.randn(tensor.shape, generator=generator))


def _shuffled(network: Network, generator: torch.Generator) -> Network:
    """Every tensor's numbers in random order: sizes are kept, and nothing else."""

    def shuffle(tensor: Tensor) -> Tensor:
        order = torch.rand(tensor.flatten(1).shape, generator=generator).argsort(dim=1)
        return tensor.flatten(1).gather(1, order).view_as(tensor)

    return network.map(shuffle)


CHANGES: dict[str, Change] = {
    "weights × 1.5": lambda network, _: network.map(lambda tensor: 1.5 * tensor),
    "weights × 0.5": lambda network, _: network.map(lambda tensor: 0.5 * tensor),
    "weights with as much noise": _noisy,
    "weights in random order": _shuffled,
}

GROWN: dict[str, Callable[[Network], Network]] = {
    "same function, 2 × as wide": lambda network: widen(network, 2),
    "same function, 4 × as wide": lambda network: widen(network, 4),
    "same function, one layer more": deepen,
}


def _grown(stacks: Sequence[Network], grow: Callable[[Network], Network]) -> list[Network]:
    """Larger copies of those networks that have any."""
    grown = []
    for stack in stacks:
        try:
            grown.append(grow(stack))
        except ArchitectureError:
            continue
    return grown


def _other_sirens(zoo: Zoo, rows: np.ndarray, generator: torch.Generator, device: str) -> dict[str, list[Network]]:
    images = torch.from_numpy(original_images(zoo, rows)).float() / 255
    (own, *_) = zoo.architectures.values()
    hidden, d_out = list(own.layer_sizes[1:-1]), own.layer_sizes[-1]
    long, short = (dataclasses.replace(MATCHED_RECIPE, steps=steps) for steps in (LONG * MATCHED_RECIPE.steps, 100))

    def fit(targets: Tensor, config: FitConfig = MATCHED_RECIPE, **others: Any) -> list[Network]:
        sizes = others.pop("sizes", hidden)
        architecture = siren((2, *sizes, d_out), **others)
        return [fit_sirens(targets, config, architecture=architecture, device=device).network.to("cpu")]

    return {
        "SIRENs that were never fitted": [initial_siren(own, 0, len(rows), seed=1)],
        "fitted at width 64": fit(images, sizes=[64] * len(hidden)),
        "fitted with one layer more": fit(images, sizes=[*hidden, hidden[-1]]),
        "fitted with ω₀ 15": fit(images, omega_0=15.0),
        "fitted with ω₀ 60": fit(images, omega_0=60.0),
        f"fitted for {LONG} × as many steps": fit(images, long),
        "fitted for 100 steps": fit(images, short),
        "fitted to noise": fit(torch.rand(images.shape, generator=generator)),
        "fitted to negatives": fit(1 - images),
    }


def _judge(checkpoint: Checkpoint, network: Network, zoo: Zoo | None) -> list[Familiarity]:
    """What the flag says of each network; nothing where the model cannot read them."""
    if not can_read(checkpoint.card, network.architecture):
        return []
    ranges: Ranges | None = None if zoo is None else find_ranges(zoo, network.architecture)
    try:
        return judge_familiarity(checkpoint, network, ranges)
    except NeuralGraphError:
        return []
