"""Operations that modules of all kinds are written with: each computes what torch does, by the layers it should be."""

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._pytree import tree_leaves

from ngcore.networks import from_module, to_state_dict


class Written(nn.Module):
    """A forward pass written as a function of the module and its inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, nn.Module):
                self.add_module(name, part)
            elif part.requires_grad:
                self.register_parameter(name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def normal(*shape):
    """Numbers that are the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(math.prod(shape)), dtype=torch.float64)


def learned(*shape):
    """A parameter."""
    return nn.Parameter(normal(*shape))


def heads(x, count=2):
    """(batch, tokens, width) → (batch, heads, tokens, d)."""
    return x.view(*x.shape[:2], count, -1).transpose(1, 2)


def joined(x):
    """The reverse of `heads`."""
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)


def cells(m, x):
    hidden = cell = torch.zeros(len(x), 4, dtype=x.dtype)
    for t in range(x.shape[1]):
        if isinstance(m.cell, nn.LSTMCell):
            hidden, cell = m.cell(x[:, t], (hidden, cell))
        else:
            hidden = m.cell(x[:, t], hidden)
    return hidden


def windows(m, x):
    b, h, w, c = x.shape
    x = torch.roll(x, shifts=(-1, -1), dims=(1, 2))
    x = x.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
    q, k, v = m.qkv(x).reshape(-1, 4, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
    scores = (q * (c // 2) ** -0.5) @ k.transpose(-2, -1) + m.table[m.places].permute(2, 0, 1).unsqueeze(0)
    y = m.last((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 4, c))
    return y.view(b, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)


def rotary(m, x, *, part):
    q, k, v = (heads(y) for y in m.qkv(x).chunk(3, dim=-1))
    angles = (m.speeds[None, :, None] @ torch.arange(x.shape[1])[None, None].to(x.dtype)).transpose(1, 2)
    angles = torch.cat((angles, angles), dim=-1)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]

    def turned(y):
        a, b = y[..., :part].chunk(2, dim=-1)
        return torch.cat([y[..., :part] * cos + torch.cat((-b, a), dim=-1) * sin, y[..., part:]], dim=-1)

    mask = torch.full((x.shape[1],) * 2, -math.inf, dtype=x.dtype).triu(1)[None, None].expand(len(x), 1, -1, -1)
    return joined(functional.scaled_dot_product_attention(turned(q), turned(k), v, attn_mask=mask))


def complex_rotary(m, x):
    angles = torch.outer(torch.arange(x.shape[1]).to(x.dtype), m.speeds)
    turns = torch.polar(torch.ones_like(angles), angles)[None, :, None]
    q, k, v = (y.view(*y.shape[:2], 2, -1) for y in m.qkv(x).chunk(3, dim=-1))
    q, k = (torch.view_as_complex(y.reshape(*y.shape[:-1], -1, 2)) for y in (q, k))
    q, k = (torch.view_as_real(y * turns).flatten(3) for y in (q, k))
    q, k, v = (y.transpose(1, 2) for y in (q, k, v))
    return joined(functional.scaled_dot_product_attention(q, k, v))


def latent(m, x):
    return m.attend(m.latents[None].repeat(len(x), 1, 1), x, x)[0]


def with_weights(m, x):
    return m.attend(x, x, x)


def by_distance(m, x):
    q, k, v = (heads(y) for y in m.qkv(x).chunk(3, dim=-1))
    places = torch.arange(x.shape[1])
    bias = m.table((places[None] - places[:, None]).clamp(-2, 2) + 2).permute(2, 0, 1)
    return joined((q @ k.transpose(3, 2) + bias).softmax(-1) @ v)


def sloped(m, x):
    q, k, v = (heads(y) for y in m.qkv(x).chunk(3, dim=-1))
    places = torch.arange(x.shape[1])
    mask = torch.tensor([0.5, 0.25], dtype=x.dtype).view(1, 2, 1, 1) * (places[None] - places[:, None])
    mask = mask.masked_fill(torch.ones_like(mask).triu(1).bool(), -math.inf)
    return joined(functional.scaled_dot_product_attention(q, k, v, attn_mask=mask))


def cosine_attention(m, x):
    q, k, v = (heads(y) for y in m.qkv(x).chunk(3, dim=-1))
    scores = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1)
    return joined((scores * m.scale.clamp(max=4.6).exp()).softmax(-1) @ v)


def film(m, x):
    b, t = x.shape[:2]
    y = functional.max_pool2d(m.conv(x.reshape(b * t, *x.shape[2:])).relu(), 2).reshape(b, t, -1)
    return m.gru(y)[1].squeeze(0)


def aligned(m, x):
    turn = m.turn(x.mean(2)).view(-1, 3, 3) + torch.eye(3, dtype=x.dtype)
    return torch.bmm(x.transpose(2, 1), turn)


def gate(m, x):
    y = m.first(x)
    return y * torch.sigmoid(m.slope * y) * (1 + m.scale)


def text(m, tokens):
    x = m.table(tokens).unsqueeze(1)
    maps = [conv(x).relu().squeeze(3) for conv in (m.two, m.three)]
    return torch.cat([functional.max_pool1d(y, y.size(2)).squeeze(2) for y in maps], 1)


def on_time(m, x, t):
    waves = t[:, None] * m.speeds[None]
    return m.conv(x) + m.first(torch.cat([waves.sin(), waves.cos()], -1))[:, :, None, None]


QKV = nn.Linear(8, 24)
CASES = {
    "lstm cell": (Written(cells, cell=nn.LSTMCell(3, 4)), [normal(2, 3, 3)], {}),
    "gru cell": (Written(cells, cell=nn.GRUCell(3, 4)), [normal(2, 3, 3)], {}),
    "rnn cell": (Written(cells, cell=nn.RNNCell(3, 4)), [normal(2, 3, 3)], {"linear": 6}),
    "windows": (
        Written(windows, qkv=QKV, last=nn.Linear(8, 8), table=learned(9, 2), places=torch.arange(16).view(4, 4) % 9),
        [normal(2, 4, 4, 8)],
        {"attend": 1},
    ),
    "rotary by product": (
        Written(lambda m, x: rotary(m, x, part=4), qkv=QKV, speeds=normal(2)),
        [normal(2, 5, 8)],
        {"rotary": 2, "attend": 1, "concat": 0},
    ),
    "rotary in part": (
        Written(lambda m, x: rotary(m, x, part=2), qkv=QKV, speeds=normal(1)),
        [normal(2, 5, 8)],
        {"rotary": 2, "attend": 1, "concat": 0},
    ),
    "rotary by complex numbers": (
        Written(complex_rotary, qkv=QKV, speeds=normal(2)),
        [normal(2, 5, 8)],
        {"rotary": 2, "attend": 1, "concat": 0},
    ),
    "learned queries": (
        Written(latent, latents=learned(3, 8), attend=nn.MultiheadAttention(8, 2, batch_first=True)),
        [normal(2, 5, 8)],
        {"attend": 1},
    ),
    "weights of attention": (
        Written(with_weights, attend=nn.MultiheadAttention(8, 2, batch_first=True, add_bias_kv=True)),
        [normal(2, 4, 8)],
        {"attend": 1, "softmax": 1},
    ),
    "bias by distance": (Written(by_distance, qkv=QKV, table=nn.Embedding(5, 2)), [normal(2, 4, 8)], {"attend": 1}),
    "bias by slope": (Written(sloped, qkv=QKV), [normal(2, 4, 8)], {"attend": 1}),
    "cosine attention": (Written(cosine_attention, qkv=QKV, scale=learned(2, 1, 1)), [normal(2, 4, 8)], {}),
    "films": (
        Written(film, conv=nn.Conv2d(1, 2, 3), gru=nn.GRU(8, 5, batch_first=True)),
        [normal(2, 3, 1, 6, 6)],
        {"conv3d": 1, "recurrence": 1},
    ),
    "a product of two tensors": (Written(aligned, turn=nn.Linear(3, 9)), [normal(2, 3, 6)], {"multiply": 1}),
    "a learned slope": (Written(gate, first=nn.Linear(4, 4), slope=learned(1), scale=learned()), [normal(2, 4)], {}),
    "words by convolutions": (
        Written(text, table=nn.Embedding(9, 6), two=nn.Conv2d(1, 3, (2, 6)), three=nn.Conv2d(1, 3, (3, 6))),
        [torch.arange(14).view(2, 7) % 9],
        {"conv2d": 2},
    ),
    "time": (
        Written(on_time, conv=nn.Conv2d(1, 4, 3), first=nn.Linear(6, 4), speeds=normal(3)),
        [normal(2, 1, 4, 4), normal(2, 1)[:, 0]],
        {},
    ),
    "bilinear": (nn.Bilinear(3, 4, 5), [normal(2, 3), normal(2, 4)], {}),
    "normalised weights": (
        Written(lambda m, x: functional.linear(functional.normalize(x), functional.normalize(m.w)), w=learned(3, 4)),
        [normal(2, 4)],
        {"linear": 1},
    ),
    "the larger and the smaller": (
        Written(lambda m, x: torch.maximum(m.a(x), x) - torch.minimum(m.a(x), x), a=nn.Linear(3, 3)),
        [normal(2, 3)],
        {},
    ),
    "running sums": (Written(lambda m, x: x.cumsum(1) + x.flip(1)), [normal(2, 4, 3)], {}),
    "deviations": (
        Written(lambda m, x: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)),
        [normal(2, 5)],
        {},
    ),
    "windows of a map": (
        nn.Sequential(nn.Unfold(3, padding=1, stride=2), nn.Linear(9, 4)),
        [normal(2, 2, 6, 6)],
        {"linear": 1},
    ),
    "maxout": (Written(lambda m, x: m.a(x).view(-1, 4, 2).max(-1)[0], a=nn.Linear(3, 8)), [normal(2, 3)], {}),
    "a fixed graph": (
        Written(lambda m, x: (m.edges @ x, torch.einsum("ij,bjd->bid", m.edges, x)), edges=normal(5, 5)),
        [normal(2, 5, 3)],
        {"linear": 2},
    ),
    "channels of zeros": (
        Written(
            lambda m, x: m.a(x) + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)), a=nn.Conv2d(2, 4, 3, 2, 1)
        ),
        [normal(2, 2, 6, 6)],
        {},
    ),
    "bare matrices": (
        Written(lambda m, x: (torch.addmm(m.b, x, m.w.t()), x @ m.w.T + m.b), w=learned(4, 3), b=learned(4)),
        [normal(2, 3)],
        {"linear": 1},
    ),
    "experts": (
        Written(
            lambda m, x: torch.einsum("be,beo->bo", m.gate(x).softmax(-1), torch.einsum("bi,eio->beo", x, m.w)),
            gate=nn.Linear(4, 3),
            w=learned(3, 4, 5),
        ),
        [normal(2, 4)],
        {},
    ),
    "normalised heads": (
        Written(lambda m, x: joined(m.norm(heads(m.a(x)))), a=nn.Linear(8, 8), norm=nn.LayerNorm(4)),
        [normal(2, 5, 8)],
        {"layer_norm": 1},
    ),
    "a flattened batch": (
        Written(lambda m, x: m.a(x.reshape(-1, 3)).view(-1, 5, 2), a=nn.Linear(3, 2)),
        [normal(2, 5, 3)],
        {"linear": 1},
    ),
    "in place": (
        Written(lambda m, x: m.a(x).add_(x).relu_().mul_(2), a=nn.Linear(3, 3)),
        [normal(2, 3)],
        {"linear": 1, "add": 1, "affine": 1},
    ),
    "volumes": (
        nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2), nn.MaxPool3d(2), nn.ConvTranspose3d(2, 1, 2)),
        [normal(2, 1, 4, 4, 4)],
        {"conv3d": 1, "conv_transpose3d": 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_with_torch_is_computed_by_layers(name):
    module, inputs, kinds = CASES[name]
    module = module.double().eval()
    network = from_module(module, *inputs)
    with torch.no_grad():
        expected = tree_leaves(module(*inputs))
    shaped = [
        x.view(-1, *shape) if x.dim() == 1 else x
        for x, shape in zip(inputs, network.architecture.input_shapes, strict=True)
    ]
    made = network(*shaped)
    for answer, wanted in zip([made] if isinstance(made, torch.Tensor) else made, expected, strict=True):
        torch.testing.assert_close(answer[0], wanted, rtol=1e-9, atol=1e-9)
    found = Counter(step.layer.kind for step in network.architecture.steps)
    assert {kind: found[kind] for kind in kinds} == kinds
    state = to_state_dict(network)
    assert all(torch.equal(state[key], tensor) for key, tensor in module.state_dict().items())


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "quick_gelu", "silu", "rms_norm", "layer_norm"])
def test_functions_that_are_written_out_are_recognised(name):
    def centred(x):
        return x - x.mean(-1, keepdim=True)

    written = {
        "gelu": lambda m, x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
        "gelu_tanh": lambda m, x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x.pow(3)))),
        "quick_gelu": lambda m, x: x * torch.sigmoid(1.702 * x),
        "silu": lambda m, x: x * torch.sigmoid(x),
        "rms_norm": lambda m, x: m.w * (x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6)),
        "layer_norm": lambda m, x: m.w * centred(x) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt() + m.b,
    }
    parts = {key: learned(4) for key in itertools.islice("wb", {"rms_norm": 1, "layer_norm": 2}.get(name, 0))}
    module, x = Written(written[name], **parts), normal(3, 4)
    network = from_module(module, x)
    (step,) = network.architecture.steps
    assert getattr(step.layer, "function", step.layer.kind) == name
    torch.testing.assert_close(network(x)[0], module(x).detach(), rtol=1e-9, atol=1e-9)
