"""MobileNetV2, MobileNetV3 and EfficientNet as torchvision names them."""

import dataclasses
from collections.abc import Callable

from ngcore.networks import ActivationKind, AdaptivePool, GlobalAveragePool, Multiply
from ngcore.upload.schemes.asking import ask_image
from ngcore.upload.schemes.layers import activation, batch_norm, convolution, linear, relu6, residual
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme

Function = Callable[[Plan, int], int]
V2_STRIDED = frozenset({2, 4, 7, 14})
"""Blocks of MobileNetV2 that halve the map, among 17 (Sandler et al. 2018, table 2)."""

V3_STRIDED = {15: frozenset({2, 4, 7, 13}), 11: frozenset({1, 2, 4, 9})}
V3_HARD_FROM = {15: 7, 11: 4}
"""By the number of blocks of MobileNetV3 those that halve the map, and the first one with hard swish (Howard 2019)."""

EFFICIENT_STRIDES = {7: (1, 2, 2, 2, 1, 2, 1), 6: (1, 2, 2, 2, 1, 2)}
"""By the number of stages of EfficientNet the stride of each (Tan & Le 2019 and 2021)."""


def _function(name: ActivationKind) -> Function:
    return lambda plan, x: activation(plan, x, name)


@dataclasses.dataclass(frozen=True)
class _Style:
    """What the blocks of a network share: their activation, the gate of squeeze-and-excitation, eps."""

    function: Function
    gate: ActivationKind
    squeeze: ActivationKind
    eps: float


def _image(plan: Plan, first: str) -> int:
    height, width = ask_image(plan, 224, reason="maps of any size can be read; torchvision trains on 224 × 224 or more")
    return plan.read((plan.shape(f"{first}.0.weight", rank=4)[1], height, width))[0]


def _normed(plan: Plan, x: int, name: str, eps: float, *, stride: int = 1, norm: str | None = None) -> int:
    """A convolution and its batch norm, "<name>.0" and "<name>.1" unless said otherwise."""
    convolved = convolution(plan, x, name if norm else f"{name}.0", stride=stride)
    return batch_norm(plan, convolved, norm or f"{name}.1", eps=eps)


def _shortcut(plan: Plan, x: int, y: int, stride: int) -> int:
    return residual(plan, x, y) if stride == 1 and plan.values[x] == plan.values[y] else y


def build_v2(plan: Plan, prefix: str) -> tuple[int, ...]:
    """MobileNetV2: inverted residuals with ReLU6."""
    features = f"{prefix}features"
    blocks = plan.count(features) - 2
    if blocks != 17:
        raise MisfitError(f"it has {blocks} blocks instead of 17, so that their strides are not known")
    x = relu6(plan, _normed(plan, _image(plan, f"{features}.0"), f"{features}.0", 1e-5, stride=2))
    for number in range(1, blocks + 1):
        name, stride, y = f"{features}.{number}.conv", 2 if number in V2_STRIDED else 1, x
        parts = plan.count(name) - 2
        for part in range(parts):
            y = relu6(plan, _normed(plan, y, f"{name}.{part}", 1e-5, stride=stride if part == parts - 1 else 1))
        y = _normed(plan, y, f"{name}.{parts}", 1e-5, norm=f"{name}.{parts + 1}")
        x = _shortcut(plan, x, y, stride)
    x = relu6(plan, _normed(plan, x, f"{features}.{blocks + 1}", 1e-5))
    return (linear(plan, plan.step(GlobalAveragePool(), x), f"{prefix}classifier.1"),)


