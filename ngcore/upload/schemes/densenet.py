"""DenseNet as torchvision names it."""

from ngcore.networks import Concat, GlobalAveragePool, Pool
from ngcore.upload.schemes.asking import ask_image
from ngcore.upload.schemes.layers import activation, batch_norm, convolution, linear
from ngcore.upload.schemes.plan import Plan
from ngcore.upload.schemes.scheme import Scheme


def build(plan: Plan, prefix: str) -> tuple[int, ...]:
    """Stem, blocks whose layers read all before them, transitions that halve the map (Huang et al. 2017)."""
    features = f"{prefix}features"
    height, width = ask_image(plan, 224, reason="maps of any size can be read; torchvision trains on 224 × 224")
    (x,) = plan.read((plan.shape(f"{features}.conv0.weight", rank=4)[1], height, width))
    x = convolution(plan, x, f"{features}.conv0", stride=2)
    x = activation(plan, batch_norm(plan, x, f"{features}.norm0"), "relu")
    x = plan.step(Pool("max", (3, 3), (2, 2), (1, 1)), x)
    block = 1
    while plan.has(f"{features}.denseblock{block}"):
        x = _block(plan, x, f"{features}.denseblock{block}")
        if plan.has(transition := f"{features}.transition{block}"):
            x = _unit(plan, x, f"{transition}.norm", f"{transition}.conv")
            x = plan.step(Pool("mean", (2, 2), (2, 2), (0, 0)), x)
        block += 1
    x = activation(plan, batch_norm(plan, x, f"{features}.norm5"), "relu")
    return (linear(plan, plan.step(GlobalAveragePool(), x), f"{prefix}classifier"),)


def _unit(plan: Plan, x: int, norm: str, name: str) -> int:
    """Batch norm, ReLU, convolution."""
    return convolution(plan, activation(plan, batch_norm(plan, x, norm), "relu"), name)


def _block(plan: Plan, x: int, name: str) -> int:
    made, layer = [x], 1
    while plan.has(own := f"{name}.denselayer{layer}"):
        read = plan.step(Concat(), *made) if len(made) > 1 else x
        y = _unit(plan, read, f"{own}.norm1", f"{own}.conv1")
        made.append(_unit(plan, y, f"{own}.norm2", f"{own}.conv2"))
        layer += 1
    return plan.step(Concat(), *made)


SCHEMES = (
    Scheme(
        "DenseNet of torchvision", ("features.denseblock1.denselayer1.norm1.weight", "features.conv0.weight"), build
    ),
)
