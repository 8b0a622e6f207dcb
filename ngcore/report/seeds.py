"""The same training with other seeds: their figures, joined into the card of the checkpoint that ships."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ngcore.errors import CheckpointError
from ngcore.training import read_card, read_weights, save_checkpoint

SAME = ("preset", "task", "parameters")


def join_seeds(folder: Path | str, others: list[Path], *, out: Path | str) -> dict[str, Any]:
    """Write a checkpoint whose card also has the figures of other seeds, under "repeats".

    Args:
        folder: The checkpoint.
        others: Checkpoints of the same recipe, each with a seed of its own.
        out: Folder to write into; may be `folder`.

    Returns:
        The card.

    Raises:
        CheckpointError: If another one is of another recipe or corpus, or repeats a seed.
    """
    card = read_card(folder)
    repeats = {}
    for other in others:
        own = read_card(other)
        _expect_same(card, own, other)
        (seed,) = own["seeds"]
        if seed in card["seeds"] or seed in repeats:
            raise CheckpointError(f"Expected a checkpoint of another seed in {other}, got seed {seed} again.")
        repeats[seed] = {"seed": seed, "metrics": own["metrics"], "seconds": own["training"]["seconds"]}
    joined = {**card, "repeats": [repeats[seed] for seed in sorted(repeats)]}
    return save_checkpoint(out, read_weights(folder), joined)


def over_seeds(card: Mapping[str, Any], split: str, metric: str) -> tuple[float, float | None, int]:
    """Mean of a figure over the seeds of a card, their standard deviation (None for one seed), and their number.

    Args:
        card: With metrics of its own, and of other seeds under "repeats".
        split: Of the zoo.
        metric: Name of the figure; "final.kendall_tau" for one within another.
    """
    values = [_find(one["metrics"][split], metric) for one in (card, *card.get("repeats", ()))]
    return mean(values), stdev(values) if len(values) > 1 else None, len(values)


def _find(metrics: Mapping[str, Any], name: str) -> float:
    value: Any = metrics
    for part in name.split("."):
        value = value[part]
    return float(value)


def _expect_same(card: Mapping[str, Any], other: Mapping[str, Any], folder: Path) -> None:
    differing = [key for key in SAME if card[key] != other[key]]
    if card["corpus"]["sha256"] != other["corpus"]["sha256"]:
        differing.append("corpus")
    settings = [{k: v for k, v in c["training"]["config"].items() if k != "seed"} for c in (card, other)]
    if settings[0] != settings[1]:
        differing.append("training")
    if differing:
        raise CheckpointError(
            f"Expected the training of {card['name']} with another seed in {folder}, "
            f"got one that differs in {', '.join(differing)}; train it again by the same recipe."
        )
