"""How far a map may be trusted: what of the neighbourhoods in feature space it keeps, and what its labels say."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.maps.layouts import MapFit, fit_map, fitted_rows

NUM_NEIGHBOURS = 10
MAX_JUDGED = 2_000  # evenly spaced networks; trustworthiness costs their square
MAX_SEEDED = 1_000  # networks that are laid out once more for the stability
NUM_FOLDS = 5
OUTLIER_NEIGHBOURS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapQuality:
    """Figures of a map; NaN where there is no such figure.

    Attributes:
        num_networks: How many networks they were measured on.
        trustworthiness: How many of the 10 nearest points are also near in feature space, weighted by rank (Venna &
            Kaski 2001); 1 is best.
        knn_features: Share of networks whose label is that of most of their 10 nearest in feature space, by 5-fold
            cross-validation.
        knn_map: The same by the 10 nearest points on the map.
        chance: Share of the most frequent label.
        variance: Share of the variance of the features that the axes of a PCA map hold.
        stability: Share of the 10 nearest points that stay when a UMAP or t-SNE map is laid out with another seed.
    """

    num_networks: int
    trustworthiness: float = float("nan")
    knn_features: float = float("nan")
    knn_map: float = float("nan")
    chance: float = float("nan")
    variance: float = float("nan")
    stability: float = float("nan")

    def to_array(self) -> Float[np.ndarray, " figures"]:
        """All figures in their order, to be stored."""
        return np.array(dataclasses.astuple(self), dtype=np.float32)

    @classmethod
    def from_array(cls, figures: Float[np.ndarray, " figures"]) -> "MapQuality":
        """Inverse of `to_array`."""
        values = [float(figure) for figure in figures]
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**dict(zip(names[1:], values[1:], strict=True)), num_networks=int(values[0]))


def judge_map(
    fit: MapFit, labels: Int[np.ndarray, " networks"] | None = None, *, with_stability: bool = True
) -> MapQuality:
    """Measure a map, on at most `MAX_JUDGED` evenly spaced networks.

    Args:
        fit: The map.
        labels: A class per network, below 0 for none; None if there are none.
        with_stability: Lay at most `MAX_SEEDED` networks out twice more, for the stability of UMAP and t-SNE.
    """
    from sklearn.manifold import trustworthiness

    rows = np.linspace(0, len(fit) - 1, min(len(fit), MAX_JUDGED)).round().astype(int)
    points, components = fit.coordinates[rows].numpy(), fit.components[rows].numpy()
    k = min(NUM_NEIGHBOURS, (len(rows) - 1) // 2)
    figures: dict[str, float] = {}
    if k >= 1:
        figures["trustworthiness"] = float(trustworthiness(components, points, n_neighbors=k))
    if labels is not None:
        figures |= _label_figures(components, points, labels[rows])
    if fit.method == "pca":
        figures["variance"] = share_of_variance(fit)
    elif with_stability and k >= 1:
        figures["stability"] = stability(fit)
    return MapQuality(num_networks=len(rows), **figures)


def share_of_variance(fit: MapFit) -> float:
    """Share of the variance of the features that the axes of a PCA map hold, in [0, 1]."""
    total = float(fit.features.double().var(dim=0, correction=0).sum())
    return float(fit.coordinates.double().var(dim=0, correction=0).sum()) / total if total else 1.0


def stability(fit: MapFit) -> float:
    """Mean share of the nearest points that two layouts of the same networks with different seeds have in common."""
    rows = fitted_rows(len(fit), dataclasses.replace(fit.parameters, max_fitted=MAX_SEEDED))
    features = fit.features[torch.from_numpy(rows)]
    layouts = [
        fit_map(features, method=fit.method, seed=fit.seed + i, parameters=fit.parameters).coordinates for i in (1, 2)
    ]
    k = min(NUM_NEIGHBOURS, len(rows) - 1)
    first, second = (neighbours_of(points, k) for points in layouts)
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(first.tolist(), second.tolist(), strict=True)]))


def neighbours_of(points: Float[Tensor, "networks d"], k: int) -> Int[np.ndarray, "networks k"]:
    """The rows of the k points nearest to each, without itself."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=k, n_jobs=1).fit(points.numpy())
    return np.asarray(found.kneighbors(return_distance=False))


def outlier_scores(features: Float[Tensor, "networks features"]) -> Float[np.ndarray, " networks"]:
    """The local outlier factor (Breunig et al. 2000) of each network in the leading principal components.

    It is about 1 within a crowd and larger the lonelier a network is; NaN where there are fewer than 3 networks.
    """
    from sklearn.neighbors import LocalOutlierFactor

    if len(features) < 3:
        return np.full(len(features), np.nan, dtype=np.float32)
    components = fit_map(features, method="pca").components.numpy()
    judge = LocalOutlierFactor(n_neighbors=min(OUTLIER_NEIGHBOURS, len(features) - 1), n_jobs=1).fit(components)
    return -judge.negative_outlier_factor_.astype(np.float32)


def _label_figures(components: np.ndarray, points: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Accuracy of the label by neighbours in feature space and on the map; nothing where too few have one."""
    known = labels >= 0
    counts = np.bincount(labels[known]) if known.any() else np.array([0])
    if (counts > 0).sum() < 2 or known.sum() < 2 * NUM_FOLDS:
        return {}
    return {
        "knn_features": _knn_accuracy(components[known], labels[known]),
        "knn_map": _knn_accuracy(points[known], labels[known]),
        "chance": float(counts.max() / counts.sum()),
    }


def _knn_accuracy(values: np.ndarray, labels: Sequence[int] | np.ndarray) -> float:
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    k = min(NUM_NEIGHBOURS, len(labels) - len(labels) // NUM_FOLDS - 1)
    folds = KFold(NUM_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(KNeighborsClassifier(k, n_jobs=1), values, labels, cv=folds, n_jobs=1)
    return float((predicted == labels).mean())
