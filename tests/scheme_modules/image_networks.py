"""Convolutional networks with the parameter names of torchvision and timm, in small."""

import torch
from torch import nn
from torch.nn import functional


def normed(n_in, n_out, kernel, stride=1, *, groups=1, act=None, eps=1e-5):
    """A convolution, its batch norm and maybe an activation."""
    layers = [
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out, eps),
    ]
    return nn.Sequential(*layers, *([act()] if act else []))


class Vgg(nn.Module):
    """VGG, of widths with "M" for pools; small ones have one Linear."""

    def __init__(self, plan, *, is_normed=False, is_small=False):
        super().__init__()
        layers, width = [], 3
        for item in plan:
            if item == "M":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(width, item, 3, padding=1), *([nn.BatchNorm2d(item)] if is_normed else []), nn.ReLU()]
            width = item
        self.features, self.is_small = nn.Sequential(*layers), is_small
        self.classifier = nn.Linear(width, 4)
        if not is_small:
            sizes = [nn.Linear(49 * width, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 6), nn.ReLU(), nn.Dropout()]
            self.classifier = nn.Sequential(*sizes, nn.Linear(6, 4))

    def forward(self, x):
        x = self.features(x)
        return self.classifier((x if self.is_small else functional.adaptive_avg_pool2d(x, 7)).flatten(1))


class AlexNet(nn.Module):
    """AlexNet."""

    def __init__(self):
        super().__init__()
        sizes = [(3, 4, 11, 4, 2), (4, 6, 5, 1, 2), (6, 5, 3, 1, 1), (5, 5, 3, 1, 1), (5, 4, 3, 1, 1)]
        layers = []
        for number, size in enumerate(sizes):
            layers += [nn.Conv2d(*size), nn.ReLU(), *([nn.MaxPool2d(3, 2)] if number in (0, 1, 4) else [])]
        self.features = nn.Sequential(*layers)
        linears = [nn.Linear(4 * 36, 8), nn.Linear(8, 6), nn.Linear(6, 3)]
        first, second, third = linears
        self.classifier = nn.Sequential(nn.Dropout(), first, nn.ReLU(), nn.Dropout(), second, nn.ReLU(), third)

    def forward(self, x):
        return self.classifier(functional.adaptive_avg_pool2d(self.features(x), 6).flatten(1))


class V2Block(nn.Module):
    """An inverted residual."""

    def __init__(self, n_in, n_out, stride, ratio):
        super().__init__()
        inner = ratio * n_in
        layers = [normed(n_in, inner, 1, act=nn.ReLU6)] if ratio > 1 else []
        layers += [normed(inner, inner, 3, stride, groups=inner, act=nn.ReLU6)]
        self.conv = nn.Sequential(*layers, nn.Conv2d(inner, n_out, 1, bias=False), nn.BatchNorm2d(n_out))
        self.is_residual = stride == 1 and n_in == n_out

    def forward(self, x):
        return x + self.conv(x) if self.is_residual else self.conv(x)


class Features(nn.Module):
    """Features, mean over positions, a classifier."""

    def __init__(self, features, classifier):
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def mobile_net_v2(num_blocks=17):
    """MobileNetV2 with a few channels."""
    stages = [(1, 3, 1, 1), (2, 4, 2, 2), (2, 5, 3, 2), (2, 4, 4, 2), (2, 6, 3, 1), (2, 5, 3, 2), (2, 6, 1, 1)]
    layers, width = [], 4
    for ratio, n_out, count, stride in stages:
        for i in range(count):
            layers.append(V2Block(width, n_out, stride if i == 0 else 1, ratio))
            width = n_out
    layers = layers[:num_blocks]
    features = [normed(3, 4, 3, 2, act=nn.ReLU6), *layers, normed(layers[-1].conv[-1].num_features, 7, 1, act=nn.ReLU6)]
    return Features(nn.Sequential(*features), nn.Sequential(nn.Dropout(), nn.Linear(7, 4)))


