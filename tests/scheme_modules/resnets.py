"""Residual networks with the parameter names of torchvision, in small."""

from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """A basic block, or a bottleneck of an inner width."""

    def __init__(self, c_in, c_out, stride, *, inner=None, groups=1, shortcut="downsample"):
        super().__init__()
        self.ways = shortcut
        sizes = [(c_in, c_out, 3, stride, 1), (c_out, c_out, 3, 1, 1)]
        if inner:
            sizes = [(c_in, inner, 1, 1, 1), (inner, inner, 3, stride, groups), (inner, c_out, 1, 1, 1)]
        self.depth = len(sizes)
        for i, (n_in, n_out, kernel, step, own) in enumerate(sizes, start=1):
            convolution = nn.Conv2d(n_in, n_out, kernel, step, kernel // 2, groups=own, bias=False)
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"bn{i}", nn.BatchNorm2d(n_out))
        if stride != 1 or c_in != c_out:
            ways = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
            self.add_module(shortcut, ways)

    def forward(self, x):
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = y if i == self.depth else functional.relu(y)
        ways = getattr(self, self.ways, None)
        return functional.relu(y + (x if ways is None else ways(x)))


class ResNet(nn.Module):
    """Stages of blocks; the stem is that of ImageNet or of CIFAR."""

    def __init__(self, widths, depths, *, is_large=True, head="fc", **block):
        super().__init__()
        first = widths[0] // (4 if block.get("inner") else 1) or 1
        self.is_large, self.head, self.stages = is_large, head, len(widths)
        kernel, stride = (7, 2) if is_large else (3, 1)
        self.conv1 = nn.Conv2d(3, first, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        c_in = first
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
            blocks = []
            for i in range(depth):
                blocks.append(Block(c_in, width, 2 if number > 1 and i == 0 else 1, **block))
                c_in = width
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        if head:
            self.add_module(head, nn.Linear(c_in, 5))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, 1) if self.is_large else x
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        x = x.mean(dim=(2, 3))
        return getattr(self, self.head)(x) if self.head else x
