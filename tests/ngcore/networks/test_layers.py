"""Every layer beyond those of plain chains against torch's own, for stacks of networks, and what it refuses."""

import pytest
import torch
from dag_architectures import Steps, dag_inputs
from torch import nn
from torch.nn import functional as F

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    AdaptivePool,
    Add,
    Affine,
    Architecture,
    Attend,
    BatchNorm,
    ChannelPool,
    Concat,
    Constant,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Embedding,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MapNorm,
    Multiply,
    Pad,
    Pool,
    PositionPool,
    PReLU,
    Recurrence,
    Reshape,
    Resize,
    RMSNorm,
    Rotary,
    Slice,
    Softmax,
    Step,
    Turn,
    Unflatten,
)
from ngcore.networks.layers import attention
from ngcore.testing import random_network

SEQUENCE, MAP, VOLUME = (6, 9), (6, 7, 5), (4, 5, 4, 6)


def alone(layer, *shapes):
    """An architecture of one layer."""
    s = Steps(*shapes)
    return s.end(s(layer, *range(len(shapes)), name="own"))


MODULES = [
    (Conv1d(6, 4, (3,), (2,), (1,), dilation=(2,)), nn.Conv1d(6, 4, 3, 2, 1, dilation=2), SEQUENCE),
    (Conv1d(6, 4, (3,), groups=2, bias=False), nn.Conv1d(6, 4, 3, groups=2, bias=False), SEQUENCE),
    (Conv2d(6, 4, dilation=(2, 1), padding=(2, 1)), nn.Conv2d(6, 4, 3, padding=(2, 1), dilation=(2, 1)), MAP),
    (Conv3d(4, 6, (3, 2, 3), (1, 1, 2), groups=2), nn.Conv3d(4, 6, (3, 2, 3), (1, 1, 2), groups=2), VOLUME),
    (
        ConvTranspose1d(6, 4, (3,), (2,), (1,), output_padding=(1,)),
        nn.ConvTranspose1d(6, 4, 3, 2, 1, output_padding=1),
        SEQUENCE,
    ),
    (
        ConvTranspose2d(6, 4, (3, 2), (2, 3), (1, 0), groups=2, dilation=(2, 1)),
        nn.ConvTranspose2d(6, 4, (3, 2), (2, 3), (1, 0), groups=2, dilation=(2, 1)),
        MAP,
    ),
    (ConvTranspose3d(4, 2, (2, 2, 2), (2, 2, 2)), nn.ConvTranspose3d(4, 2, 2, 2), VOLUME),
    (BatchNorm(6, affine=False), nn.BatchNorm1d(6, affine=False), SEQUENCE),
    (GroupNorm(3, 6, eps=0.1), nn.GroupNorm(3, 6, eps=0.1), MAP),
    (GroupNorm(2, 6, affine=False), nn.GroupNorm(2, 6, affine=False), (6,)),
    (InstanceNorm(6, affine=True), nn.InstanceNorm2d(6, affine=True), MAP),
    (MapNorm(MAP), nn.LayerNorm(MAP), MAP),
    (MapNorm(MAP, bias=False), nn.LayerNorm(MAP, bias=False), MAP),
    (LocalResponseNorm(3, alpha=0.5), nn.LocalResponseNorm(3, alpha=0.5), MAP),
    (PReLU(6), nn.PReLU(6), MAP),
    (PReLU(), nn.PReLU(), (6,)),
    (Softmax(), nn.Softmax(1), MAP),
    (Softmax(axis=2), nn.Softmax(3), MAP),
    (Softmax(is_log=True), nn.LogSoftmax(1), (6,)),
    (Pool("max", (3, 2), (2, 1), (1, 0), dilation=(2, 1)), nn.MaxPool2d((3, 2), (2, 1), (1, 0), (2, 1)), MAP),
    (Pool("max", (2,), (2,), (0,), ceil_mode=True), nn.MaxPool1d(2, ceil_mode=True), SEQUENCE),
    (Pool("mean", (3, 3), (2, 2), (1, 1)), nn.AvgPool2d(3, 2, 1), MAP),
    (
        Pool("mean", (3, 3), (2, 2), (1, 1), ceil_mode=True, count_include_pad=False),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        MAP,
    ),
    (Pool("mean", (2, 2, 2), (2, 2, 2), (0, 0, 0)), nn.AvgPool3d(2), VOLUME),
    (AdaptivePool("mean", (3, 2)), nn.AdaptiveAvgPool2d((3, 2)), MAP),
    (AdaptivePool("max", (4,)), nn.AdaptiveMaxPool1d(4), SEQUENCE),
    (GlobalAveragePool(), nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten()), SEQUENCE),
    (Pad((1, 2, 0, 3), value=0.5), nn.ConstantPad2d((0, 3, 1, 2), 0.5), MAP),
    (Pad((1, 2, 2, 1), "reflect"), nn.ReflectionPad2d((2, 1, 1, 2)), MAP),
    (Pad((3, 1), "circular"), nn.CircularPad1d((3, 1)), SEQUENCE),
    (Pad((-1, -2)), nn.ZeroPad1d((-1, -2)), SEQUENCE),
    (Resize((14, 10)), nn.Upsample(scale_factor=2), MAP),
    (Resize((9, 11), "bilinear", align_corners=True), nn.Upsample((9, 11), mode="bilinear", align_corners=True), MAP),
    (Flatten(), nn.Flatten(), VOLUME),
    (Unflatten((3,)), nn.Unflatten(1, (2, 3)), (6,)),
]


