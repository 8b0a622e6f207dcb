"""ConvNeXt as torchvision and timm name it."""

import dataclasses

from ngcore.networks import GlobalAveragePool
from ngcore.upload.schemes.asking import ask_image
from ngcore.upload.schemes.layers import convolution, layer_norm, linear, mlp, residual, scaled
from ngcore.upload.schemes.plan import Plan
from ngcore.upload.schemes.scheme import Scheme


@dataclasses.dataclass(frozen=True)
class _Names:
    """What the parts of a block are called: depthwise convolution, norm, the two Linears, the scale."""

    depthwise: str
    norm: str
    first: str
    second: str
    scale: str


TORCHVISION = _Names("block.0", "block.2", "block.3", "block.5", "layer_scale")
TIMM = _Names("conv_dw", "norm", "mlp.fc1", "mlp.fc2", "gamma")


def _stem(plan: Plan, name: str, norm: str, eps: float) -> int:
    _, channels, side, _ = plan.shape(f"{name}.weight", rank=4)
    height, width = ask_image(plan, 224, reason="maps of any size can be read; it was trained on 224 × 224")
    (x,) = plan.read((channels, height, width))
    return layer_norm(plan, convolution(plan, x, name, stride=side, padding=0), norm, eps=eps)


def _block(plan: Plan, x: int, name: str, names: _Names, eps: float) -> int:
    """A depthwise convolution, a norm and an MLP at each position (Liu et al. 2022)."""
    y = layer_norm(plan, convolution(plan, x, f"{name}.{names.depthwise}"), f"{name}.{names.norm}", eps=eps)
    y = mlp(plan, y, f"{name}.{names.first}", f"{name}.{names.second}", "gelu")
    return residual(plan, x, scaled(plan, y, f"{name}.{names.scale}"))


def _shrunk(plan: Plan, x: int, name: str, eps: float) -> int:
    """A norm, and a convolution that halves the map."""
    side = plan.shape(f"{name}.1.weight", rank=4)[2]
    return convolution(plan, layer_norm(plan, x, f"{name}.0", eps=eps), f"{name}.1", stride=side, padding=0)


def build_torchvision(plan: Plan, prefix: str) -> tuple[int, ...]:
    """torchvision: stages and what shrinks the map in turn."""
    features, eps = f"{prefix}features", plan.default("eps", 1e-6, of="ConvNeXt of torchvision")
    x = _stem(plan, f"{features}.0.0", f"{features}.0.1", eps)
    for stage in range(1, plan.count(features)):
        name = f"{features}.{stage}"
        if stage % 2 == 0:
            x = _shrunk(plan, x, name, eps)
            continue
        for block in range(plan.count(name)):
            x = _block(plan, x, f"{name}.{block}", TORCHVISION, eps)
    x = layer_norm(plan, plan.step(GlobalAveragePool(), x), f"{prefix}classifier.0", eps=eps)
    return (linear(plan, x, f"{prefix}classifier.2"),)


def build_timm(plan: Plan, prefix: str) -> tuple[int, ...]:
    """timm: stages that shrink the map first."""
    eps = plan.default("eps", 1e-6, of="ConvNeXt of timm")
    x = _stem(plan, f"{prefix}stem.0", f"{prefix}stem.1", eps)
    for stage in range(plan.count(f"{prefix}stages")):
        name = f"{prefix}stages.{stage}"
        x = _shrunk(plan, x, f"{name}.downsample", eps) if plan.has(f"{name}.downsample") else x
        for block in range(plan.count(f"{name}.blocks")):
            x = _block(plan, x, f"{name}.blocks.{block}", TIMM, eps)
    x = layer_norm(plan, plan.step(GlobalAveragePool(), x), f"{prefix}head.norm", eps=eps)
    return (linear(plan, x, f"{prefix}head.fc") if plan.has(f"{prefix}head.fc.weight") else x,)


SCHEMES = (
    Scheme(
        "ConvNeXt of torchvision",
        ("features.1.0.block.2.weight", "features.0.0.weight", "classifier.2.weight"),
        build_torchvision,
    ),
    Scheme("ConvNeXt of timm", ("stages.0.blocks.0.conv_dw.weight", "stem.0.weight"), build_timm),
)
