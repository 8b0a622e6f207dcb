"""Training stacks of any architecture: the same numbers as torch's own modules and optimisers, run by run."""

import dataclasses
import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from ngcore.errors import NeuralGraphError, UnknownNameError
from ngcore.networks import (
    Add,
    Attend,
    BatchNorm,
    Constant,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    PositionPool,
    Recurrence,
    Reshape,
    RMSNorm,
    Slice,
    Turn,
)
from ngcore.testing import random_network
from ngcore.zoo.cnn_training import ImageSplits, minibatches, training_subset
from ngcore.zoo.drawing import Steps
from ngcore.zoo.stack_pass import dropped_steps, logits_of
from ngcore.zoo.stack_runs import INITS, StackRun, fixed_parameters, initial_networks, noisy_labels
from ngcore.zoo.stack_training import StackTrainConfig, measure_stack, train_networks

CONFIG = StackTrainConfig(passes=3.0, num_checkpoints=3, dtype="float64")


# Biases that batch norm or softmax cancel are left out: their gradient is 0, and Adam would make steps of rounding.


class Mlp(nn.Module):
    """16-5-5-3 with batch norm and layer norm."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 5, bias=False), nn.BatchNorm1d(5), nn.Linear(5, 5), nn.LayerNorm(5)])
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        first, norm, second, layer_norm = self.layers
        h = torch.tanh(norm(first(x.flatten(1))))
        return self.head(functional.gelu(layer_norm(second(h))))


def mlp():
    s = Steps((1, 4, 4))
    s(Flatten())
    s(Linear(16, 5, bias=False))
    s(BatchNorm(5))
    s.activate("tanh")
    s(Linear(5, 5))
    s(LayerNorm(5))
    s.activate("gelu")
    s(Linear(5, 3))
    return s.end()


class Cnn(nn.Module):
    """Convolutions with batch norm, a depthwise one, a skip through a 1×1 convolution of stride 2, and an identity."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(1, 4, 3, 1, 1, bias=False),
                nn.BatchNorm2d(4),
                nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False),
                nn.Conv2d(4, 6, 1, bias=False),
                nn.BatchNorm2d(6),
                nn.Conv2d(4, 6, 1, 2),
                nn.Conv2d(6, 6, 3, 1, 1),
                nn.Linear(6, 3),
            ]
        )

    def forward(self, x):
        first, norm, depthwise, pointwise, norm2, skip, last, head = self.layers
        a = functional.relu(norm(first(x)))
        b = functional.silu(skip(a) + norm2(pointwise(depthwise(a))))
        return head(functional.leaky_relu(b + last(b)).mean((2, 3)))


def cnn():
    s = Steps((1, 4, 4))
    s(Conv2d(1, 4, (3, 3), (1, 1), (1, 1), bias=False))
    s(BatchNorm(4))
    a = s.activate("relu")
    s(Conv2d(4, 4, (3, 3), (2, 2), (1, 1), groups=4, bias=False))
    s(Conv2d(4, 6, (1, 1), bias=False))
    main = s(BatchNorm(6))
    s(Add(), s(Conv2d(4, 6, (1, 1), (2, 2)), a, name="skip"), main)
    b = s.activate("silu")
    s(Add(), b, s(Conv2d(6, 6, (3, 3), (1, 1), (1, 1))))
    s.activate("leaky_relu")
    s(GlobalAveragePool())
    s(Linear(6, 3))
    return s.end()


class Recurrent(nn.Module):
    """Two recurrent layers over rows of pixels, a layer norm between, the last state or the mean of all."""

    def __init__(self, cell, *, is_mean):
        super().__init__()
        self.layers = nn.ModuleList([cell(4, 5, batch_first=True), nn.LayerNorm(5), cell(5, 5, batch_first=True)])
        self.head = nn.Linear(5, 3)
        self.is_mean = is_mean

    def forward(self, x):
        first, norm, second = self.layers
        h = second(norm(first(x[:, 0])[0]))[0]
        return self.head(h.mean(1) if self.is_mean else h[:, -1])