@pytest.mark.parametrize(("layer", "module", "shape"), MODULES, ids=[str(layer) for layer, _, _ in MODULES])
def test_a_layer_equals_its_torch_module(layer, module, shape):
    network = random_network(alone(layer, shape), 2)
    (inputs,) = dag_inputs(network.architecture, batch=4)
    outputs, module = network(inputs), module.double().eval()
    assert outputs.shape == (len(network), 4, *network.architecture.output_shape)  # one, where nothing is learned
    for i in range(len(network)):
        own = {name.removeprefix("own."): tensor[i] for name, tensor in network.parameters.items()}
        module.load_state_dict(own, strict=False)
        assert set(own) <= set(module.state_dict())
        torch.testing.assert_close(outputs[i], module(inputs), rtol=1e-10, atol=1e-10)


def test_the_layers_of_positions_equal_torch_written_by_hand():
    inputs = torch.randn(4, *MAP, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = {
        Flatten(channels_last=True): inputs.permute(0, 2, 3, 1).flatten(1),
        Reshape((35,)): inputs.flatten(2),
        Turn((2, 0, 1)): inputs.permute(0, 3, 1, 2),
        Slice(1, 6, axis=1, step=2): inputs[:, :, 1:6:2],
        Slice(2, 3, axis=2, keepdim=False): inputs[..., 2],
        Slice(1, 4): inputs[:, 1:4],
        PositionPool("max", (2,)): inputs.amax(3),
        PositionPool("sum", (1, 2), keepdim=True): inputs.sum((2, 3), keepdim=True),
        ChannelPool("min"): inputs.amin(1, keepdim=True),
        Affine(3.0, -1.0): 3 * inputs - 1,
        RMSNorm(6, eps=0.1, affine=False): F.rms_norm(inputs.movedim(1, -1), (6,), eps=0.1).movedim(-1, 1),
        LayerNorm(6, affine=False): F.layer_norm(inputs.movedim(1, -1), (6,)).movedim(-1, 1),
    }
    for layer, value in expected.items():
        network = random_network(alone(layer, MAP), 1)
        torch.testing.assert_close(
            network(inputs)[0], value, rtol=1e-10, atol=1e-10, msg=lambda m, own=layer: f"{own}: {m}"
        )


def test_unflatten_with_channels_last_undoes_flatten_with_channels_last():
    s = Steps((3, 4, 5))
    architecture = s.end(s(Unflatten((4, 5), channels_last=True), s(Flatten(channels_last=True), 0)))
    (inputs,) = dag_inputs(architecture)
    assert torch.equal(random_network(architecture)(inputs)[0], inputs)


def test_linear_works_at_every_position():
    network = random_network(alone(Linear(6, 3), MAP), 2)
    (inputs,) = dag_inputs(network.architecture)
    for i, own in enumerate(network(inputs)):
        weight, bias = (network.parameters[f"own.{name}"][i] for name in ("weight", "bias"))
        expected = F.linear(inputs.movedim(1, -1), weight, bias).movedim(-1, 1)
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-10)


def test_embeddings_look_tokens_up_in_the_table_of_each_network():
    network = random_network(alone(Embedding(7, 3), (7, 5)), 2)
    (tokens,) = dag_inputs(network.architecture)
    for i, own in enumerate(network(tokens)):
        expected = F.embedding(tokens, network.parameters["own.weight"][i]).mT
        assert torch.equal(own, expected)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(2, 5), "tokens as whole numbers, got torch.float32"),
        (torch.full((2, 5), 7), r"tokens of 0 … 6, got numbers of 7 … 7"),
        (torch.full((2, 5), -1), r"tokens of 0 … 6, got numbers of -1 … -1"),
        (torch.zeros(2, 4, dtype=torch.long), r"shape \(batch, \*\(5,\)\)"),
    ],
)
def test_what_is_no_token_is_refused(tokens, message):
    with pytest.raises(ShapeMismatchError, match=message):
        random_network(alone(Embedding(7, 3), (7, 5)))(tokens)


