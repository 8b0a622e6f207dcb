"""Modules as networks: chains, state dicts back, reports of what cannot be read, and modules that are odd."""

from collections import OrderedDict

import pytest
import torch
from module_families import FAMILIES
from torch import nn
from torch.utils._pytree import tree_leaves

from ngcore.errors import ArchitectureError
from ngcore.networks import Linear, Skip, chain, from_module, mlp, siren, small_cnn, to_module, to_state_dict
from ngcore.networks.sequential import Sine
from ngcore.testing import random_network

MODULES = {
    "perceptron": (nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.GELU(), nn.Identity(), nn.Linear(4, 2)), (3,)),
    "siren": (nn.Sequential(nn.Linear(2, 4), Sine(30.0), nn.Linear(4, 1, bias=False)), (2,)),
    "pooled cnn": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, 2, 1, bias=False),
            nn.BatchNorm2d(4, eps=1e-3),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4, 4, (1, 3), groups=4),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        (2, 9, 9),
    ),
    "flattened cnn": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(18, 3), nn.BatchNorm1d(3), nn.Sigmoid()),
        (1, 5, 5),
    ),
    "named": (nn.Sequential(OrderedDict(first=nn.Linear(2, 3), function=nn.ReLU(), last=nn.Linear(3, 1))), (2,)),
}


@pytest.mark.parametrize(("module", "shape"), MODULES.values(), ids=MODULES)
def test_a_torch_module_survives_the_way_to_a_network_and_back(module, shape):
    generator = torch.Generator().manual_seed(0)
    module = module.double().eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.copy_(noise + 0.5 if "running_var" in name else noise - 0.5)
    inputs = torch.randn(4, *shape, generator=generator, dtype=torch.float64)
    network = from_module(module, inputs)
    torch.testing.assert_close(network(inputs)[0], module(inputs), rtol=1e-6, atol=1e-6)
    restored = to_module(network)
    torch.testing.assert_close(restored(inputs), module(inputs), rtol=1e-12, atol=1e-12)
    assert isinstance(restored, nn.Sequential)
    assert from_module(restored, inputs).equals(network)


def test_a_network_read_from_a_module_shares_no_memory_with_it():
    module = nn.Sequential(nn.Linear(2, 1))
    network = from_module(module, torch.zeros(2, 2))
    before = network.parameters["0.weight"].clone()
    nn.init.zeros_(module[0].weight)
    assert torch.equal(network.parameters["0.weight"], before)
    assert not network.parameters["0.weight"].requires_grad


def evaluated(module, *inputs):
    """What a module answers in evaluation mode, as a list."""
    with torch.no_grad():
        return tree_leaves(module.double().eval()(*inputs))


@pytest.mark.parametrize(
    ("module", "architecture"),
    [
        (nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)), mlp((2, 4, 1))),
        (nn.Sequential(OrderedDict(a=nn.Linear(2, 4), f=Sine(30.0), b=nn.Linear(4, 1))), siren((2, 4, 1))),
    ],
    ids=["mlp", "siren"],
)
def test_a_plain_sequential_is_the_chain_of_the_same_layers(module, architecture):
    assert from_module(module, torch.zeros(3, 2)).architecture.id == architecture.id


def test_a_module_of_its_own_class_that_is_a_plain_chain_is_that_chain():
    module, inputs = FAMILIES["siren/modules"]()
    network = from_module(module, *inputs)
    assert network.architecture.chain is not None
    assert list(network.parameters) == [f"{i}.{name}" for i in (0, 2, 4) for name in ("weight", "bias")]


def test_a_small_cnn_with_a_pooled_map_is_the_chain_of_the_same_layers():
    class Cnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3, 2, 1), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.conv(x).relu().mean((2, 3)))

    network = from_module(Cnn(), torch.zeros(2, 1, 8, 8))
    assert network.architecture.id == small_cnn((1, 4), num_classes=3, image_size=(8, 8)).id
    assert list(to_state_dict(network)) == ["conv.weight", "conv.bias", "head.weight", "head.bias"]


