"""Maps: networks as points in the plane or in space, by PCA, UMAP or t-SNE of their features, and their neighbours."""

import dataclasses
import hashlib
import threading
import warnings
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.disk_cache import ONLY, is_cached, read_arrays, write_arrays
from ngcore.errors import DataError, ShapeMismatchError, UnknownNameError
from ngcore.paths import cache_folder

MapMethod = Literal["pca", "umap", "tsne"]
Metric = Literal["cosine", "euclidean"]
MAP_METHODS: tuple[MapMethod, ...] = get_args(MapMethod)
METRICS: tuple[Metric, ...] = get_args(Metric)

NUM_COMPONENTS = 50  # the most principal components that UMAP and t-SNE read
FEWEST_FOR_UMAP = 10  # and for t-SNE
LARGEST_EXACT_PCA = 2_000  # above it the leading components are found by subspace iteration
NUM_ITERATIONS = 8
FORMAT_VERSION = 2
FARTHEST = 1e15  # largest component of a network that is placed; squares of larger ones would not be finite

# UMAP's compiled code does not support concurrent fits, and a second fit would only slow down the first.
_FITTING = threading.Lock()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapParameters:
    """How a map is laid out.

    Attributes:
        dimensions: 2 or 3.
        num_neighbours: Of UMAP: more of them show the whole, fewer the details.
        min_distance: Of UMAP: how close points may come to each other, in [0, 1].
        perplexity: Of t-SNE: the effective number of neighbours.
        max_fitted: The most networks that UMAP and t-SNE are fitted to, evenly spaced; the others are placed among
            their nearest fitted ones.
    """

    dimensions: int = 2
    num_neighbours: int = 15
    min_distance: float = 0.1
    perplexity: float = 30.0
    max_fitted: int = 4_000


USUAL = MapParameters()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MapFit:
    """A fitted map of N networks.

    Attributes:
        method: How it was made.
        seed: Seed of the fit.
        features: What it was fitted to.
        coordinates: The points.
        parameters: How it was laid out.
        reducer: The UMAP that was fitted to all networks in this process; else None.
    """

    method: MapMethod
    seed: int
    features: Float[Tensor, "networks features"]
    coordinates: Float[Tensor, "networks dimensions"]
    parameters: MapParameters = USUAL
    reducer: Any = None

    def __len__(self) -> int:
        return len(self.coordinates)

    def __repr__(self) -> str:
        return f"MapFit({self.method}: {len(self)} networks, {self.features.shape[1]} features)"

    @cached_property
    def axes(self) -> Float[Tensor, "features components"]:
        """The principal axes of the features, the leading one first."""
        return principal_axes(self.features)

    @cached_property
    def components(self) -> Float[Tensor, "networks components"]:
        """The mean-free features on the principal axes."""
        return self.project(self.features)

    def project(self, features: Float[Tensor, "others features"]) -> Float[Tensor, "others components"]:
        """Features of any networks on the principal axes of the fitted ones."""
        return (features.float().cpu() - self.features.mean(dim=0)) @ self.axes


def fit_map(
    features: Float[Tensor, "networks features"],
    *,
    method: MapMethod = "umap",
    seed: int = 0,
    parameters: MapParameters = USUAL,
    known: Float[Tensor, "networks 2"] | None = None,
    use_cache: bool = True,
) -> MapFit:
    """Lay networks out in the plane or in space.

    PCA is instant. UMAP (McInnes et al. 2018) and t-SNE (van der Maaten & Hinton 2008) read the 50 leading principal
    components; their fits are kept in the cache folder under a digest of features, parameters and versions.

    Args:
        features: One row per network.
        method: "pca", "umap" or "tsne".
        seed: Of UMAP and t-SNE; PCA uses none.
        parameters: How to lay them out.
        known: The UMAP coordinates, where they are known already; nothing is fitted then.
        use_cache: Read and write the cache folder.

    Raises:
        UnknownNameError: If the method is unknown.
        DataError: If there are too few networks, or features that are not finite.
    """
    features = _checked(features, method)
    empty = torch.zeros(len(features), parameters.dimensions)
    fit = MapFit(method=method, seed=seed, features=features, coordinates=empty, parameters=parameters)
    if method == "pca":
        return dataclasses.replace(fit, coordinates=_leading(fit.components, parameters.dimensions))
    if known is not None:
        return dataclasses.replace(fit, coordinates=known)
    path = _cache_path(features, method, seed, parameters)
    with _FITTING:  # whoever waited for the same fit finds it in the cache
        coordinates, reducer = _read_coordinates(path, tuple(empty.shape)) if use_cache else None, None
        if coordinates is None:
            coordinates, reducer = _fit(fit)
            if use_cache:
                write_arrays(path, {ONLY: coordinates.numpy()})
    return dataclasses.replace(fit, coordinates=coordinates, reducer=reducer)


