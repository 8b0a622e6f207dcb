"""Graphics processors and their like compute what the processor computes: pictures, answers, training steps."""

import copy

import pytest
import torch
from module_families import FAMILIES
from small_trainings import conv_net, data, train
from tiny_models import GRAPH_PRESETS, tiny_model
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from ngcore.device import available_devices
from ngcore.inr import FitConfig, fit_sirens, initial_siren, render
from ngcore.networks import from_module, siren, small_cnn
from ngcore.optim import PAPER_PRESETS, NeuralGraphOptimizer, RuleConfig, make_rule
from ngcore.tasks.inner_loop import InnerRun, meta_loss
from ngcore.tasks.optimisees import conv_net as conv_net_architecture
from ngcore.tasks.optimisees import initial_parameters
from ngcore.testing import random_network
from ngcore.zoo.cnn_training import ImageSplits
from ngcore.zoo.stack_runs import StackRun
from ngcore.zoo.stack_training import StackTrainConfig, train_networks

ACCELERATOR = available_devices()[0]
CLOSE = {"rtol": 1e-8, "atol": 1e-8, "check_device": False}

pytestmark = pytest.mark.skipif(ACCELERATOR in ("cpu", "mps"), reason="needs an accelerator with float64")


def assert_alike(found, expected, **tolerance):
    for a, b in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        torch.testing.assert_close(a.detach().cpu(), b.detach().cpu(), **(CLOSE | tolerance))


@pytest.fixture(scope="module")
def sirens():
    return initial_siren(siren((2, 32, 32, 3)), 0, 3, seed=0).to(dtype=torch.float64)


def test_pictures_are_alike(sirens):
    assert_alike(render(sirens.to(ACCELERATOR), (64, 48)), render(sirens, (64, 48)))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_every_family_computes_alike(name):
    module, inputs = FAMILIES[name]()
    network = from_module(module, *inputs).detach()
    with torch.no_grad():
        there = network.to(ACCELERATOR)(*(x.to(ACCELERATOR) for x in inputs))
        assert_alike(there, network(*inputs))


@pytest.mark.parametrize("preset", GRAPH_PRESETS)
def test_a_model_answers_alike_and_so_are_its_gradients(preset):
    architecture = small_cnn((1, 4, 5), num_classes=3, image_size=(8, 8))
    network = random_network(architecture, 3, seed=0, dtype=torch.float64)
    ends = []
    for device in ("cpu", ACCELERATOR):
        model = tiny_model(preset, [architecture]).to(device)
        answer = model(network.to(device))
        tensors = [answer] if isinstance(answer, torch.Tensor) else list(answer.parameters.values())
        sum(tensor.square().sum() for tensor in tensors).backward()
        ends.append([*tensors, *(p.grad for p in model.parameters() if p.grad is not None)])
    assert_alike(*ends, rtol=1e-4, atol=1e-6)


def test_sirens_are_fitted_as_well():
    images = torch.rand(4, 12, 12, generator=torch.Generator().manual_seed(0))
    smooth = functional.avg_pool2d(images[:, None], 5, 1, 2)[:, 0]
    ends = [fit_sirens(smooth, FitConfig(steps=200), device=device).psnr for device in ("cpu", ACCELERATOR)]
    assert_alike(*ends, rtol=0, atol=1.0)


def test_a_stack_trains_alike():
    architecture = small_cnn((1, 4, 4), num_classes=3, image_size=(6, 6))
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(60, 1, 6, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (60,), generator=generator)
    splits = ImageSplits(train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    runs = [
        StackRun(index=i, group=0, optimiser=o, learning_rate=0.01, batch_size=10)
        for i, o in enumerate(("adam", "sgd", "rmsprop"))
    ]
    config = StackTrainConfig(passes=1.0, num_checkpoints=2, dtype="float64")
    ends = [
        list(train_networks(runs, architecture, splits, config, device=device))[-1] for device in ("cpu", ACCELERATOR)
    ]
    assert_alike(*([end.network.flatten(), end.accuracy, end.test_loss] for end in ends))


@pytest.mark.parametrize("rule", [RuleConfig(d=8, interval=2), *PAPER_PRESETS.values()], ids=str)
def test_a_rule_is_trained_by_the_same_gradient(rule):
    generator = torch.Generator().manual_seed(0)
    start = initial_parameters(conv_net_architecture(4, input_shape=(1, 9, 9)), 2, generator).to(dtype=torch.float64)
    images = torch.randn(5, 8, 1, 9, 9, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (5, 8), generator=generator)
    torch.manual_seed(0)
    made = make_rule(rule).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, dtype=torch.float64))
    ends = []
    for device in ("cpu", ACCELERATOR):
        own = copy.deepcopy(made).to(device)
        run = InnerRun.start(start.to(device), 20)
        loss, _ = meta_loss(run, list(zip(images.to(device), labels.to(device), strict=True)), own)
        loss.backward()
        ends.append([loss, *(p.grad for p in own.parameters() if p.grad is not None)])
    assert_alike(*ends, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("rule", [None, "optimiser-ng-gnn"])
def test_a_module_is_optimised_alike(rule):
    ends = []
    for device in ("cpu", ACCELERATOR):
        module = conv_net(dtype=torch.float64).to(device)
        images, labels = (tensor.to(device) for tensor in data(torch.float64))
        optimizer = NeuralGraphOptimizer(module, images, rule=rule, total_steps=20)
        ends.append(train(module, optimizer, 10, images=images, labels=labels))
    assert_alike(*ends, rtol=1e-6, atol=1e-6)
