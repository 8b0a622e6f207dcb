"""Tiny zoos with pictures for their INRs, and recipes that take seconds."""

import dataclasses

import pytest
from tiny_zoos import write_inrs


@pytest.fixture(scope="session")
def inrs(tmp_path_factory):
    """Twelve SIRENs 2-8-8-1, four of each split, with 6 × 6 images as their originals."""
    import numpy as np

    zoo = write_inrs(tmp_path_factory.mktemp("zoos") / "tiny-inrs")
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)
    np.save(zoo.folder / "images.npy", images)
    return zoo


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Four relu, four tanh and four wider networks with accuracies from 0 % to 55 %, their ids mixed, in all splits."""
    import torch

    from ngcore.networks import Network, mlp
    from ngcore.zoo import SPLITS, ZooWriter

    generator = torch.Generator().manual_seed(0)
    stacks = []
    for kind, architecture in enumerate((mlp((2, 3, 1)), mlp((2, 3, 1), "tanh"), mlp((2, 5, 1)))):
        numbers = range(kind, 12, 3)
        flat = torch.randn(4, architecture.num_parameters, generator=generator)
        rows = [{"id": f"mixed/{i:03d}", "split": SPLITS[i // 4], "accuracy": 0.05 * i} for i in numbers]
        stacks.append((Network.unflatten(architecture, flat), rows))
    writer = ZooWriter(tmp_path_factory.mktemp("zoos") / "mixed", name="mixed", recipe={})
    writer.write_part("all", stacks)
    return writer.finish(["all"])


@pytest.fixture
def recipes(monkeypatch):
    """Tiny recipes under the names "tiny-classify", "tiny-edit" and "tiny-predict"."""
    from ngcore.tasks import RECIPES
    from ngcore.tasks.problems import Augmentation
    from ngcore.tasks.recipes import Recipe
    from ngcore.training import TrainConfig

    config = TrainConfig(
        steps=6, batch_size=2, learning_rate=3e-3, warmup_steps=0, validate_every=2, checkpoint_every_seconds=0.0
    )
    small = {"d_node": 8, "d_edge": 8, "d_hidden": 8, "num_layers": 2}
    noise = Augmentation(noise=0.1, weight_dropout=0.1)
    bf16 = dataclasses.replace(config, precision="bf16-mixed", ema_decay=0.5)
    of = Recipe.of
    for name, recipe in {
        "tiny-classify": of("classify", "tiny-inrs", "ng-gnn-signs", bf16, augmentation=noise, **small),
        "tiny-edit": of("edit", "tiny-inrs", "ng-gnn-edit", config, **small),
        "tiny-predict": of("predict", "mixed", "ng-gnn-cnn", config, augmentation=noise, **small),
        "tiny-statistics": of("predict", "mixed", "statnn", config, d_hidden=4),
    }.items():
        monkeypatch.setitem(RECIPES, name, recipe)
    return RECIPES
