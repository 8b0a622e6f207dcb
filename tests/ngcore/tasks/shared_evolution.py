"""Two updates of a rule, by as many processes as `torchrun` starts; the argument is the folder of the state."""

import sys
from pathlib import Path

import torch

from ngcore.optim import RuleConfig
from ngcore.tasks import meta_trainer
from ngcore.tasks.evolution import EvolutionConfig, evolve
from ngcore.tasks.optimisees import Optimisee, TrainingImages, perceptron
from ngcore.training.processes import joined_processes

TASK = Optimisee(architecture=perceptron(4, 1, (1, 8, 8)), images="mnist", side=8, total_steps=3, batch_size=8)


def main(folder: Path) -> None:
    """Make the updates, without learning from anything but noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(64) % 10
    data = (torch.randn(64, 1, 8, 8, generator=generator) + labels[:, None, None, None] / 5, labels)
    images = {(name, 8): TrainingImages(data, data, data) for name in ("mnist", "fashion-mnist")}
    meta_trainer.validation_tasks = lambda: (TASK, TASK)
    config = EvolutionConfig(
        updates=2, validate_every=2, num_tasks=3, num_pairs=2, horizons=(3.0, 4.0), widths=(2,), sides=(8,)
    )
    with joined_processes():
        evolve(config, images, folder, rule=RuleConfig(d=4, num_layers=1, interval=2))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
