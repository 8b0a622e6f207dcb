"""A tiny training run; as a program, it trains in a child process that is killed again and again.

python tiny_run.py FOLDER NUM_KILLS: prints the last step that each killed child had in its checkpoint.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from ngcore.training import TrainConfig, train

NUM_ITEMS = 20
CONFIG = TrainConfig(
    epochs=20,
    batch_size=4,
    learning_rate=0.02,
    warmup_steps=5,
    schedule="cosine",
    clip_norm=1.0,
    ema_decay=0.9,
    log_every=3,
    validate_every=7,
    checkpoint_every_seconds=0.0,
    seed=3,
)


def build_model():
    """A model with dropout, so that the default generator takes part, and a buffer."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 1))


def build_items():
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(NUM_ITEMS, 3, generator=generator)
    return inputs, (inputs**2).sum(1, keepdim=True)


def run(folder, *, config=CONFIG, seconds_per_step=0.0, before_step=None, **options):
    """Train the tiny model by one thread; `before_step` is called with the number of losses computed in this process.

    The sums of batch norm differ in their last bits from one number of threads to another.
    """
    torch.set_num_threads(1)
    inputs, targets = build_items()
    model = build_model()
    calls = iter(range(10**9))

    def loss(model, index, generator):
        time.sleep(seconds_per_step)
        if before_step is not None:
            before_step(next(calls))
        noise = 0.1 * torch.randn(len(index), 3, generator=generator)
        return (model(inputs[index] + noise) - targets[index]).square().mean()

    def validate(model):
        return {"mse": (model(inputs) - targets).square().mean()}

    options = {"monitor": "mse", "mode": "min", "device": "cpu", "num_items": NUM_ITEMS, **options}
    return train(model, loss=loss, validate=validate, config=config, folder=folder, **options), model


def main(folder, num_kills):
    import lightning_fabric  # noqa: F401  (the children share its import)

    state, moment = folder / "last.ckpt", random.Random(0)
    for _ in range(num_kills):
        before = written(state)
        child = os.fork()
        if child == 0:
            run(folder, seconds_per_step=0.01)
            os._exit(0)
        while written(state) == before and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(0.2 * moment.random())
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
        print(torch.load(state, weights_only=True)["step"], flush=True)
    run(folder)


def written(path):
    """When a file was written; None while there is none."""
    return path.stat().st_mtime_ns if path.exists() else None


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