class Excite(nn.Module):
    """Squeeze-and-excitation."""

    def __init__(self, width, act, gate):
        super().__init__()
        self.fc1, self.fc2, self.act, self.gate = nn.Conv2d(width, 2, 1), nn.Conv2d(2, width, 1), act(), gate()

    def forward(self, x):
        y = self.act(self.fc1(functional.adaptive_avg_pool2d(x, 1)))
        return x * self.gate(self.fc2(y))


class Inverted(nn.Module):
    """A block of MobileNetV3 or EfficientNet; a fused one has no depthwise convolution."""

    def __init__(self, n_in, n_out, stride, act, *, kernel=3, ratio=2, excite=None, is_fused=False, eps=1e-5):
        super().__init__()
        inner, own = ratio * n_in, {"act": act, "eps": eps}
        if is_fused and ratio == 1:
            layers = [normed(n_in, n_out, 3, stride, **own)]
        elif is_fused:
            layers = [normed(n_in, inner, 3, stride, **own), normed(inner, n_out, 1, eps=eps)]
        else:
            layers = [normed(n_in, inner, 1, **own)] if ratio > 1 else []
            layers += [normed(inner, inner, kernel, stride, groups=inner, **own)]
            layers += [Excite(inner, *excite)] if excite else []
            layers += [normed(inner, n_out, 1, eps=eps)]
        self.block = nn.Sequential(*layers)
        self.is_residual = stride == 1 and n_in == n_out

    def forward(self, x):
        return x + self.block(x) if self.is_residual else self.block(x)


V3 = {
    "large": "R31 R32 R31 E52 E51 E51 H32 H31 H31 H31 S31 S31 S52 S51 S51",
    "small": "E32 R32 R31 S52 S51 S51 S51 S51 S52 S51 S51",
}
"""Blocks of MobileNetV3: ReLU or hard swish (H, S), with excitation (E, S), kernel size, stride."""


def mobile_net_v3(kind):
    """MobileNetV3 with a few channels."""
    layers, width = [normed(3, 4, 3, 2, act=nn.Hardswish, eps=1e-3)], 4
    for number, (letter, kernel, stride) in enumerate(V3[kind].split()):
        excite = (nn.ReLU, nn.Hardsigmoid) if letter in "ES" else None
        act, n_out = nn.ReLU if letter in "RE" else nn.Hardswish, 4 + number // 3
        own = {"kernel": int(kernel), "ratio": 1 if number == 0 else 2, "excite": excite, "eps": 1e-3}
        layers.append(Inverted(width, n_out, int(stride), act, **own))
        width = n_out
    layers.append(normed(width, 7, 1, act=nn.Hardswish, eps=1e-3))
    head = nn.Sequential(nn.Linear(7, 6), nn.Hardswish(), nn.Dropout(), nn.Linear(6, 4))
    return Features(nn.Sequential(*layers), head)


def efficient_net(version=1):
    """EfficientNet-B0 or V2-S with a few channels and blocks."""
    strides = (1, 2, 2, 2, 1, 2, 1) if version == 1 else (1, 2, 2, 2, 1, 2)
    eps = 1e-5 if version == 1 else 1e-3
    layers, width = [normed(3, 4, 3, 2, act=nn.SiLU, eps=eps)], 4
    for number, stride in enumerate(strides):
        own = {"ratio": 1 if number == 0 else 2, "eps": eps, "is_fused": version == 2 and number < 3}
        own |= {} if own["is_fused"] else {"excite": (nn.SiLU, nn.Sigmoid), "kernel": 5 if number % 2 else 3}
        n_out = 4 + number // 2
        blocks = [Inverted(width if i == 0 else n_out, n_out, 1 if i else stride, nn.SiLU, **own) for i in range(2)]
        layers.append(nn.Sequential(*blocks))
        width = n_out
    layers.append(normed(width, 7, 1, act=nn.SiLU, eps=eps))
    return Features(nn.Sequential(*layers), nn.Sequential(nn.Dropout(), nn.Linear(7, 4)))