def fitted_rows(count: int, parameters: MapParameters = USUAL) -> Int[np.ndarray, " rows"]:
    """Which of `count` networks UMAP and t-SNE are fitted to."""
    return np.linspace(0, count - 1, min(count, parameters.max_fitted)).round().astype(int)


def place(
    fit: MapFit, features: Float[Tensor, "networks features"], *, num_neighbours: int = 5
) -> Float[Tensor, "networks dimensions"]:
    """Project networks that were not fitted onto a map.

    On a PCA map this is exact. On a UMAP map it is UMAP's own transform where the fit was made in this process, and
    else, as for t-SNE, the mean of the nearest networks on the map, weighted by inverse distance.

    Raises:
        ShapeMismatchError: If the features are not of the fit's width.
    """
    if features.shape[1] != fit.features.shape[1]:
        raise ShapeMismatchError(f"Expected {fit.features.shape[1]} features per network, got {features.shape[1]}.")
    components = fit.project(features)
    if fit.method == "pca":
        return _leading(components, fit.parameters.dimensions)
    if fit.reducer is not None:
        with _FITTING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.from_numpy(np.array(fit.reducer.transform(components.numpy()), dtype=np.float32))
    return _among(fit.components, fit.coordinates, components, num_neighbours)


def _among(known: Tensor, coordinates: Tensor, components: Tensor, num_neighbours: int = 5) -> Tensor:
    """Means of the coordinates of the nearest known networks, weighted by inverse distance."""
    from sklearn.neighbors import NearestNeighbors

    k = min(num_neighbours, len(known))
    components = components.nan_to_num(0.0).clamp(-FARTHEST, FARTHEST)
    found = NearestNeighbors(n_neighbors=k, n_jobs=1).fit(known.numpy()).kneighbors(components.numpy())
    distances, indices = (torch.from_numpy(array) for array in found)
    weights = 1 / distances.float().clamp_min(1e-6)
    weights = weights / weights.sum(dim=1, keepdim=True)
    return (coordinates[indices] * weights[..., None]).sum(dim=1)


