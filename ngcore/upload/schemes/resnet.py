"""ResNet, Wide ResNet and ResNeXt as torchvision and timm name them, and those for small images."""

from ngcore.networks import Add, GlobalAveragePool, Pool
from ngcore.upload.schemes.asking import ask_image
from ngcore.upload.schemes.layers import activation, batch_norm, convolution, linear
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme

SHORTCUTS = ("downsample", "shortcut")
HEADS = ("fc", "linear", "classifier")
STEMS = ("stride_1", "stride_1_pool", "stride_2", "stride_2_pool")


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Stem, stages of residual blocks (He et al. 2016), mean over positions, head."""
    weight = plan.shape(f"{prefix}conv1.weight", rank=4)
    is_large = weight[2] > 3
    side, reason = (224, "as trained on ImageNet") if is_large else (32, "as CIFAR has them")
    height, width = ask_image(plan, side, reason=f"maps of any size can be read; {side} × {side} {reason}")
    (x,) = plan.read((weight[1], height, width))
    x = _stem(plan, x, prefix, is_large=is_large)
    for number, stage in enumerate(_stages(plan, prefix)):
        for block in range(plan.count(stage)):
            x = _block(plan, x, f"{stage}.{block}", stride=2 if number and not block else 1)
    x = plan.step(GlobalAveragePool(), x)
    head = next((prefix + name for name in HEADS if plan.has(f"{prefix}{name}.weight")), None)
    return (linear(plan, x, head) if head else x,)


def _stages(plan: Plan, prefix: str) -> list[str]:
    stages: list[str] = []
    while plan.has(stage := f"{prefix}layer{len(stages) + 1}"):
        stages.append(stage)
    return stages


def _stem(plan: Plan, x: int, prefix: str, *, is_large: bool) -> int:
    usual = "stride_2_pool" if is_large else "stride_1"
    if is_large:
        stem = plan.default("stem", usual, of="torchvision")
    else:
        reason = "a first kernel of 3 × 3 is that of small images, and mostly neither strided nor pooled"
        stem = plan.ask("stem", "First convolution", usual, reason=reason, choices=STEMS)
    x = convolution(plan, x, f"{prefix}conv1", stride=2 if "2" in stem else 1)
    x = activation(plan, batch_norm(plan, x, f"{prefix}bn1"), "relu")
    return plan.step(Pool("max", (3, 3), (2, 2), (1, 1)), x) if "pool" in stem else x


def _block(plan: Plan, x: int, name: str, *, stride: int) -> int:
    """Two or three convolutions, each with its batch norm; the stride is that of the first 3 × 3 kernel."""
    convolutions = [f"{name}.conv{i + 1}" for i in range(3) if plan.has(f"{name}.conv{i + 1}.weight")]
    kernels = [plan.shape(f"{convolution}.weight", rank=4)[2] for convolution in convolutions]
    if kernels not in ([3, 3], [1, 3, 1]):
        raise MisfitError(f"{name!r} is no basic block and no bottleneck")
    y = x
    for i, own in enumerate(convolutions):
        y = convolution(plan, y, own, stride=stride if i == kernels.index(3) else 1)
        y = batch_norm(plan, y, f"{name}.bn{i + 1}")
        y = activation(plan, y, "relu") if i < len(convolutions) - 1 else y
    shortcut = next((f"{name}.{own}" for own in SHORTCUTS if plan.has(f"{name}.{own}.0.weight")), None)
    if shortcut:
        x = batch_norm(plan, convolution(plan, x, f"{shortcut}.0", stride=stride), f"{shortcut}.1")
    if plan.values[x] != plan.values[y]:
        raise MisfitError(f"{name!r} has no weights for its shortcut from {plan.values[x]} to {plan.values[y]}")
    return activation(plan, plan.step(Add(), x, y), "relu")


SCHEMES = (Scheme("a ResNet", ("layer1.0.conv1.weight", "layer1.0.bn1.weight", "conv1.weight", "bn1.weight"), build),)
