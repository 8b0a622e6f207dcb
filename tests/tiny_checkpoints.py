"""Checkpoints of small models that were never trained, for tests of what loads and shows models."""

import dataclasses

SCORES = {"classify": {"accuracy": 0.5}, "predict": {"kendall_tau": 0.25}, "edit": {"mse": 0.02, "mse_unedited": 0.04}}


def write_tiny_checkpoint(folder, zoo, *, task, preset="ng-gnn", d_out=1):
    """Write `<folder>` with a model of a few numbers that answers a question about the networks of a zoo."""
    import torch

    from ngcore.models import build_model
    from ngcore.models import preset as find_preset
    from ngcore.training import save_checkpoint

    small = {"d_node": 8, "d_edge": 8, "d_hidden": 8, "num_layers": 2, "d_out": d_out}
    own = find_preset(preset).to_dict()
    config = find_preset(preset, **{field: size for field, size in small.items() if field in own})
    model = build_model(config, list(zoo.architectures.values()), seed=1)
    with torch.random.fork_rng():  # heads may start as nothing
        torch.manual_seed(2)
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)
    card = {
        "name": folder.name,
        "preset": preset,
        "task": task,
        "model": {
            "config": dataclasses.asdict(config),
            "architectures": [architecture.to_dict() for architecture in zoo.architectures.values()],
        },
        "corpus": {"name": zoo.name, "sha256": zoo.hash, "recipe": {}, "counts": {"train": 4}},
        "training": {
            "config": {},
            "steps": 0,
            "seconds": 0.0,
            "networks_per_second": 0.0,
            "device": "cpu",
            "cores": 1,
        },
        "metrics": {split: {"n": 4, **SCORES[task]} for split in ("validation", "test")},
        "seeds": [1],
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "command": "none",
    }
    return save_checkpoint(folder, model.state_dict(), card)


def write_tiny_checkpoints(folder, inrs, cnns):
    """Write a model of every task: tiny-classify, tiny-probes and tiny-edit for INRs, tiny-predict for CNNs."""
    classes = len(inrs.card["class_names"])
    write_tiny_checkpoint(folder / "tiny-classify", inrs, task="classify", d_out=classes)
    write_tiny_checkpoint(folder / "tiny-probes", inrs, task="classify", preset="output-probes-64", d_out=classes)
    write_tiny_checkpoint(folder / "tiny-edit", inrs, task="edit", preset="ng-gnn-edit")
    write_tiny_checkpoint(folder / "tiny-predict", cnns, task="predict", preset="ng-gnn-cnn")
    return folder
