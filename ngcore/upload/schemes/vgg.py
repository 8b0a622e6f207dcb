"""VGG and AlexNet as torchvision names them, and VGG for small images; gaps between numbers show the pools."""

from ngcore.networks import AdaptivePool, Flatten, Pool
from ngcore.upload.schemes.asking import ask_image
from ngcore.upload.schemes.layers import activation, batch_norm, convolution, linear
from ngcore.upload.schemes.plan import MisfitError, Plan
from ngcore.upload.schemes.scheme import Scheme

ALEXNET = {0: (11, 4, 2), 3: (5, 1, 2), 6: (3, 1, 1), 8: (3, 1, 1), 10: (3, 1, 1)}
"""By the number of a convolution its kernel size, stride and padding (torchvision)."""

POOLED = (0, 3, 10)
"""Convolutions of AlexNet after which it pools."""

NUM_POOLS = 5


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """VGG (Simonyan & Zisserman 2015): 3 × 3 convolutions, maybe batch norms, five pools, three Linears."""
    x = _features(plan, prefix, side=224, reason="torchvision's were trained on")
    return (_classifier(plan, plan.step(AdaptivePool("mean", (7, 7)), x), prefix, (0, 3, 6)),)


def build_small(plan: Plan, prefix: str) -> tuple[int, ...]:
    """VGG for images of 32 × 32: one Linear, of the single position that five pools leave."""
    x = _features(plan, prefix, side=32, reason="CIFAR has")
    return (linear(plan, plan.step(Flatten(), x), f"{prefix}classifier"),)


def build_alexnet(plan: Plan, prefix: str) -> tuple[int, ...]:
    """AlexNet of torchvision (Krizhevsky 2014)."""
    kernels = {n: plan.shape(f"{prefix}features.{n}.weight", rank=4)[2] for n in ALEXNET}
    if kernels != {number: sizes[0] for number, sizes in ALEXNET.items()}:
        raise MisfitError(f"its kernels have sizes {', '.join(map(str, kernels.values()))}")
    x = _image(plan, f"{prefix}features.0.weight", side=224, reason="torchvision's was trained on")
    for number, (_, stride, padding) in ALEXNET.items():
        x = convolution(plan, x, f"{prefix}features.{number}", stride=stride, padding=padding)
        x = activation(plan, x, "relu")
        x = plan.step(Pool("max", (3, 3), (2, 2), (0, 0)), x) if number in POOLED else x
    return (_classifier(plan, plan.step(AdaptivePool("mean", (6, 6)), x), prefix, (1, 4, 6)),)


def _image(plan: Plan, weight: str, *, side: int, reason: str) -> int:
    height, width = ask_image(plan, side, reason=f"maps of any size can be read; {reason} {side} × {side}")
    return plan.read((plan.shape(weight, rank=4)[1], height, width))[0]


def _features(plan: Plan, prefix: str, *, side: int, reason: str) -> int:
    """Convolutions, each with maybe a batch norm, a ReLU and, where the numbers leave room for one more, a pool."""
    convolutions = _convolutions(plan, prefix)
    pools = [bool(gap) for *_, gap in convolutions]
    if sum(pools) != NUM_POOLS or not pools[-1]:
        raise MisfitError(f"the numbers of its layers leave room for {sum(pools)} pools instead of {NUM_POOLS}")
    x = _image(plan, f"{prefix}features.0.weight", side=side, reason=reason)
    for number, is_normed, is_pooled in convolutions:
        x = convolution(plan, x, f"{prefix}features.{number}")
        x = batch_norm(plan, x, f"{prefix}features.{number + 1}") if is_normed else x
        x = activation(plan, x, "relu")
        x = plan.step(Pool("max", (2, 2), (2, 2), (0, 0)), x) if is_pooled else x
    return x


def _convolutions(plan: Plan, prefix: str) -> list[tuple[int, bool, int]]:
    """Number of each convolution, whether a batch norm follows, and how many layers without weights but its ReLU."""
    names = [name for name in plan.shapes if name.startswith(f"{prefix}features.") and len(plan.shapes[name]) == 4]
    numbers = sorted(int(piece) for piece in (name.split(".")[-2] for name in names) if piece.isdecimal())
    found = []
    for number, following in zip(numbers, [*numbers[1:], None], strict=True):
        if plan.shape(f"{prefix}features.{number}.weight", rank=4)[2:] != (3, 3):
            raise MisfitError(f"convolution {number} has another kernel than 3 × 3")
        is_normed = plan.has(f"{prefix}features.{number + 1}.running_mean")
        gap = 1 if following is None else following - number - 2 - is_normed
        if gap not in (0, 1):
            raise MisfitError(f"the numbers of its layers leave a gap after {number}")
        found.append((number, is_normed, gap))
    return found


def _classifier(plan: Plan, x: int, prefix: str, numbers: tuple[int, ...]) -> int:
    x = plan.step(Flatten(), x)
    for number in numbers[:-1]:
        x = activation(plan, linear(plan, x, f"{prefix}classifier.{number}"), "relu")
    return linear(plan, x, f"{prefix}classifier.{numbers[-1]}")


SCHEMES = (
    Scheme(
        "AlexNet of torchvision",
        ("features.10.weight", "features.0.weight", "classifier.1.weight", "classifier.4.weight"),
        build_alexnet,
        is_distinct=False,
    ),
    Scheme(
        "a VGG of torchvision",
        ("classifier.3.weight", "features.0.weight", "classifier.0.weight"),
        build,
        is_distinct=False,
    ),
    Scheme("a VGG for small images", ("features.0.weight", "classifier.weight"), build_small, is_distinct=False),
)
