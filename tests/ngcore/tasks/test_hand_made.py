"""Hand-made optimisers on stacks: each network moves as torch would move it alone, at its own rate."""

import pytest
import torch

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.networks import from_module, to_module
from ngcore.optim import NeuralGraphOptimizer
from ngcore.tasks.hand_made import HAND_MADE, HandMadeStack
from ngcore.tasks.optimisees import perceptron
from ngcore.tasks.optimiser_trials import start_networks, train_stack, trial_batches

ARCHITECTURE = perceptron(5, 1, (1, 4, 4))
RATES = (0.02, 0.3)
STEPS = 6


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(300, 1, 4, 4, generator=generator, dtype=torch.float64)
    return images, torch.randint(10, (300,), generator=generator)


def optimiser_of(method, module, rate, images):
    match method:
        case "sgd":
            return torch.optim.SGD(module.parameters(), lr=rate, momentum=0.9, nesterov=True)
        case "adamw":
            return torch.optim.AdamW(module.parameters(), lr=rate)
    return NeuralGraphOptimizer(module, images[:2], lr=rate)


@pytest.mark.parametrize("method", HAND_MADE)
@pytest.mark.parametrize("decays", [False, True])
def test_each_network_of_a_stack_moves_as_a_module_would_alone(method, decays, data):
    start = start_networks("x", ARCHITECTURE, [3]).to(dtype=torch.float64)
    both = start.map(lambda tensor: tensor.expand(2, *tensor.shape[1:]).contiguous())
    stack = HandMadeStack(method, both, torch.tensor(RATES).double(), total_steps=STEPS if decays else None)
    outcome = train_stack(stack, trial_batches("x", data, [7], 2), steps=STEPS)
    for number, rate in enumerate(RATES):
        module, batches = to_module(start).train(), trial_batches("x", data, [7], 1)
        optimizer = optimiser_of(method, module, rate, data[0])
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
        for step in range(STEPS):
            images, labels = next(batches)
            loss = torch.nn.functional.cross_entropy(module(images), labels[0])
            torch.testing.assert_close(outcome.losses[number, step], loss.detach())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if decays:
                schedule.step()
        found = from_module(module, data[0][:2]).flatten()
        torch.testing.assert_close(outcome.network.flatten()[number], found[0], rtol=0, atol=1e-5)


def test_what_is_not_as_expected_is_refused():
    network = start_networks("x", ARCHITECTURE, [0, 1])
    with pytest.raises(ShapeMismatchError, match=r"Expected 2 learning rates, got shape \(3,\)"):
        HandMadeStack("sgd", network, torch.ones(3))
    with pytest.raises(NeuralGraphError, match="learning rates above 0"):
        HandMadeStack("sgd", network, torch.tensor([1.0, 0.0]))