def nearest(
    features: Float[Tensor, "networks features"],
    query: Float[Tensor, "queries d_query"],
    k: int = 10,
    *,
    metric: Metric = "cosine",
) -> tuple[Int[Tensor, "queries neighbours"], Float[Tensor, "queries neighbours"]]:
    """The k networks nearest to each query in feature space, the nearest first.

    Args:
        features: One row per network.
        query: One row per query; a query that is one of the networks finds itself.
        k: Number of neighbours; fewer if there are fewer networks.
        metric: "cosine" (1 − cosine of the angle between mean-free features) or "euclidean".

    Returns:
        Indices of networks, and their distances.

    Raises:
        UnknownNameError: If the metric is unknown.
        ShapeMismatchError: If queries and networks have different numbers of features.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, METRICS)
    if features.shape[1] != query.shape[1]:
        raise ShapeMismatchError(f"Expected {features.shape[1]} features per query, got {query.shape[1]}.")
    features, query = features.double(), query.double()
    if metric == "cosine":
        # Without their common mean all networks of a zoo point in nearly the same direction.
        centre = features.mean(dim=0)
        features = torch.nn.functional.normalize(features - centre, dim=1)
        query = torch.nn.functional.normalize(query - centre, dim=1)
        distances = 1 - query @ features.T
    else:
        distances = torch.cdist(query, features, compute_mode="donot_use_mm_for_euclid_dist")
    order = torch.sort(distances, dim=1, stable=True)
    k = min(k, len(features))
    return order.indices[:, :k], order.values[:, :k].clamp_min(0).float()


def principal_axes(
    features: Float[Tensor, "networks features"], *, num_components: int = NUM_COMPONENTS
) -> Float[Tensor, "features components"]:
    """The leading principal axes as columns; the largest entry of each is positive, so that they are unique."""
    centred = (features - features.mean(dim=0)).double()
    num_networks, num_features = features.shape
    k = min(num_components, num_networks, num_features)
    if min(num_networks, num_features) > LARGEST_EXACT_PCA:
        axes = _leading_subspace(centred, k)
    elif num_features <= num_networks:
        axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :k]
    else:
        vectors = torch.linalg.eigh(centred @ centred.T).eigenvectors.flip(1)[:, :k]
        axes = torch.nn.functional.normalize(centred.T @ vectors, dim=0)
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return (axes * torch.where(largest < 0, -1.0, 1.0)).float()


def _leading_subspace(centred: Tensor, k: int) -> Tensor:
    """The k leading right singular vectors by subspace iteration (Halko et al. 2011)."""
    start = torch.randn(centred.shape[1], k + 10, generator=torch.Generator().manual_seed(0), dtype=centred.dtype)
    basis = torch.linalg.qr(start).Q
    for _ in range(NUM_ITERATIONS):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    small = torch.linalg.svd(centred @ basis, full_matrices=False).Vh
    return basis @ small.T[:, :k]


def hash_features(features: Float[Tensor, "networks features"]) -> str:
    """The sha256 of features as float32, and of their shape."""
    array = np.ascontiguousarray(features.detach().float().cpu().numpy())
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def is_fitted(
    features: Float[Tensor, "networks features"],
    *,
    method: MapMethod = "umap",
    seed: int = 0,
    parameters: MapParameters = USUAL,
) -> bool:
    """Whether the cache holds the fit of these features."""
    return is_cached(_cache_path(features, method, seed, parameters))


def _checked(features: Tensor, method: str) -> Tensor:
    if method not in MAP_METHODS:
        raise UnknownNameError("map method", method, MAP_METHODS)
    fewest = 1 if method == "pca" else FEWEST_FOR_UMAP
    if len(features) < fewest:
        raise DataError(f"Expected at least {fewest} networks for a {method} map, got {len(features)}.")
    features = features.detach().float().cpu()
    if not torch.isfinite(features).all():
        row = int((~torch.isfinite(features)).any(dim=1).nonzero()[0])
        raise DataError(f"Expected finite features, got NaN or infinity for network {row} of {len(features)}.")
    return features


def _leading(components: Tensor, count: int) -> Tensor:
    """The leading components, with columns of zeros where there are fewer."""
    missing = count - components.shape[1]
    return torch.nn.functional.pad(components, (0, missing)) if missing > 0 else components[:, :count].clone()


def _cache_path(features: Tensor, method: str, seed: int, parameters: MapParameters) -> Path:
    package = version("umap-learn" if method == "umap" else "scikit-learn")
    settings = (FORMAT_VERSION, method, NUM_COMPONENTS, seed, dataclasses.astuple(parameters), package)
    digest = hashlib.sha256(f"{hash_features(features)} {settings}".encode()).hexdigest()
    return cache_folder() / "maps" / f"{digest}.npy"


def _fit(fit: MapFit) -> tuple[Tensor, Any]:
    """Coordinates of all networks, and the fitted UMAP if it was fitted to all of them."""
    rows = torch.from_numpy(fitted_rows(len(fit), fit.parameters))
    fitted = fit.components[rows]
    make = _fit_umap if fit.method == "umap" else _fit_tsne
    coordinates, reducer = make(fitted, fit.seed, fit.parameters)
    if len(rows) == len(fit):
        return coordinates, reducer
    everywhere = _among(fitted, coordinates, fit.components)
    everywhere[rows] = coordinates
    return everywhere, None


def _fit_umap(components: Tensor, seed: int, parameters: MapParameters = USUAL) -> tuple[Tensor, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP

        reducer = UMAP(
            n_components=parameters.dimensions,
            n_neighbors=min(parameters.num_neighbours, len(components) - 1),
            min_dist=parameters.min_distance,
            init="pca",
            random_state=seed,
            n_jobs=1,
            verbose=False,
        )
        points = reducer.fit_transform(components.numpy())
    return torch.from_numpy(np.array(points, dtype=np.float32)), reducer


def _fit_tsne(components: Tensor, seed: int, parameters: MapParameters = USUAL) -> tuple[Tensor, None]:
    from sklearn.manifold import TSNE

    tsne = TSNE(
        n_components=parameters.dimensions,
        perplexity=min(parameters.perplexity, (len(components) - 1) / 3),
        init="pca" if components.shape[1] >= parameters.dimensions else "random",
        random_state=seed,
        n_jobs=1,
    )
    return torch.from_numpy(tsne.fit_transform(components.numpy()).astype(np.float32)), None


def _read_coordinates(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The cached coordinates; None where there are none, or others than expected."""
    array = read_arrays(path).get(ONLY)
    if array is None or array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
        return None
    return torch.from_numpy(array)
