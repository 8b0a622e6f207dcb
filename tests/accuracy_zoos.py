"""A zoo of training runs whose accuracies follow from hyper-parameters and from weights, for tests of predictions."""

import math


def write_runs(folder, *, groups=20, group_size=4, checkpoints=3, seed=0, families=("plain", "wide")):
    """Write a zoo of CNNs whose accuracy grows with the step and falls with the distance of the rate from 0.01.

    Runs of a group share split, family and depth, which is but a number; families differ in width. Weights have a
    standard deviation that grows with the accuracy.
    """
    import torch

    from ngcore.networks import Network, small_cnn
    from ngcore.zoo import SPLITS, ZooWriter

    generator = torch.Generator().manual_seed(seed)
    kinds = {name: small_cnn((1, 4 + 2 * i, 4), image_size=(8, 8)) for i, name in enumerate(families)}
    stacks = {name: ([], []) for name in families}
    for run in range(groups * group_size):
        group = run // group_size
        split = SPLITS[(0, 0, 0, 1, 2)[group % 5]]
        family = families[group % len(families)]
        exponent = 2 * torch.rand(1, generator=generator).item() - 3
        for step in range(1, checkpoints + 1):
            best = 0.1 + 0.5 * math.exp(-4 * (exponent + 2) ** 2)
            accuracy = round(0.1 + (best - 0.1) * step / checkpoints, 4)
            flat = torch.randn(1, kinds[family].num_parameters, generator=generator) * (0.1 + accuracy)
            stacks[family][0].append(Network.unflatten(kinds[family], flat))
            stacks[family][1].append(
                {
                    "id": f"{folder.name}/{run:05d}-{step:06d}",
                    "split": split,
                    "accuracy": accuracy,
                    "train_accuracy": accuracy,
                    "run": run,
                    "step": step,
                    "is_final": step == checkpoints,
                    "group": group,
                    "family": family,
                    "depth": 2 + group % 3,
                    "optimiser": ("adam", "sgd")[run % 2],
                    "learning_rate": 10**exponent,
                    "init_std": float("nan") if run % 3 else 0.1,
                }
            )
    writer = ZooWriter(folder, name=folder.name, recipe={"kind": "cnn", "seed": seed})
    writer.write_part("all", [(Network.cat(networks), rows) for networks, rows in stacks.values()])
    return writer.finish(["all"], {"kind": "cnn"})
