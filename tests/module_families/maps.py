"""Networks that read images and signals: CNNs of every kind."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class LeNet(nn.Module):
    """Convolutions and pools, then a view and Linear layers (LeCun et al. 1998)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 3, 5), nn.Conv2d(3, 4, 3)
        self.fc1, self.fc2 = nn.Linear(4 * 2 * 2, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.avg_pool2d(torch.tanh(self.conv2(x)), (2, 2))
        return self.fc2(functional.relu(self.fc1(x.view(x.size(0), -1))))


class AlexNet(nn.Module):
    """Features, an adaptive pool, dropout and a classifier (Krizhevsky et al. 2012)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(3),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(inplace=True),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((3, 3))
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(54, 8), nn.ReLU(inplace=True), nn.Linear(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    for c_in, c_out in ((2, 4), (4, 5)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2, 2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(45, 7), nn.ReLU(), nn.Dropout(0.5), nn.Linear(7, 3))


class SqueezeExcite(nn.Module):
    """Channels weighed by a small network of their means (Hu et al. 2018)."""

    def __init__(self, channels: int, reduced: int, *, gate: nn.Module | None = None) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, reduced, 1), nn.Conv2d(reduced, channels, 1)
        self.act, self.gate = nn.SiLU(), gate or nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, *, excite: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out)
        self.conv2, self.bn2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.excite = SqueezeExcite(c_out, 2) if excite else nn.Identity()
        self.downsample = None
        if stride > 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out = self.excite(out)
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A three-by-three convolution between two of one by one."""

    def __init__(self, c_in: int, width: int, c_out: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c_in, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 2, 1, groups=2, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, c_out, 1, bias=False), nn.BatchNorm2d(c_out)
        self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, 2, bias=False), nn.BatchNorm2d(c_out))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        return self.relu(self.bn3(self.conv3(out)) + self.downsample(x))


