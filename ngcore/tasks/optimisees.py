"""Networks for a learned optimiser to train: the paper's conv nets, and relatives of them to learn from."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ngcore.networks import (
    Activation,
    Architecture,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    Network,
)
from ngcore.zoo.cnn_training import ImageSplits
from ngcore.zoo.drawing import Draw, Steps
from ngcore.zoo.family_draws import NUM_CLASSES, vision_transformer

NUM_VALIDATION = 5_000
"""Last training images, on which everything is chosen."""

FAMILIES = ("cnn", "cnn", "mlp", "transformer")
SIDES = (8, 14, 28)
WIDTHS = (8, 12, 16, 24)
HORIZONS = (100.0, 1_000.0)


def conv_net(width: int, *, depth: int = 3, input_shape: tuple[int, int, int] = (1, 28, 28)) -> Architecture:
    """The paper's network to train (App. F): a strided convolution, others of twice the width, mean, Linear.

    With width 16 on one channel it has 14,378 parameters, with 32 on three 56,970.

    Args:
        width: Channels after the first convolution.
        depth: Convolutions.
        input_shape: (channels, height, width) of the images.
    """
    s = Steps(input_shape)
    s(Conv2d(input_shape[0], width, (3, 3), (2, 2), (0, 0)))
    s(Activation("relu"))
    for _ in range(depth - 1):
        s(Conv2d(s.shape[0], 2 * width, (3, 3), (1, 1), (1, 1)))
        s(Activation("relu"))
    s(GlobalAveragePool())
    s(Linear(s.shape[0], NUM_CLASSES))
    return s.end()


def perceptron(width: int, depth: int, input_shape: tuple[int, int, int]) -> Architecture:
    """Pixels through hidden layers of one width, each with a layer norm."""
    s = Steps(input_shape)
    s(Flatten())
    for _ in range(depth):
        s(Linear(s.shape[0], width))
        s(LayerNorm(width))
        s(Activation("relu"))
    s(Linear(width, NUM_CLASSES))
    return s.end()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimisee:
    """What is to be trained.

    Attributes:
        architecture: Of the networks.
        images: Name of the image set.
        side: Height and width that its images are brought to.
        total_steps: Length of the training.
        batch_size: Images of a step.
    """

    architecture: Architecture
    images: str
    side: int
    total_steps: int
    batch_size: int = 128


def draw_optimisee(
    number: int,
    *,
    seed: int,
    sides: Sequence[int] = SIDES,
    widths: Sequence[int] = WIDTHS,
    horizons: tuple[float, float] = HORIZONS,
) -> Optimisee:
    """A task of meta-training; it depends on its number and the seed alone. CIFAR-10 is not among their images.

    Args:
        number: Of the task.
        seed: Root of every random draw.
        sides: Of the images.
        widths: Of the convolutions.
        horizons: Least and greatest length of the training.
    """
    draw = Draw(seed, "optimisee", number)
    family, side = draw.choice(FAMILIES), draw.choice(sides)
    shape = (1, side, side)
    if family == "cnn":
        architecture = conv_net(draw.choice(widths), depth=draw.whole(1, 4), input_shape=shape)
    elif family == "mlp":
        architecture = perceptron(draw.choice((16, 32, 64)), draw.whole(1, 3), shape)
    else:
        heads, depth, norm = draw.choice((1, 2, 4)), draw.whole(1, 2), draw.choice(("layer_norm", "rms_norm"))
        architecture = vision_transformer(
            shape, patch=side // (4 if side >= 28 else 2), width=8 * heads, heads=heads, depth=depth, norm=norm
        )
    return Optimisee(
        architecture=architecture,
        images=draw.choice(("mnist", "fashion-mnist", "fashion-mnist")),
        side=side,
        total_steps=round(draw.log_uniform(*horizons)),
        batch_size=draw.choice((64, 128)),
    )


def initial_parameters(architecture: Architecture, num_networks: int, generator: torch.Generator) -> Network:
    """Networks as torch initialises them: weights and biases uniform within ±1 / √fan-in, scales 1, tables 0."""
    parameters: dict[str, Tensor] = {}
    for step in architecture.steps:
        for name, shape in step.layer.parameter_shapes().items():
            key = f"{step.name}.{name}"
            if name == "weight" and len(shape) > 1:
                fan_in = math.prod(shape[1:])
            elif name == "bias" and len(weight := step.layer.parameter_shapes().get("weight", ())) > 1:
                fan_in = math.prod(weight[1:])
            else:
                is_scale = name == "weight" or name == "running_var"
                parameters[key] = torch.full((num_networks, *shape), float(is_scale))
                continue
            drawn = torch.rand(num_networks, *shape, generator=generator)
            parameters[key] = (2 * drawn - 1) / math.sqrt(fan_in)
    return Network(architecture, parameters)


@dataclasses.dataclass(frozen=True)
class TrainingImages:
    """Images of one set and size, with those that choices are made on apart.

    Attributes:
        train: (images, channels, height, width) in [-1, 1], and labels.
        validation: The last `NUM_VALIDATION` training images.
        test: For the figures at the end.
    """

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    def to(self, device: torch.device) -> "TrainingImages":
        """The same on another device."""
        parts = (self.train, self.validation, self.test)
        return TrainingImages(*((images.to(device), labels.to(device)) for images, labels in parts))

    @classmethod
    def of(cls, splits: ImageSplits, side: int) -> "TrainingImages":
        """From the splits of an image set; images are made smaller by means over areas."""
        images, tests = (_resized(x, side) for x in (splits.train_images, splits.test_images))
        cut = len(images) - NUM_VALIDATION
        labels = splits.train_labels
        return cls((images[:cut], labels[:cut]), (images[cut:], labels[cut:]), (tests, splits.test_labels))


def _resized(images: Tensor, side: int) -> Tensor:
    return images if images.shape[-1] == side else functional.adaptive_avg_pool2d(images, side)


ImagesBySize = Mapping[tuple[str, int], TrainingImages]
"""By name of the image set and side."""


def draw_batch(data: tuple[Tensor, Tensor], size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A minibatch of images and labels, drawn with replacement."""
    images, labels = data
    chosen = torch.randint(len(images), (size,), generator=generator).to(images.device)
    return images[chosen], labels[chosen]
