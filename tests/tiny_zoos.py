"""Zoos of a few networks that were never trained, for tests of the app."""

CLASS_NAMES = ("zero", "one", "two")
NUM_INRS = 12


def write_tiny_zoos(folder, *, prefix="tiny"):
    """Write the zoos `<prefix>-inrs` (12 SIRENs, 3 classes) and `<prefix>-cnns` (6 CNNs) into a folder."""
    write_inrs(folder / f"{prefix}-inrs")
    write_cnns(folder / f"{prefix}-cnns")
    return folder


def write_inrs(folder):
    """Twelve SIRENs 2-8-8-1, four of each split and class, one of them flagged."""
    from ngcore.inr.siren import initial_siren
    from ngcore.networks import siren
    from ngcore.zoo import SPLITS, ZooWriter

    name = folder.name
    network = initial_siren(siren((2, 8, 8, 1)), 0, NUM_INRS, seed=0)
    rows = [
        {
            "id": f"{name}/{i:06d}",
            "split": SPLITS[i // 4],
            "label": i % 3,
            "psnr": 20.0 + i,
            "flagged": i == 5,
            "image": i,
        }
        for i in range(NUM_INRS)
    ]
    writer = ZooWriter(folder, name=name, recipe={"kind": "inr", "seed": 0})
    writer.write_part("all", [(network, rows)])
    return writer.finish(["all"], {"kind": "inr", "class_names": CLASS_NAMES})


def write_cnns(folder):
    """Six CNNs 1-4-4-10 of two runs, with test accuracies from 10 % to 60 %."""
    import torch

    from ngcore.networks import small_cnn
    from ngcore.testing import random_network
    from ngcore.zoo import ZooWriter

    name = folder.name
    network = random_network(small_cnn((1, 4, 4), image_size=(8, 8)), 6, dtype=torch.float32)
    rows = [
        {
            "id": f"{name}/{i // 3:05d}-{i % 3:06d}",
            "split": "test" if i < 3 else "train",
            "accuracy": 0.1 * (i + 1),
            "run": i // 3,
            "step": i % 3,
            "learning_rate": 0.01 * (i + 1),
        }
        for i in range(6)
    ]
    writer = ZooWriter(folder, name=name, recipe={"kind": "cnn", "seed": 0})
    writer.write_part("all", [(network, rows)])
    return writer.finish(["all"], {"kind": "cnn"})