def recurrent(cell, *, is_mean):
    s = Steps((1, 4, 4))
    s(Turn((0, 2, 1)))
    s(Flatten(kept=1))
    s(Recurrence(cell, 4, 5))
    s(LayerNorm(5))
    s(Recurrence(cell, 5, 5))
    s(PositionPool("mean", (1,)) if is_mean else Slice(3, 4, axis=1, keepdim=False))
    s(Linear(5, 3))
    return s.end()


class Transformer(nn.Module):
    """2×2 patches as tokens, learned positions, one pre-norm block of two heads, mean over tokens."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 4, 2, 2)
        self.positions = nn.Parameter(torch.zeros(4, 4))
        self.layers = nn.ModuleList(
            [nn.LayerNorm(4), *(nn.Linear(4, 4, bias=i != 1) for i in range(4)), nn.RMSNorm(4, eps=1e-6)]
        )
        self.perceptron = nn.ModuleList([nn.Linear(4, 8), nn.Linear(8, 4)])
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        norm, *projections, out, rms = self.layers
        x = self.patches(x).flatten(2) + self.positions  # batch, channels, tokens
        x = x.mT
        q, k, v = (linear(norm(x)).unflatten(2, (2, 2)).transpose(1, 2) for linear in projections)
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + out(attended)
        first, second = self.perceptron
        x = x + second(torch.sigmoid(first(rms(x))))
        return self.head(x.mean(1))


def transformer():
    s = Steps((1, 4, 4))
    s(Conv2d(1, 4, (2, 2), (2, 2)))
    tokens = s(Reshape((4,)))
    stream = s(Add(), tokens, s(Constant((4, 4))))
    normal = s(LayerNorm(4))
    s(Attend(2), *[s(Linear(4, 4, bias=i != 1), normal) for i in range(3)])
    s(Linear(4, 4))
    stream = s(Add(), stream, s.last)
    s(RMSNorm(4))
    s(Linear(4, 8))
    s.activate("sigmoid")
    s(Linear(8, 4))
    s(Add(), stream, s.last)
    s(PositionPool("mean", (1,)))
    s(Linear(4, 3))
    return s.end()


FAMILIES = {
    "mlp": (mlp, Mlp),
    "cnn": (cnn, Cnn),
    "gru": (lambda: recurrent("gru", is_mean=False), lambda: Recurrent(nn.GRU, is_mean=False)),
    "lstm": (lambda: recurrent("lstm", is_mean=True), lambda: Recurrent(nn.LSTM, is_mean=True)),
    "transformer": (transformer, Transformer),
}


@pytest.fixture
def data():
    """Sixty 4×4 images of three classes that their brightness tells, and thirty more."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (90,), generator=generator)
    images = 0.5 * labels[:, None, None, None] - 0.5 + 0.3 * torch.randn(90, 1, 4, 4, generator=generator)
    return ImageSplits(
        train_images=images[:60], train_labels=labels[:60], test_images=images[60:], test_labels=labels[60:]
    )


def varied_runs(**fields):
    """Three runs of one group that differ in all that a run may differ in."""
    shared = {"group": 3, "batch_size": 16, "train_fraction": 0.9, **fields}
    return [
        StackRun(index=12, optimiser="adam", learning_rate=0.02, weight_decay=0.01, init="orthogonal", **shared),
        StackRun(index=13, optimiser="sgd", learning_rate=0.05, schedule="cosine", label_noise=0.3, **shared),
        StackRun(index=14, optimiser="rmsprop", learning_rate=0.01, dropout=0.3, init="he_uniform", **shared),
    ]


def tensors_in_order(module):
    """Parameters and running statistics of a module in the order in which its layers are defined."""
    for layer in [*module.modules()]:
        own = {**dict(layer.named_parameters(recurse=False)), **dict(layer.named_buffers(recurse=False))}
        yield from (tensor for name, tensor in own.items() if name != "num_batches_tracked")


def load(module, network):
    """Copy the only network of a stack into a module whose layers stand in the same order."""
    mine = list(tensors_in_order(module))
    names = list(network.architecture.parameter_shapes)
    if isinstance(module, Transformer):  # a module's own parameters come before those of its layers
        names.insert(0, names.pop(names.index("2.value")))
    assert len(mine) == len(names)
    with torch.no_grad():
        for tensor, name in zip(mine, names, strict=True):
            tensor.copy_(network.parameters[name][0])
    return names