def _inverted(plan: Plan, x: int, name: str, style: _Style, stride: int) -> int:
    """A block of convolutions with norms, activations between them, squeeze-and-excitation before the last."""
    y, parts = x, plan.count(f"{name}.block")
    convolutions = [i for i in range(parts) if plan.has(f"{name}.block.{i}.0.weight")]
    kernels = [max(plan.shape(f"{name}.block.{i}.0.weight", rank=4)[2:]) for i in convolutions]
    strided = convolutions[kernels.index(max(kernels))] if convolutions else 0
    for i in range(parts):
        own = f"{name}.block.{i}"
        if i not in convolutions:
            y = _excited(plan, y, own, style)
            continue
        y = _normed(plan, y, own, style.eps, stride=stride if i == strided else 1)
        if i != convolutions[-1] or len(convolutions) == 1:
            y = style.function(plan, y)
    return _shortcut(plan, x, y, stride)


def _excited(plan: Plan, x: int, name: str, style: _Style) -> int:
    """Each channel times a gate of the means of all channels (Hu et al. 2018)."""
    y = convolution(plan, plan.step(AdaptivePool("mean", (1, 1)), x), f"{name}.fc1")
    y = convolution(plan, activation(plan, y, style.squeeze), f"{name}.fc2")
    return plan.step(Multiply(), x, activation(plan, y, style.gate))


def build_v3(plan: Plan, prefix: str) -> tuple[int, ...]:
    """MobileNetV3, large or small by the number of its blocks."""
    features, hard = f"{prefix}features", _function("hard_swish")
    blocks = plan.count(features) - 2
    if blocks not in V3_STRIDED:
        raise MisfitError(f"it has {blocks} blocks instead of 15 or 11, so that their strides are not known")
    eps = plan.default("eps", 1e-3, of="MobileNetV3 of torchvision")
    x = hard(plan, _normed(plan, _image(plan, f"{features}.0"), f"{features}.0", eps, stride=2))
    for number in range(1, blocks + 1):
        function = hard if number >= V3_HARD_FROM[blocks] else _function("relu")
        stride = 2 if number in V3_STRIDED[blocks] else 1
        style = _Style(function, "hard_sigmoid", "relu", eps)
        x = _inverted(plan, x, f"{features}.{number}", style, stride)
    x = hard(plan, _normed(plan, x, f"{features}.{blocks + 1}", eps))
    x = hard(plan, linear(plan, plan.step(GlobalAveragePool(), x), f"{prefix}classifier.0"))
    return (linear(plan, x, f"{prefix}classifier.3"),)


def build_efficient(plan: Plan, prefix: str) -> tuple[int, ...]:
    """EfficientNet and EfficientNetV2, whose blocks differ by the convolutions that they hold."""
    features, silu = f"{prefix}features", _function("silu")
    stages = plan.count(features) - 2
    strides = EFFICIENT_STRIDES.get(stages)
    if strides is None:
        raise MisfitError(f"it has {stages} stages instead of 7 or 6, so that their strides are not known")
    is_second = max(plan.shape(f"{features}.2.0.block.0.0.weight", rank=4)[2:]) > 1
    is_wide = is_second or plan.count(f"{features}.1") > 2  # V2, and B5 to B7
    eps = plan.default("eps", 1e-3 if is_wide else 1e-5, of="EfficientNet of torchvision")
    x = silu(plan, _normed(plan, _image(plan, f"{features}.0"), f"{features}.0", eps, stride=2))
    style = _Style(silu, "sigmoid", "silu", eps)
    for stage, stride in enumerate(strides, start=1):
        for block in range(plan.count(f"{features}.{stage}")):
            x = _inverted(plan, x, f"{features}.{stage}.{block}", style, 1 if block else stride)
    x = silu(plan, _normed(plan, x, f"{features}.{stages + 1}", eps))
    return (linear(plan, plan.step(GlobalAveragePool(), x), f"{prefix}classifier.1"),)


SCHEMES = (
    Scheme("MobileNetV2 of torchvision", ("features.1.conv.0.0.weight", "features.0.0.weight"), build_v2),
    Scheme("MobileNetV3 of torchvision", ("features.1.block.0.0.weight", "features.0.0.weight"), build_v3),
    Scheme("EfficientNet of torchvision", ("features.1.0.block.0.0.weight", "features.0.0.weight"), build_efficient),
)
