"""Small architectures of every kind, for tests that must hold for all of them."""

from ngcore.networks import (
    Activation,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    Skip,
    chain,
    mlp,
    siren,
    small_cnn,
)

RELU, TANH, SINE = Activation("relu"), Activation("tanh"), Activation("sine", omega_0=5.0)
LEAKY = Activation("leaky_relu", negative_slope=0.2)


def conv(n_in, n_out, size=3, groups=1, bias=True):
    """A convolution that keeps the size of its map."""
    return Conv2d(n_in, n_out, (size, size), padding=(size // 2, size // 2), groups=groups, bias=bias)


def residual_cnn(norm):
    """Depthwise and grouped convolutions with a norm, two skips, Flatten and two Linears."""
    layers = (conv(2, 4), norm, RELU, conv(4, 4, groups=4), conv(4, 4), RELU, conv(4, 6, groups=2), TANH)
    layers += (conv(6, 2, size=1), RELU, Flatten(), Linear(2 * 12, 5), RELU, Linear(5, 2))
    return chain((2, 3, 4), layers, (Skip(3, 5), Skip(3, 6)))


VECTORS = {
    "mlp": mlp((3, 5, 4, 2)),
    "siren": siren((2, 6, 5, 1)),
    "no hidden layer": mlp((3, 2)),
    "no biases": chain((2,), (Linear(2, 4, bias=False), LEAKY, Linear(4, 3, bias=False))),
    "residual mlp": chain((2,), (Linear(2, 5), RELU, Linear(5, 4), TANH, Linear(4, 5), Linear(5, 3)), (Skip(2, 5),)),
    "skip to the output": chain((3,), (Linear(3, 4), TANH, Linear(4, 3)), (Skip(0, 3),)),
    "norms": chain((2,), (Linear(2, 4), BatchNorm(4), SINE, Linear(4, 3), LayerNorm(3), TANH, Linear(3, 1))),
}
MAPS = {
    "small cnn": small_cnn((1, 4, 5), num_classes=3, image_size=(7, 6)),
    "mixed kernels": chain(
        (1, 6, 7), (conv(1, 3, size=5), RELU, Conv2d(3, 4, (2, 3)), RELU, conv(4, 3, size=1), GlobalAveragePool())
    ),
    "strides": chain((2, 6, 6), (Conv2d(2, 3, (3, 3), (2, 1), (1, 0)), RELU, GlobalAveragePool(), Linear(3, 2))),
    "grouped": chain((4, 3, 3), (conv(4, 6, groups=2), RELU, conv(6, 9, groups=3), GlobalAveragePool())),
    "depthwise": chain((3, 3, 3), (conv(3, 4), conv(4, 8, groups=4), RELU, conv(8, 2), GlobalAveragePool())),
    "batch norm cnn": residual_cnn(BatchNorm(4)),
    "layer norm cnn": residual_cnn(LayerNorm(4)),
    "flatten first": chain((1, 3, 2), (Flatten(), Linear(6, 4), RELU, Linear(4, 2))),
    "norm after flatten": chain(
        (2, 2, 3), (conv(2, 3, bias=False), Flatten(), LayerNorm(18), RELU, Linear(18, 4), TANH, Linear(4, 2))
    ),
    "skip across flatten": chain(
        (2, 2, 2), (conv(2, 3), conv(3, 3), Flatten(), Linear(12, 12), Linear(12, 2)), (Skip(3, 4),)
    ),
}
ARCHITECTURES = VECTORS | MAPS