class ResNet(nn.Module):
    """A stem, blocks, the mean over the map, a Linear layer."""

    def __init__(self, *blocks: nn.Module, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(*blocks)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow (Sandler et al. 2018)."""

    def __init__(
        self, c_in: int, c_out: int, *, stride: int = 1, act: type[nn.Module] = nn.ReLU6, excite: bool = False
    ):
        super().__init__()
        hidden = 3 * c_in
        layers: list[nn.Module] = [
            *(nn.Conv2d(c_in, hidden, 1, bias=False), nn.BatchNorm2d(hidden), act()),
            *(nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), act()),
            *([SqueezeExcite(hidden, 2, gate=nn.Hardsigmoid())] if excite else []),
            *(nn.Conv2d(hidden, c_out, 1, bias=False), nn.BatchNorm2d(c_out)),
        ]
        self.layers, self.has_skip = nn.Sequential(*layers), stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.has_skip else self.layers(x)


def mobile_net(act: type[nn.Module], *, excite: bool) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), act()),
        InvertedResidual(4, 4, act=act, excite=excite),
        InvertedResidual(4, 5, stride=2, act=act, excite=excite),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(1), nn.Dropout(0.2), nn.Linear(5, 3)),
    )


class DenseNet(nn.Module):
    """Every layer reads all maps before it (Huang et al. 2017)."""

    def __init__(self, *, bottleneck: bool, collects: bool) -> None:
        super().__init__()
        self.stem, self.collects = nn.Conv2d(2, 4, 3, padding=1), collects
        self.layers = nn.ModuleList()
        for c_in in (4, 7):
            first = [nn.Conv2d(c_in, 6, 1), nn.BatchNorm2d(6), nn.ReLU()] if bottleneck else []
            last = nn.Conv2d(6 if bottleneck else c_in, 3, 3, padding=1)
            self.layers.append(nn.Sequential(nn.BatchNorm2d(c_in), nn.ReLU(), *first, last))
        self.transition = nn.Sequential(nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 5, 1), nn.AvgPool2d(2, 2))
        self.norm, self.fc = nn.BatchNorm2d(5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.stem(x)]
        for layer in self.layers:
            if self.collects:
                maps.append(layer(torch.cat(maps, 1)))
            else:
                maps = [torch.cat([maps[0], layer(maps[0])], dim=1)]
        x = functional.relu(self.norm(self.transition(torch.cat(maps, 1))))
        return self.fc(functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class UNet(nn.Module):
    """Down, up, and maps of equal size joined (Ronneberger et al. 2015)."""

    def __init__(self, up: nn.Module, *, joins: bool = True) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.SiLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.InstanceNorm2d(6, affine=True), nn.LeakyReLU(0.2))
        self.up, self.joins = up, joins
        self.last = nn.Sequential(nn.Conv2d(8 if joins else 4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down1(x)
        y = self.up(self.down2(functional.max_pool2d(skip, 2)))
        return self.last(torch.cat([skip, y], dim=1) if self.joins else skip + y)


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class HandNorm2d(nn.Module):
    """Layer norm over the channels of a map, written out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        return self.weight[:, None, None] * ((x - u) / torch.sqrt(s + 1e-6)) + self.bias[:, None, None]


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution, then an MLP on channels last, with a learned scale (Liu et al. 2022)."""

    def __init__(self, dim: int, *, by_convolutions: bool = False) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        make = (lambda a, b: nn.Conv2d(a, b, 1)) if by_convolutions else nn.Linear
        self.pwconv1, self.act, self.pwconv2 = make(dim, 2 * dim), nn.GELU(), make(2 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim, 1, 1) if by_convolutions else (dim,), 0.5))
        self.by_convolutions = by_convolutions

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        if self.by_convolutions:
            y = y.permute(0, 3, 1, 2)
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        return x + (y if self.by_convolutions else y.permute(0, 3, 1, 2))


class ConvNeXt(nn.Module):
    """Patches, blocks, a norm of the mean."""

    def __init__(self, norm: nn.Module, *, by_convolutions: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), norm)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(4, by_convolutions=by_convolutions) for _ in range(2)))
        self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.stem(x)).mean([-2, -1])))


class Decoder(nn.Module):
    """A vector as a map, then transposed convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 3, 3, 2, 1), nn.ELU(), nn.Flatten(), nn.Linear(48, 5))
        self.widen = nn.Linear(5, 48)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(3, 2, 3, 2, 1, output_padding=1), nn.CELU(), nn.Conv2d(2, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        code = self.encoder(x)
        y = functional.elu(self.widen(code)).view(-1, 3, 4, 4)
        return torch.sigmoid(self.decoder(y)), code


class MeanAutoencoder(nn.Module):
    """The mean of a variational autoencoder in evaluation mode: two heads, the first decoded."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.heads = nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.Softplus()), nn.Linear(6, 4)
        self.decoder = nn.Sequential(nn.Linear(2, 6), nn.Mish(), nn.Linear(6, 16), nn.Unflatten(1, (1, 4, 4)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log_variance = self.heads(self.body(x)).chunk(2, dim=1)
        return self.decoder(mean), mean, (0.5 * log_variance).exp()


class CausalBlock(nn.Module):
    """Dilated convolutions that see the past alone, with a shortcut (Bai et al. 2018)."""

    def __init__(self, c_in: int, c_out: int, dilation: int, *, norm: str) -> None:
        super().__init__()
        self.norm, self.pad = norm, 2 * dilation
        inside = norm == "chomp"
        conv = nn.Conv1d(c_in, c_out, 3, padding=self.pad if inside else 0, dilation=dilation)
        if norm == "old":
            with torch.no_grad():
                conv = torch.nn.utils.weight_norm(conv)
        self.conv = torch.nn.utils.parametrizations.weight_norm(conv) if norm == "new" else conv
        self.down = nn.Conv1d(c_in, c_out, 1) if c_in != c_out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)[:, :, : -self.pad] if self.norm == "chomp" else self.conv(functional.pad(x, (self.pad, 0)))
        return functional.relu(functional.relu(y) + (x if self.down is None else self.down(x)))


def temporal(norm: str) -> nn.Module:
    return nn.Sequential(CausalBlock(2, 4, 1, norm=norm), CausalBlock(4, 4, 2, norm=norm), nn.Conv1d(4, 3, 1))


def image(channels: int, side: int) -> tuple[Tensor]:
    return (torch.randn(2, channels, side, side),)


BUILDERS = {
    "lenet/view": lambda: (LeNet(), image(1, 16)),
    "lenet/alexnet": lambda: (AlexNet(), image(3, 16)),
    "lenet/vgg": lambda: (vgg(), image(2, 12)),
    "resnet/basic": lambda: (ResNet(BasicBlock(4, 4), BasicBlock(4, 6, 2), channels=6), image(2, 16)),
    "resnet/bottleneck": lambda: (ResNet(Bottleneck(4, 4, 8), channels=8), image(2, 16)),
    "resnet/squeeze-excite": lambda: (ResNet(BasicBlock(4, 6, excite=True), channels=6), image(2, 12)),
    "mobilenet/v2": lambda: (mobile_net(nn.ReLU6, excite=False), image(3, 12)),
    "mobilenet/v3": lambda: (mobile_net(nn.Hardswish, excite=True), image(3, 12)),
    "mobilenet/efficientnet": lambda: (mobile_net(nn.SiLU, excite=True), image(3, 12)),
    "densenet/growing": lambda: (DenseNet(bottleneck=False, collects=False), image(2, 8)),
    "densenet/collected": lambda: (DenseNet(bottleneck=False, collects=True), image(2, 8)),
    "densenet/bottleneck": lambda: (DenseNet(bottleneck=True, collects=True), image(2, 8)),
    "unet/transposed": lambda: (UNet(nn.ConvTranspose2d(6, 4, 2, 2)), image(1, 8)),
    "unet/nearest": lambda: (UNet(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(6, 4, 1))), image(1, 8)),
    "unet/bilinear": lambda: (
        UNet(nn.Sequential(nn.Conv2d(6, 4, 1), nn.Upsample(scale_factor=2, mode="bilinear")), joins=False),
        image(1, 8),
    ),
    "convnext/linear": lambda: (ConvNeXt(LayerNorm2d(4)), image(3, 8)),
    "convnext/convolutions": lambda: (ConvNeXt(LayerNorm2d(4), by_convolutions=True), image(3, 8)),
    "convnext/hand-written norm": lambda: (ConvNeXt(HandNorm2d(4)), image(3, 8)),
    "autoencoder/dense": lambda: (
        nn.Sequential(*(nn.Linear(8, 5), nn.SELU(), nn.Linear(5, 2), nn.Linear(2, 5), nn.Softsign(), nn.Linear(5, 8))),
        (torch.randn(2, 8),),
    ),
    "autoencoder/transposed": lambda: (Decoder(), image(1, 8)),
    "autoencoder/mean": lambda: (MeanAutoencoder(), image(1, 4)),
    "temporal/chomped": lambda: (temporal("chomp"), (torch.randn(2, 2, 12),)),
    "temporal/weight norm": lambda: (temporal("new"), (torch.randn(2, 2, 12),)),
    "temporal/old weight norm": lambda: (temporal("old"), (torch.randn(2, 2, 12),)),
}
