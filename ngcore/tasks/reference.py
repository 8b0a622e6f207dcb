"""What the networks that a model knows are like, small enough to ship beside it, and how far others are from them.

Three distances of a network are compared with those of validation networks:

* the angle between its embedding and the `NEIGHBOURS`-th nearest of training networks' (Sun et al. 2022,
  "Out-of-distribution detection with deep nearest neighbors");
* the Mahalanobis distance of its embedding from theirs, with Ledoit and Wolf's shrinkage (Lee et al. 2018, "A simple
  unified framework for detecting out-of-distribution samples");
* the Mahalanobis distance of its traits (sizes of the network and of its weights), to which embeddings may be blind.

Each is brought to a common scale by training networks that are not in the reference; the largest of the three is the
network's score, and its p-value is its rank among those of validation networks, by run.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from ngcore.errors import CheckpointError, ShapeMismatchError
from ngcore.files import reading, remembered_sha256
from ngcore.tasks.conformal import run_p_values
from ngcore.tasks.traits import TRAITS
from ngcore.training.checkpoint import write_weights

REFERENCE_FILE = "reference.safetensors"
REMEDY = "calibrate the checkpoint again, or remove the file"
PARTS = ("angle of the embedding", "distance of the embedding", "traits")
MAX_BYTES = 128_000  # of embeddings, in half precision
MAX_ROWS = 500
MAX_SCORES = 1_000
NEIGHBOURS = 5
USUAL = 0.98  # of training networks are nearer than 1
TRAIT_FLOOR = 0.05  # in powers of ten: differences of sizes by 12 % are no differences


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reference:
    """What training networks look like to a model, and how far validation networks are from them.

    Attributes:
        embeddings: (networks, d) of training networks, divided by `unit`.
        unit: Makes the largest number among them 1.
        trait_mean: (traits,), see `measure_traits`.
        trait_precision: (traits, traits), the inverse of their covariance.
        trait_range: (2, traits), smallest and largest.
        middle: (3,) medians of the distances (`PARTS`) of other training networks.
        reach: (3,) how far above them their 98 % quantiles are.
        scores: (validation networks, 3) distances in that scale.
        runs: (validation networks,) run of each.
    """

    embeddings: Float[Tensor, "networks d"]
    unit: Float[Tensor, ""]
    trait_mean: Float[Tensor, " traits"]
    trait_precision: Float[Tensor, "traits traits"]
    trait_range: Float[Tensor, "2 traits"]
    middle: Float[Tensor, " parts"]
    reach: Float[Tensor, " parts"]
    scores: Float[Tensor, "validation parts"]
    runs: Tensor

    @classmethod
    def fit(
        cls,
        train: tuple[Float[Tensor, "train d"], Float[Tensor, "train traits"]],
        validation: tuple[Float[Tensor, "validation d"], Float[Tensor, "validation traits"]],
        runs: NDArray[Any],
    ) -> "Reference":
        """The reference of a model.

        Args:
            train: Embeddings and traits of training networks in random order: the second half sets the scale.
            validation: The same of validation networks; at most `MAX_SCORES` are kept.
            runs: Run of each validation network.

        Raises:
            ShapeMismatchError: If there are fewer than four training networks or no validation networks.
        """
        embeddings, traits = (part.double() for part in train)
        if len(embeddings) < 4 or not len(runs):
            raise ShapeMismatchError(
                f"Expected at least 4 training networks and 1 for validation, got {len(embeddings)} and {len(runs)}."
            )
        count = min(MAX_ROWS, MAX_BYTES // (2 * embeddings.shape[1]), len(embeddings) // 2)
        unit = embeddings[:count].abs().max().clamp_min(1e-12)
        kept = (embeddings[:count] / unit).half()
        covariance = torch.cov(traits.T) + TRAIT_FLOOR**2 * torch.eye(traits.shape[1], dtype=traits.dtype)
        raw = cls(
            embeddings=kept,
            unit=unit,
            trait_mean=traits.mean(dim=0),
            trait_precision=torch.linalg.inv(covariance),
            trait_range=torch.stack([traits.amin(dim=0), traits.amax(dim=0)]),
            middle=torch.zeros(len(PARTS), dtype=torch.float64),
            reach=torch.ones(len(PARTS), dtype=torch.float64),
            scores=torch.zeros(0, len(PARTS), dtype=torch.float64),
            runs=torch.zeros(0, dtype=torch.long),
        )
        others = raw.measure(embeddings[count:], traits[count:])
        middle = others.median(dim=0).values
        reach = (torch.quantile(others, USUAL, dim=0) - middle).clamp_min(1e-6)
        scaled = dataclasses.replace(raw, middle=middle, reach=reach)
        chosen = slice(0, MAX_SCORES)
        scores = scaled.measure(validation[0][chosen], validation[1][chosen])
        _, numbers = np.unique(runs[chosen], return_inverse=True)
        return dataclasses.replace(scaled, scores=scores, runs=torch.from_numpy(numbers.astype(np.int64)))

    @property
    def num_runs(self) -> int:
        """Validation runs behind the p-values."""
        return len(self.runs.unique())

    def measure(
        self, embeddings: Float[Tensor, "networks d"], traits: Float[Tensor, "networks traits"]
    ) -> Float[Tensor, "networks parts"]:
        """The three distances of networks: 0 is usual, 1 is exceeded by 2 % of training networks."""
        own, known = embeddings.double() / self.unit.double(), self.embeddings.double()
        from_mean = own - known.mean(dim=0)
        off = traits.double() - self.trait_mean.double()
        raw = torch.stack(
            [
                _angles(own, known).topk(min(NEIGHBOURS, len(known)), dim=1, largest=False).values[:, -1],
                _mahalanobis(from_mean, self._precision),
                _mahalanobis(off, self.trait_precision.double()),
            ],
            dim=1,
        )
        return (raw - self.middle.double()) / self.reach.double()

    @functools.cached_property
    def _precision(self) -> Float[Tensor, "d d"]:
        """The inverse of the shrunk covariance of the embeddings."""
        from sklearn.covariance import LedoitWolf  # takes long to import

        return torch.from_numpy(LedoitWolf().fit(self.embeddings.double().numpy()).precision_)

    def p_values(
        self, embeddings: Float[Tensor, "networks d"], traits: Float[Tensor, "networks traits"]
    ) -> dict[str, NDArray[np.float64]]:
        """By `PARTS`, and "all" for the largest of the three distances: the p-value of each network.

        The p-value of "all" is the one to decide by; those of the parts say what is unusual.
        """
        scores, own = self.scores.double().numpy(), self.measure(embeddings, traits).numpy()
        runs = self.runs.numpy()
        parts = {part: run_p_values(scores[:, i], runs, own[:, i]) for i, part in enumerate(PARTS)}
        return {"all": run_p_values(scores.max(axis=1), runs, own.max(axis=1)), **parts}

    def unusual_traits(self, traits: Float[Tensor, " traits"]) -> list[str]:
        """A sentence for each trait of one network outside the range of training networks, the farthest first."""
        low, high = self.trait_range.double()
        beyond = torch.maximum(low - traits.double(), traits.double() - high)
        order = [i for i in beyond.argsort(descending=True).tolist() if float(beyond[i]) > TRAIT_FLOOR]
        names = list(TRAITS.values())
        return [
            f"{names[i]} is {_number(traits[i])}; of the networks that the model knows, {_range(low[i], high[i])}."
            for i in order
        ]

    def save(self, folder: Path) -> str:
        """Write the reference into a checkpoint's folder and return the file's SHA-256."""
        halves = {"embeddings": self.embeddings.half()}
        singles = {
            field.name: getattr(self, field.name).float()
            for field in dataclasses.fields(self)
            if field.name not in ("embeddings", "runs")
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / REFERENCE_FILE, {**halves, **singles, "runs": self.runs.to(torch.int32)})
        return remembered_sha256(folder / REFERENCE_FILE)

    @classmethod
    def load(cls, folder: Path, sha256: str) -> "Reference":
        """Read the reference from a checkpoint's folder.

        Raises:
            CheckpointError: If the file is missing or damaged, or is not the one that the card was written for.
        """
        path = folder / REFERENCE_FILE
        with reading(path, CheckpointError, remedy=REMEDY):
            if (got := remembered_sha256(path)) != sha256:
                raise CheckpointError(
                    f"Expected {path} with SHA-256 {sha256[:12]}… as in the card, got {got[:12]}…; {REMEDY}."
                )
            return cls(**load_file(path))


def _angles(own: Tensor, known: Tensor) -> Float[Tensor, "networks known"]:
    """Lengths of the differences of unit vectors."""
    return torch.cdist(torch.nn.functional.normalize(own), torch.nn.functional.normalize(known))


def _mahalanobis(differences: Tensor, precision: Tensor) -> Float[Tensor, " networks"]:
    return ((differences @ precision) * differences).sum(dim=1).clamp_min(0).sqrt()


def _number(logarithm: Tensor) -> str:
    value = 10 ** float(logarithm)
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _range(low: Tensor, high: Tensor) -> str:
    return _number(low) if _number(low) == _number(high) else f"{_number(low)} to {_number(high)}"
