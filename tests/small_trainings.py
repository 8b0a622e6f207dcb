"""A small conv net, images for it, and the loop that a user would write to train it."""

import torch
from torch import nn
from torch.nn import functional


def conv_net(width=4, dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, width, 3, 2),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, 1, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, 3),
    ).to(dtype)


def data(dtype=torch.float32, count=16):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 1, 9, 9, generator=generator, dtype=torch.float64).to(dtype)
    return images, torch.randint(3, (count,), generator=generator)


def train(module, optimizer, steps, *, start=0, images=None, labels=None):
    if images is None:
        images, labels = data(next(module.parameters()).dtype)
    for step in range(start, start + steps):
        some = [(step + i) % len(images) for i in range(8)]
        loss = functional.cross_entropy(module(images[some]), labels[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in module.parameters()]