@pytest.mark.parametrize(
    "module",
    [
        nn.MaxPool2d(2),
        nn.GELU(approximate="tanh"),
        nn.Conv2d(2, 1, 3, dilation=2),
        nn.Conv2d(2, 1, 4, padding="same"),
        nn.Conv2d(2, 1, 3, padding=1, padding_mode="reflect"),
        nn.BatchNorm2d(2, affine=False),
        nn.LayerNorm((2, 8, 8)),
        nn.LayerNorm(8),
        nn.LayerNorm(8, elementwise_affine=False),
        nn.AdaptiveAvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(2),
        nn.Linear(8, 3),
        nn.Softmax(dim=1),
        nn.Sequential(nn.Conv2d(2, 8, 1), nn.PixelShuffle(2)),
        nn.PixelUnshuffle(2),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.ChannelShuffle(2),
        nn.Upsample(scale_factor=1.5, mode="bilinear"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_a_single_layer_computes_what_torch_does(module):
    x = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (expected,) = evaluated(nn.Sequential(module), x)
    network = from_module(nn.Sequential(module), x)
    torch.testing.assert_close(network(x)[0], expected, rtol=1e-9, atol=1e-9)


def test_half_precision_is_held_in_single_and_given_back_bit_for_bit():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4)).to(torch.bfloat16)
    network = from_module(module, torch.randn(2, 3, dtype=torch.bfloat16))
    assert network.dtype == torch.float32
    for name, tensor in to_state_dict(network).items():
        assert tensor.dtype == torch.bfloat16
        assert torch.equal(tensor, module.state_dict()[name])


def test_tied_weights_are_steps_of_one_name():
    module, inputs = FAMILIES["gpt/tied"]()
    network = from_module(module, *inputs)
    tied = [step for step in network.architecture.steps if step.name == "wte"]
    assert [step.layer.kind for step in tied] == ["embedding", "linear"]


def test_a_tied_decoder_with_a_bias_of_its_own_keeps_the_tie():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.bias = nn.Embedding(5, 3), nn.Parameter(torch.ones(5))

        def forward(self, tokens):
            return nn.functional.linear(self.table(tokens), self.table.weight, self.bias)

    network = from_module(Tied(), torch.tensor([[1, 2], [3, 4]]))
    assert [step.name for step in network.architecture.steps if step.name] == ["table", "table", "bias"]


def test_changed_weight_norm_is_given_back_as_the_weights_and_their_norms():
    module, inputs = FAMILIES["temporal/weight norm"]()
    network = from_module(module, *inputs)
    changed = network.map(lambda tensor: 1.5 * tensor)
    module.load_state_dict(to_state_dict(changed))
    torch.testing.assert_close(changed(*inputs)[0], evaluated(module, *inputs)[0], rtol=1e-9, atol=1e-9)


def test_changed_weights_without_a_way_back_are_refused():
    module, inputs = FAMILIES["mlp/gated"]()
    network = from_module(module, *inputs)
    with pytest.raises(ArchitectureError, match=r"first\.weight.* was computed from first\.parametrizations"):
        to_state_dict(network.map(lambda tensor: 2 * tensor))


class Unfolding(nn.Module):
    """A Linear layer, something without counterpart, and another."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(torch.sort(self.first(x), dim=1).values)


def test_an_operation_without_counterpart_is_refused_with_the_report():
    with pytest.raises(ArchitectureError) as caught:
        from_module(Unfolding(), torch.randn(2, 4))
    message = str(caught.value)
    assert "14 of 44 parameters are in the graph." in message
    assert "sort (it has no counterpart here; 30 parameters left out; its result is input 1)" in message
    assert "strict=False" in message


def test_the_rest_of_a_module_takes_the_result_of_what_is_left_out_as_an_input():
    module = Unfolding().double()
    network = from_module(module, torch.randn(2, 4, dtype=torch.float64), strict=False)
    coverage = network.origin.coverage
    assert not coverage.is_complete
    assert coverage.table() == [
        {"path": "", "operation": "sort", "reason": "it has no counterpart here", "parameters": 30, "input": 1}
    ]
    x = torch.randn(5, 4, dtype=torch.float64)
    with torch.no_grad():
        inside = torch.sort(module.first(x), dim=1).values
    torch.testing.assert_close(network(x, inside)[0], evaluated(module, x)[0])
    assert list(to_state_dict(network)) == list(module.state_dict())


class Looking(nn.Module):
    """Control flow that depends on numbers."""

    def forward(self, x):
        return x if x.sum() > 0 else -x


class Averaging(nn.Module):
    """Combines the samples of a batch."""

    def forward(self, x):
        return x - x.mean(dim=0)


class Counting(nn.Module):
    """Depends on how many samples there are."""

    def forward(self, x):
        return x / x.shape[0]


class Emptying(nn.Module):
    """Leaves nothing."""

    def forward(self, x):
        return x[:, :0]


class Reading(nn.Module):
    """Reads a number out of a tensor."""

    def forward(self, x):
        return x * float(x.sum())


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (Emptying(), [torch.ones(2, 3)], "no entry is left"),
        (Reading(), [torch.ones(2, 3)], "control flow that depends on the input, got Reading"),
        (torch.jit.script(nn.Linear(3, 2)), [torch.ones(2, 3)], "got RecursiveScriptModule"),
        (Looking(), [torch.ones(2, 3)], "control flow that depends on the input, got Looking"),
        (Averaging(), [torch.ones(2, 3)], "samples of the batch are combined"),
        (Counting(), [torch.ones(2, 3)], "depends on the size of the batch"),
        (nn.Linear(3, 2), [torch.ones(2, 4)], r"example inputs that Linear takes, got \(2, 4\)"),
        (nn.Linear(3, 2), [], "got none"),
        (nn.Bilinear(2, 2, 2), [torch.ones(2, 2), torch.ones(3, 2)], r"as many samples .* got \[2, 3\]"),
        (nn.BatchNorm1d(3, track_running_stats=False), [torch.ones(4, 3)], "batch norm without running statistics"),
    ],
    ids=["emptying", "reading", "script", "looking", "averaging", "counting", "shape", "none", "batches", "batch norm"],
)
def test_odd_modules_and_inputs_are_refused_in_words(module, inputs, message):
    with pytest.raises(ArchitectureError, match=message):
        from_module(module, *inputs)


def test_a_module_in_training_mode_is_read_as_in_evaluation_mode_and_stays_as_it_was():
    module = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 1)).double()
    module[1].eval()
    x = torch.randn(4, 3, dtype=torch.float64)
    network = from_module(module, x)
    assert [part.training for part in module] == [True, False, True]
    torch.testing.assert_close(network(x)[0], evaluated(module, x)[0])


@pytest.mark.parametrize("name", ["resnet/basic", "vit/class token", "gpt/tied", "lstm/both ways", "unet/nearest"])
def test_a_module_made_of_a_network_has_the_original_names_and_can_be_exported(name):
    module, inputs = FAMILIES[name]()
    made = to_module(from_module(module, *inputs))
    assert made.state_dict().keys() == module.state_dict().keys()
    program = torch.export.export(made, inputs, strict=False)
    torch.testing.assert_close(program.module()(*inputs), made(*inputs), rtol=1e-9, atol=1e-9)


def test_a_chain_with_a_skip_is_a_module_too():
    network = random_network(chain((2,), (Linear(2, 2),), (Skip(0, 1),)))
    x = torch.randn(3, 2, dtype=network.dtype)
    torch.testing.assert_close(to_module(network)(x), network(x)[0])


def test_a_stack_of_several_networks_is_no_module():
    with pytest.raises(ArchitectureError, match=r"Expected one network, got Network\(2 × 2-1 none"):
        to_module(random_network(mlp((2, 1)), 2))


@pytest.mark.parametrize("module", [nn.LSTM(3, 4), nn.MultiheadAttention(3, 1)], ids=["lstm", "attention"])
def test_the_batch_may_be_on_another_axis_of_the_inputs(module):
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    given = [x] * (1 if isinstance(module, nn.LSTM) else 3)
    expected = evaluated(module, *given)
    with pytest.raises(ArchitectureError, match="by batch_axis"):
        from_module(module, *given)
    network = from_module(module, *given, batch_axis=1)
    answers = network(*(y.transpose(0, 1) for y in given))
    torch.testing.assert_close(answers[0][0], expected[0].transpose(0, 1), rtol=1e-9, atol=1e-9)