def test_constants_sums_products_and_concatenations_broadcast():
    s = Steps((3, 4))
    shift, scale, token = s(Constant((3, 4)), name="a"), s(Constant((3,)), name="b"), s(Constant((3, 1)), name="c")
    architecture = s.end(s(Concat(axis=1), token, s(Add(), s(Multiply(), 0, scale), shift)))
    network = random_network(architecture, 2)
    (inputs,) = dag_inputs(architecture)
    for i, own in enumerate(network(inputs)):
        a, b, c = (network.parameters[f"{name}.value"][i] for name in "abc")
        expected = torch.cat([c.expand(3, 3, 1), inputs * b[:, None] + a], dim=2)
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-10)


def test_an_output_that_no_input_reaches_has_the_batch_of_the_inputs():
    s = Steps((2,))
    architecture = s.end(s(Linear(2, 3), 0), s(Constant((4,))))
    assert [tuple(own.shape) for own in random_network(architecture, 2)(torch.zeros(5, 2).double())] == [
        (2, 5, 3),
        (2, 5, 4),
    ]


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_attention_equals_the_formula_head_by_head(kv_heads, is_causal):
    architecture = alone(
        Attend(4, kv_heads, is_causal=is_causal, scale=0.3), (12, 5), (3 * kv_heads, 5), (2 * kv_heads, 5)
    )
    query, key, value = dag_inputs(architecture)
    attended = random_network(architecture)(query, key, value)[0]
    for head in range(4):
        shared = head // (4 // kv_heads)
        q, k, v = (
            query[:, 3 * head : 3 * head + 3],
            key[:, 3 * shared : 3 * shared + 3],
            value[:, 2 * shared : 2 * shared + 2],
        )
        scores = 0.3 * q.mT @ k
        if is_causal:
            scores = scores.masked_fill(torch.ones(5, 5).triu(1) > 0, -torch.inf)
        expected = v @ scores.softmax(-1).mT
        torch.testing.assert_close(attended[:, 2 * head : 2 * head + 2], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("is_causal", [False, True])
def test_long_sequences_attend_as_short_ones_do(is_causal, monkeypatch):
    """The fused function takes over where the scores grow large."""
    architecture = alone(Attend(2, 1, is_causal=is_causal), (4, 9), (2, 9), (3, 9))
    network, inputs = random_network(architecture), dag_inputs(architecture)
    by_scores = network(*inputs)
    monkeypatch.setattr(attention, "MAX_SCORES", 80)
    torch.testing.assert_close(network(*inputs), by_scores, rtol=1e-10, atol=1e-10)


def test_a_mask_is_added_to_the_scores_of_cross_attention():
    architecture = alone(Attend(2), (4, 3), (4, 5), (6, 5), (2, 3, 5))
    query, key, value, mask = dag_inputs(architecture)
    attended = random_network(architecture)(query, key, value, mask)[0]
    expected = F.scaled_dot_product_attention(
        *(x.unflatten(1, (2, -1)).mT for x in (query, key, value)), attn_mask=mask
    )
    torch.testing.assert_close(attended, expected.mT.flatten(1, 2), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("is_interleaved", [False, True])
def test_rotary_positions_turn_pairs_as_complex_numbers(is_interleaved):
    layer = Rotary(6, 5, rotary_dim=4, is_interleaved=is_interleaved)
    architecture = alone(layer, (12, 5))
    angles = torch.randn(2, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    network = random_network(architecture).map(lambda tensor: tensor)
    network.parameters.update({"own.cos": angles.cos()[None], "own.sin": angles.sin()[None]})
    (inputs,) = dag_inputs(architecture)
    heads = inputs.unflatten(1, (2, 6))
    first, second = (heads[:, :, 0:4:2], heads[:, :, 1:4:2]) if is_interleaved else (heads[:, :, 0:2], heads[:, :, 2:4])
    turned = torch.complex(first, second) * torch.exp(1j * angles)
    pairs = (
        torch.stack([turned.real, turned.imag], dim=3) if is_interleaved else torch.stack([turned.real, turned.imag], 2)
    )
    expected = torch.cat([pairs.flatten(2, 3), heads[:, :, 4:]], dim=2).flatten(1, 2)
    torch.testing.assert_close(network(inputs)[0], expected, rtol=1e-10, atol=1e-10)


CELLS = {
    "rnn_tanh": nn.RNN(3, 4, batch_first=True),
    "rnn_relu": nn.RNN(3, 4, nonlinearity="relu", batch_first=True),
    "lstm": nn.LSTM(3, 4, batch_first=True),
    "gru": nn.GRU(3, 4, batch_first=True),
}


@pytest.mark.parametrize("has_state", [False, True])
@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrence_equals_torch(cell, is_reversed, has_state):
    states = (2 if cell == "lstm" else 1) * has_state
    architecture = alone(Recurrence(cell, 3, 4, is_reversed=is_reversed), (3, 6), *[(4,)] * states)
    network = random_network(architecture, 2)
    inputs, *first = dag_inputs(architecture)
    module = CELLS[cell].double()
    for i, own in enumerate(network(inputs, *first)):
        module.load_state_dict({f"{k.removeprefix('own.')}_l0": v[i] for k, v in network.parameters.items()})
        x = inputs.mT.flip(1) if is_reversed else inputs.mT
        given = tuple(state[None] for state in first)
        expected, _ = module(x, given if cell == "lstm" and given else given[0] if given else None)
        expected = expected.flip(1) if is_reversed else expected
        torch.testing.assert_close(own, expected.mT, rtol=1e-10, atol=1e-10)


def test_the_cell_states_of_an_lstm_end_in_torch_s_own():
    architecture = alone(Recurrence("lstm", 3, 4, returns="cell"), (3, 6))
    network = random_network(architecture)
    (inputs,) = dag_inputs(architecture)
    module = nn.LSTM(3, 4, batch_first=True).double()
    module.load_state_dict({f"{k.removeprefix('own.')}_l0": v[0] for k, v in network.parameters.items()})
    torch.testing.assert_close(network(inputs)[0][..., -1], module(inputs.mT)[1][1][0], rtol=1e-10, atol=1e-10)


REFUSED = [
    (lambda: alone(Attend(2), (4, 3), (6, 3), (4, 3)), "queries like keys"),
    (lambda: alone(Attend(3), (4, 3), (4, 3), (4, 3)), "queries like keys"),
    (lambda: Attend(4, 3), "heads of keys that divide 4"),
    (lambda: alone(Attend(1), (4, 3), (4, 3)), "Expected 3 to 4 values to read"),
    (lambda: alone(Add(), (2, 3), (2, 4)), "equal, or 1 where it is repeated"),
    (lambda: alone(Concat(), (2, 3), (2, 4)), "equal but for axis 0"),
    (lambda: alone(Slice(2, 5), (4,)), "at least 5 entries on axis 0"),
    (lambda: Slice(3, 3), "at least one entry"),
    (lambda: alone(Unflatten((3,)), (4,)), "a multiple of 3 channels"),
    (lambda: alone(Reshape((5,)), (2, 6)), r"\(…, \*\(5,\)\) positions"),
    (lambda: Turn((0, 2)), "an order of the axes 0 … 1"),
    (lambda: Rotary(3, 4), "an even number of turned channels"),
    (lambda: alone(Rotary(4, 4), (8, 5)), "at most 4 tokens"),
    (lambda: alone(Recurrence("gru", 3, 4), (3, 5), (5,)), r"\(4,\) as a first state"),
    (lambda: alone(Pool("max", (5,), (1,), (0,)), (2, 4)), "at least as large as the"),
    (lambda: Pool("max", (2,), (1,), (2,)), "padding of at most half the window"),
    (lambda: GroupNorm(4, 6), "groups that divide 6 channels, got 4"),
    (lambda: alone(ConvTranspose1d(2, 2, (1,), padding=(2,)), (2, 3)), "does not pad away"),
    (lambda: Architecture(((2,),), (Step(Linear(2, 2), (1,), "a"),), (1,)), "reads values before it"),
    (lambda: Architecture(((2,),), (Step(Linear(2, 2), (0,), "a"),), (2,)), "outputs among values 0 … 1"),
    (
        lambda: Architecture(((2,),), (Step(Linear(2, 2), (0,), "a"), Step(Linear(2, 3), (1,), "a")), (2,)),
        "steps called 'a' to share their parameters",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_layers_and_steps_that_do_not_fit_are_refused(build, message):
    with pytest.raises(ArchitectureError, match=message):
        build()
