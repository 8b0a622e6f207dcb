"""Networks of sets and several parts: PointNet, DeepSets, mixtures, several heads and inputs."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class PointNet(nn.Module):
    """The same MLP for every point, then the maximum (Qi et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(3, 6, 1), nn.BatchNorm1d(6)
        self.conv2, self.bn2 = nn.Conv1d(6, 8, 1), nn.BatchNorm1d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, points: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(points)))
        x = self.bn2(self.conv2(x))
        x = torch.max(x, 2, keepdim=True)[0]
        return functional.log_softmax(self.fc(x.view(-1, 8)), dim=-1)


class PointsLast(nn.Module):
    """A shared MLP on (batch, points, coordinates)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 8), nn.ReLU())
        self.head = nn.Linear(8, 2)

    def forward(self, points: Tensor) -> Tensor:
        return self.head(self.layers(points).amax(dim=1))


class Segmenter(nn.Module):
    """Every point told of the whole cloud: the maximum repeated and joined."""

    def __init__(self) -> None:
        super().__init__()
        self.local, self.head = nn.Conv1d(3, 4, 1), nn.Conv1d(8, 2, 1)

    def forward(self, points: Tensor) -> Tensor:
        local = functional.relu(self.local(points))
        whole = local.max(dim=2, keepdim=True).values.expand(-1, -1, points.shape[2])
        return self.head(torch.cat([local, whole], dim=1))


class DeepSets(nn.Module):
    """ρ(Σ φ(x)) (Zaheer et al. 2017)."""

    def __init__(self, reduction: str) -> None:
        super().__init__()
        self.reduction = reduction
        self.phi = nn.Sequential(nn.Linear(2, 6), nn.ELU(), nn.Linear(6, 5))
        self.rho = nn.Sequential(nn.Linear(5, 4), nn.ELU(), nn.Linear(4, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.phi(x)
        x = x.sum(dim=1) if self.reduction == "sum" else x.mean(dim=-2)
        return self.rho(x)


class EquivariantSets(nn.Module):
    """Layers that treat the elements of a set alike: x Λ − mean(x) Γ."""

    def __init__(self) -> None:
        super().__init__()
        self.lam, self.gam, self.last = nn.Linear(2, 5, bias=False), nn.Linear(2, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.gam(x) - self.lam(x.mean(1, keepdim=True)))
        return self.last(x.max(dim=1)[0])


class Mixture(nn.Module):
    """Experts weighed by a softmax."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.gate = kind, nn.Linear(4, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2 + (kind == "deep"))) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = functional.softmax(self.gate(x), dim=-1)
        made = [expert(x) for expert in self.experts]
        if self.kind == "stacked":
            return (torch.stack(made, dim=1) * weights.unsqueeze(-1)).sum(dim=1)
        if self.kind == "deep":
            return sum(weights[:, i : i + 1] * y for i, y in enumerate(made))
        return torch.einsum("bk,bkd->bd", weights, torch.stack(made, dim=1))


class TwoHeads(nn.Module):
    """One body, two answers."""

    def __init__(self, *, convolutional: bool = False) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
        if convolutional:
            self.body = nn.Sequential(
                nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(12, 6)
            )
        self.policy, self.value = nn.Linear(6, 3), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.body(x)
        return {"policy": self.policy(x).softmax(-1), "value": torch.tanh(self.value(x))}


class NamedParts(nn.Module):
    """A list of outputs, one of them a value inside."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> list[Tensor]:
        h = functional.silu(self.first(x))
        return [h, self.second(h)]


class TwoInputs(nn.Module):
    """An image and a vector, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.vector = nn.Conv2d(1, 3, 3, stride=2), nn.Linear(4, 5)
        self.head = nn.Linear(8, 2)

    def forward(self, image: Tensor, vector: Tensor) -> Tensor:
        x = functional.relu(self.image(image)).mean(dim=(2, 3))
        return self.head(torch.cat((x, torch.relu(self.vector(vector))), dim=1))


class Bilinear(nn.Module):
    """The product of two towers, and their distance."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.last = nn.Linear(3, 4), nn.Linear(5, 4), nn.Linear(8, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        a, b = self.left(left), self.right(right)
        return self.last(torch.cat([a * b, (a - b).abs()], dim=-1))


class Conditioned(nn.Module):
    """A vector modulated by the embedding of a class (FiLM)."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.first, self.last = nn.Embedding(7, 10), nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        scale, shift = self.table(label).chunk(2, dim=-1)
        return self.last(torch.relu(self.first(x) * (1 + scale) + shift))


BUILDERS = {
    "pointnet/convolutions": lambda: (PointNet(), (torch.randn(2, 3, 6),)),
    "pointnet/linear": lambda: (PointsLast(), (torch.randn(2, 6, 3),)),
    "pointnet/segmenter": lambda: (Segmenter(), (torch.randn(2, 3, 6),)),
    "deepsets/sum": lambda: (DeepSets("sum"), (torch.randn(2, 5, 2),)),
    "deepsets/mean": lambda: (DeepSets("mean"), (torch.randn(2, 5, 2),)),
    "deepsets/equivariant": lambda: (EquivariantSets(), (torch.randn(2, 5, 2),)),
    "mixture/stacked": lambda: (Mixture("stacked"), (torch.randn(2, 4),)),
    "mixture/summed": lambda: (Mixture("deep"), (torch.randn(2, 4),)),
    "mixture/einsum": lambda: (Mixture("einsum"), (torch.randn(2, 4),)),
    "heads/dictionary": lambda: (TwoHeads(), (torch.randn(2, 4),)),
    "heads/convolutional": lambda: (TwoHeads(convolutional=True), (torch.randn(2, 1, 6, 6),)),
    "heads/inner value": lambda: (NamedParts(), (torch.randn(2, 3),)),
    "inputs/image and vector": lambda: (TwoInputs(), (torch.randn(2, 1, 7, 7), torch.randn(2, 4))),
    "inputs/two towers": lambda: (Bilinear(), (torch.randn(2, 3), torch.randn(2, 5))),
    "inputs/class": lambda: (Conditioned(), (torch.randn(2, 3), torch.tensor([1, 6]))),
}