class DenseNet(nn.Module):
    """DenseNet."""

    def __init__(self, depths=(2, 3)):
        super().__init__()
        parts = {"conv0": nn.Conv2d(3, 4, 7, 2, 3, bias=False), "norm0": nn.BatchNorm2d(4)}
        width = 4
        for number, depth in enumerate(depths, start=1):
            layers = {}
            for i in range(1, depth + 1):
                own = {"norm1": nn.BatchNorm2d(width), "conv1": nn.Conv2d(width, 6, 1, bias=False)}
                own |= {"norm2": nn.BatchNorm2d(6), "conv2": nn.Conv2d(6, 3, 3, padding=1, bias=False)}
                layers[f"denselayer{i}"] = nn.ModuleDict(own)
                width += 3
            parts[f"denseblock{number}"] = nn.ModuleDict(layers)
            if number < len(depths):
                own = {"norm": nn.BatchNorm2d(width), "conv": nn.Conv2d(width, width // 2, 1, bias=False)}
                parts[f"transition{number}"], width = nn.ModuleDict(own), width // 2
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features, self.classifier = nn.ModuleDict(parts), nn.Linear(width, 4)

    def forward(self, x):
        parts = self.features
        x = functional.max_pool2d(functional.relu(parts["norm0"](parts["conv0"](x))), 3, 2, 1)
        for name, part in parts.items():
            if name.startswith("denseblock"):
                for own in part.values():
                    y = own["conv1"](functional.relu(own["norm1"](x)))
                    x = torch.cat([x, own["conv2"](functional.relu(own["norm2"](y)))], dim=1)
            elif name.startswith("transition"):
                x = functional.avg_pool2d(part["conv"](functional.relu(part["norm"](x))), 2)
        return self.classifier(functional.relu(parts["norm5"](x)).mean(dim=(2, 3)))


class MapNorm(nn.LayerNorm):
    """A layer norm over the channels of a map."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Last(nn.Module):
    """Channels from the first place to the last, or back."""

    def __init__(self, source, target):
        super().__init__()
        self.places = source, target

    def forward(self, x):
        return x.movedim(*self.places)


class ConvNextBlock(nn.Module):
    """A block of torchvision's ConvNeXt."""

    def __init__(self, width):
        super().__init__()
        depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        linears = [nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)]
        self.block = nn.Sequential(depthwise, Last(1, -1), nn.LayerNorm(width, 1e-6), *linears, Last(-1, 1))
        self.layer_scale = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x):
        return x + self.layer_scale * self.block(x)


def convnext():
    """ConvNeXt of torchvision."""
    widths = (4, 6, 5)
    layers = [nn.Sequential(nn.Conv2d(3, 4, 4, 4), MapNorm(4, 1e-6))]
    for number, width in enumerate(widths):
        layers.append(nn.Sequential(*(ConvNextBlock(width) for _ in range(2))))
        if number < 2:
            layers.append(nn.Sequential(MapNorm(width, 1e-6), nn.Conv2d(width, widths[number + 1], 2, 2)))
    return Features(nn.Sequential(*layers), nn.Sequential(nn.LayerNorm(5, 1e-6), nn.Flatten(), nn.Linear(5, 3)))


class TimmBlock(nn.Module):
    """A block of timm's ConvNeXt."""

    def __init__(self, width):
        super().__init__()
        self.conv_dw = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, 1e-6)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 2 * width), "fc2": nn.Linear(2 * width, width)})
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x):
        y = self.norm(self.conv_dw(x).movedim(1, -1))
        return x + (self.gamma * self.mlp["fc2"](functional.gelu(self.mlp["fc1"](y)))).movedim(-1, 1)


class TimmConvNext(nn.Module):
    """ConvNeXt of timm."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 4, 4), MapNorm(4, 1e-6))
        stages = []
        for n_in, width in ((4, 4), (4, 6)):
            own = {"downsample": nn.Sequential(MapNorm(n_in, 1e-6), nn.Conv2d(n_in, width, 2, 2))} if stages else {}
            own["blocks"] = nn.Sequential(*(TimmBlock(width) for _ in range(2)))
            stages.append(nn.Sequential())
            for name, part in own.items():
                stages[-1].add_module(name, part)
        self.stages = nn.Sequential(*stages)
        self.head = nn.ModuleDict({"norm": nn.LayerNorm(6, 1e-6), "fc": nn.Linear(6, 3)})

    def forward(self, x):
        return self.head["fc"](self.head["norm"](self.stages(self.stem(x)).mean(dim=(2, 3))))