def train_module(module, run, data, config):
    """Plain training of one network: torch's optimisers, loss and schedule."""
    optimisers = {
        "adam": lambda p: torch.optim.Adam(p, run.learning_rate, weight_decay=run.weight_decay),
        "sgd": lambda p: torch.optim.SGD(p, run.learning_rate, momentum=0.9, weight_decay=run.weight_decay),
        "rmsprop": lambda p: torch.optim.RMSprop(p, run.learning_rate, weight_decay=run.weight_decay),
    }
    optimiser = optimisers[run.optimiser](module.parameters())
    last = config.checkpoint_steps(run, 60)[-1]
    schedule = (
        torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, last)
        if run.schedule == "cosine"
        else torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0)
    )
    subset = training_subset(run, 60, seed=config.seed)
    labels = noisy_labels([run], data.train_labels, num_classes=3, seed=config.seed)[0]
    for batch in itertools.islice(minibatches(run, subset, seed=config.seed), last):
        optimiser.zero_grad()
        functional.cross_entropy(module(data.train_images[batch].double()), labels[batch]).backward()
        optimiser.step()
        schedule.step()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stack_trains_as_single_modules_of_torch_do(family, data):
    make, make_module = FAMILIES[family]
    architecture = make()
    runs = [dataclasses.replace(run, dropout=0.0) for run in varied_runs()]
    start = initial_networks(runs, architecture, seed=CONFIG.seed).to(dtype=torch.float64)
    *_, last = train_networks(runs, architecture, data, CONFIG)
    assert last.step == round(3 * 60 / 16)
    for i, run in enumerate(runs):
        module = make_module().double()
        names = load(module, start[i])
        train_module(module, run, data, CONFIG)
        for name, tensor in zip(names, tensors_in_order(module), strict=True):
            torch.testing.assert_close(last.network.parameters[name][i], tensor.detach(), rtol=1e-9, atol=1e-9)
        module.eval()
        with torch.no_grad():
            answers = module(data.test_images.double())
        expected = functional.cross_entropy(answers, data.test_labels).item()
        assert float(last.test_loss[i]) == pytest.approx(expected, rel=1e-9)
        assert float(last.accuracy[i]) == (answers.argmax(1) == data.test_labels).double().mean().item()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_does_not_depend_on_the_runs_beside_it(family, data):
    architecture, runs = FAMILIES[family][0](), varied_runs()
    *_, together = train_networks(runs, architecture, data, CONFIG)
    for i, run in enumerate(runs):
        *_, alone = train_networks([run], architecture, data, CONFIG)
        torch.testing.assert_close(together.network.flatten()[i], alone.network.flatten()[0], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("family", FAMILIES)
def test_fast_logits_are_those_of_the_network(family, data):
    network = random_network(FAMILIES[family][0](), 3)
    images = data.test_images.double()
    torch.testing.assert_close(logits_of(network, images), network(images), rtol=1e-10, atol=1e-10)


def test_a_run_that_diverges_leaves_the_others_alone(data):
    runs = varied_runs()
    wild = dataclasses.replace(runs[1], learning_rate=1e200)
    *_, calm = train_networks(runs, cnn(), data, CONFIG)
    *_, mixed = train_networks([runs[0], wild, runs[2]], cnn(), data, CONFIG)
    assert mixed.accuracy.isnan().tolist() == mixed.test_loss.isnan().tolist() == [False, True, False]
    for i in (0, 2):
        torch.testing.assert_close(mixed.network.flatten()[i], calm.network.flatten()[i], rtol=1e-9, atol=1e-11)


def test_dropout_drops_channels_of_later_activations_only(data):
    architecture = cnn()
    kinds = [type(architecture.steps[number].layer).__name__ for number in dropped_steps(architecture)]
    assert kinds == ["Activation", "Activation"]
    assert len(dropped_steps(recurrent("gru", is_mean=True))) == 1
    runs = varied_runs()
    *_, with_dropout = train_networks(runs, architecture, data, CONFIG)
    *_, without = train_networks([dataclasses.replace(run, dropout=0.0) for run in runs], architecture, data, CONFIG)
    change = (with_dropout.network.flatten() - without.network.flatten()).abs().amax(1)
    assert change[:2].max() < 1e-9 < change[2]


def test_label_noise_moves_that_share_of_the_labels():
    labels = torch.arange(10_000) % 10
    runs = [StackRun(index=0, group=0), StackRun(index=1, group=0, label_noise=0.3)]
    noisy = noisy_labels(runs, labels, num_classes=10, seed=0)
    assert torch.equal(noisy[0], labels)
    assert (noisy[1] != labels).double().mean().item() == pytest.approx(0.3, abs=0.02)
    moved = (noisy[1] - labels)[noisy[1] != labels] % 10
    assert torch.bincount(moved, minlength=10)[1:].min() > 250  # each other class as likely


@pytest.mark.parametrize("init", INITS)
def test_initial_weights_have_the_scale_of_their_kind(init):
    s = Steps((1, 20, 20))
    s(Flatten())
    s(Linear(400, 200))
    runs = [StackRun(index=0, group=0, init=init, init_gain=2.0), StackRun(index=1, group=0, init=init)]
    weight = initial_networks(runs, s.end(), seed=0).parameters["1.weight"]
    expected = {"he_normal": 400**-0.5 * 2**0.5, "glorot_normal": 300**-0.5, "orthogonal": 400**-0.5}
    std = expected.get(init, (1 / 400 / 3) ** 0.5)
    torch.testing.assert_close(weight.std(dim=(1, 2)), torch.tensor([2 * std, std]), rtol=0.02, atol=0)


def test_norms_start_at_one_and_the_forget_gate_is_open():
    lstm = initial_networks([StackRun(index=0, group=0)], recurrent("lstm", is_mean=False), seed=0)
    assert lstm.parameters["2.bias_ih"][0].tolist() == [0.0] * 5 + [1.0] * 5 + [0.0] * 10
    assert lstm.parameters["3.weight"].tolist() == [[1.0] * 5]
    norms = initial_networks([StackRun(index=0, group=0)], cnn(), seed=0).parameters
    assert norms["1.running_var"].tolist() == [[1.0] * 4]
    assert norms["1.running_mean"].tolist() == [[0.0] * 4]
    assert fixed_parameters(cnn()) == ("1.running_mean", "1.running_var", "5.running_mean", "5.running_var")


def test_checkpoints_are_log_spaced_and_the_last_is_the_end(data):
    config = dataclasses.replace(CONFIG, passes=100.0, num_checkpoints=4)
    run = StackRun(index=0, group=0, batch_size=60, length=0.5)
    assert config.checkpoint_steps(run, 60) == (1, 4, 14, 50)
    steps = [kept.step for kept in train_networks([run], mlp(), data, config)]
    assert steps == [1, 4, 14, 50]


def test_measures_are_not_a_number_where_a_network_is_not_finite(data):
    network = random_network(mlp(), 2)
    network.parameters["1.weight"][0, 0, 0] = torch.inf
    accuracy, loss = measure_stack(network, data.test_images.double(), data.test_labels.expand(2, -1))
    assert accuracy.isnan().tolist() == loss.isnan().tolist() == [True, False]


def test_runs_of_two_groups_are_refused(data):
    runs = [StackRun(index=0, group=0), StackRun(index=1, group=1)]
    with pytest.raises(NeuralGraphError, match="Expected runs of one group, got groups"):
        next(train_networks(runs, mlp(), data, CONFIG))


@pytest.mark.parametrize(
    ("field", "message"),
    [({"optimiser": "lion"}, "optimiser"), ({"init": "zeros"}, "initialisation"), ({"schedule": "step"}, "schedule")],
)
def test_unknown_choices_are_refused(field, message):
    with pytest.raises(UnknownNameError, match=message):
        StackRun(index=0, group=0, **field)


def test_config_refuses_what_trains_nothing():
    with pytest.raises(NeuralGraphError, match="at least 2 checkpoints"):
        StackTrainConfig(num_checkpoints=1)
