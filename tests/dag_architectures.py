"""Small architectures that are no chains, one for every way in which steps join values."""

from ngcore.networks import (
    Activation,
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
    ConvTranspose2d,
    Embedding,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Linear,
    MapNorm,
    Multiply,
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

RELU, GELU, TANH, SIGMOID = Activation("relu"), Activation("gelu"), Activation("tanh"), Activation("sigmoid")


class Steps:
    """Collects steps; every call gives the number of the value that is made."""

    def __init__(self, *input_shapes):
        self.input_shapes, self.steps = input_shapes, []

    def __call__(self, layer, *reads, name=""):
        self.steps.append(Step(layer, reads, name or str(len(self.steps))))
        return len(self.input_shapes) + len(self.steps) - 1

    def end(self, *outputs):
        return Architecture(tuple(self.input_shapes), tuple(self.steps), outputs)


def transformer(*, kv_heads=None, is_rotary=False):
    """Two blocks: tied embedding, fused Q, K, V where heads are not shared, causal attention, SwiGLU."""
    d, heads = (12, 3) if kv_heads is None else (16, 4)
    vocabulary, tokens = 9, 5
    head, shared = d // heads, kv_heads or heads
    s = Steps((vocabulary, tokens))
    x = s(Embedding(vocabulary, d), 0, name="tokens")
    if not is_rotary:
        table = s(Constant((d, 7)), name="positions")
        x = s(Add(), x, s(Slice(0, tokens, axis=1), table))
    for _ in range(2):
        n = s(LayerNorm(d), x)
        fused = s(Linear(d, d + 2 * head * shared), n)
        bounds = (0, d, d + head * shared, d + 2 * head * shared)
        q, k, v = (s(Slice(bounds[i], bounds[i + 1]), fused) for i in range(3))
        if is_rotary:
            q, k = s(Rotary(head, tokens), q), s(Rotary(head, tokens), k)
        a = s(Attend(heads, kv_heads, is_causal=True), q, k, v)
        x = s(Add(), x, s(Linear(d, d), a))
        n = s(RMSNorm(d), x)
        gate = s(Activation("silu"), s(Linear(d, 8, bias=False), n))
        x = s(Add(), x, s(Linear(8, d), s(Multiply(), gate, s(Linear(d, 8), n))))
    return s.end(s(Linear(d, vocabulary, bias=False), s(LayerNorm(d), x), name="tokens"))


def vision_transformer():
    """Patches, a class token, learned positions, one block, the class token's answer."""
    d = 8
    s = Steps((1, 6, 6))
    patches = s(Reshape((9,)), s(Conv2d(1, d, (2, 2), (2, 2)), 0))
    x = s(Concat(axis=1), s(Constant((d, 1))), patches)
    x = s(Add(), x, s(Constant((d, 10))))
    n = s(LayerNorm(d), x)
    q, k, v = (s(Linear(d, d), n) for _ in range(3))
    x = s(Add(), s(Linear(d, d), s(Attend(2), q, k, v)), x)
    x = s(Add(), s(Linear(6, d), s(GELU, s(Linear(d, 6), s(LayerNorm(d), x)))), x)
    return s.end(s(Linear(d, 3), s(Slice(0, 1, axis=1, keepdim=False), x)))


def dense_block():
    """Concatenations, a norm over them, then squeeze and excitation."""
    s = Steps((2, 5, 4))
    a = s(RELU, s(Conv2d(2, 4, padding=(1, 1)), 0))
    b = s(RELU, s(Conv2d(6, 3, padding=(1, 1)), s(Concat(), 0, a)))
    c = s(BatchNorm(9), s(Concat(), 0, a, b))
    x = s(Conv2d(9, 6, (1, 1)), c)
    squeezed = s(RELU, s(Linear(6, 3), s(GlobalAveragePool(), x)))
    x = s(Multiply(), x, s(SIGMOID, s(Linear(3, 6), squeezed)))
    return s.end(s(Linear(6, 2), s(GlobalAveragePool(), s(Pool("max", (2, 2), (2, 2), (0, 0)), x))))


def unet():
    """Down by pooling, up by a transposed convolution and by interpolation, concatenated."""
    s = Steps((1, 8, 8))
    one = s(RELU, s(Conv2d(1, 4, padding=(1, 1)), 0))
    two = s(RELU, s(Conv2d(4, 6, padding=(1, 1), groups=2), s(Pool("mean", (2, 2), (2, 2), (0, 0)), one)))
    up = s(ConvTranspose2d(6, 4, (2, 2), (2, 2), groups=2), two)
    wide = s(Resize((8, 8), "bilinear"), two)
    x = s(PReLU(14), s(Concat(), one, up, wide))
    x = s(GroupNorm(2, 4), s(Conv2d(14, 4, padding=(1, 1), dilation=(1, 1)), x))
    return s.end(s(Conv2d(4, 1, (1, 1)), s(TANH, x)))


def mixer():
    """Tokens mixed along positions, channels mixed at each."""
    s = Steps((3, 4))
    x = s(Linear(3, 6), 0)
    turned = s(Turn((1, 0)), s(LayerNorm(6), x))
    mixed = s(Linear(5, 4), s(GELU, s(Linear(4, 5), turned)))
    x = s(Add(), x, s(Turn((1, 0)), mixed))
    x = s(Add(), x, s(Linear(7, 6), s(GELU, s(Linear(6, 7), s(LayerNorm(6), x)))))
    return s.end(s(Linear(6, 2), s(PositionPool("mean", (1,)), x)))


def recurrent(cell):
    """Two layers, the first one both ways, the last hidden state read."""
    s = Steps((3, 5))
    ways = [s(Recurrence(cell, 3, 4, is_reversed=way), 0) for way in (False, True)]
    top = s(Recurrence(cell, 8, 5), s(Concat(), *ways))
    return s.end(s(Linear(5, 2), s(Slice(4, 5, axis=1, keepdim=False), top)))


def encoder_decoder():
    """Two inputs; keys and values of one, queries of the other."""
    s = Steps((3, 4), (2, 5))
    memory = s(GELU, s(Linear(3, 6), 0))
    x = s(Linear(2, 6), 1)
    a = s(Attend(2), s(Linear(6, 4), x), s(Linear(6, 4), memory), s(Linear(6, 8), memory))
    x = s(LayerNorm(6), s(Add(), x, s(Linear(8, 6), a)))
    return s.end(s(Linear(6, 2), x))


def odd_shapes():
    """Flatten with channels last, Unflatten, a mean over channels, several outputs."""
    s = Steps((2, 3, 3))
    x = s(TANH, s(Conv2d(2, 4, padding=(1, 1)), 0))
    flat = s(Flatten(channels_last=True), x)
    hidden = s(TANH, s(Linear(36, 12), flat))
    image = s(Unflatten((2, 2)), s(Linear(12, 12), hidden))
    image = s(InstanceNorm(3), image)
    image = s(Conv2d(3, 2), s(AdaptivePool("mean", (3, 3)), image))
    gate = s(Softmax(), s(Linear(4, 3), s(Flatten(), s(Conv2d(4, 4, (3, 3)), x))))
    mean = s(ChannelPool("mean"), x)
    scores = s(Linear(9, 2), s(Flatten(), mean))
    return s.end(image, scores, s(Affine(2.0, 0.5), gate))


def sequence_convolution():
    """1-D and 3-D convolutions, a norm of a whole map, a learned scale, a channel multiplier."""
    s = Steps((2, 6), (1, 3, 3, 3))
    x = s(GELU, s(Conv1d(2, 4, (3,), padding=(2,), dilation=(2,)), 0))
    x = s(MapNorm((4, 6)), x)
    x = s(Multiply(), x, s(Constant((4,)), name="scale"))
    x = s(Conv1d(8, 3, (1,)), s(RELU, s(Conv1d(4, 8, (3,), padding=(1,), groups=4), x)))
    x = s(PositionPool("max", (1,)), x)
    y = s(GlobalAveragePool(), s(RELU, s(Conv3d(1, 3, (2, 2, 2)), 1)))
    return s.end(s(Linear(3, 2), s(Add(), x, y)))


DAGS = {
    "transformer": transformer(),
    "grouped keys and rotary positions": transformer(kv_heads=2, is_rotary=True),
    "vision transformer": vision_transformer(),
    "dense block": dense_block(),
    "unet": unet(),
    "mixer": mixer(),
    **{cell: recurrent(cell) for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru")},
    "encoder and decoder": encoder_decoder(),
    "odd shapes": odd_shapes(),
    "sequences and volumes": sequence_convolution(),
}


def dag_inputs(architecture, batch=3, seed=1):
    """Random inputs of an architecture in float64, tokens as whole numbers."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(0, shape[0], (batch, *shape[1:]), generator=generator)
        if number in architecture.token_values
        else torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
        for number, shape in enumerate(architecture.input_shapes)
    ]
