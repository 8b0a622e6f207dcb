"""The networks of a zoo as points: coordinates and answers that ship, features that a model computes when asked."""

import collections
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ngcore.disk_cache import is_cached, read_arrays, save_arrays, write_arrays
from ngcore.maps.layouts import fit_map
from ngcore.maps.quality import MapQuality, judge_map, outlier_scores
from ngcore.networks import Network
from ngcore.paths import ASSETS, cache_folder, work_folder
from ngcore.tasks import Checkpoint, classify_inrs, embed_networks, load_checkpoint, predict_accuracy
from ngcore.zoo.storage import Zoo

RAW_WEIGHTS = "weights"
MAX_POINTS = 4_000
BATCH_SIZE = 64
SHIPPED = ASSETS / "maps"
FORMAT_VERSION = 1

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ZooPoints:
    """Networks of a zoo on a map; `read_features` gives what the map was laid out by.

    Attributes:
        zoo: The zoo.
        card: The card of the checkpoint that reads the networks; None means raw weights.
        key: Digest of the zoo, the model's weights, and which networks there are.
        positions: The networks, by their positions in the zoo's metadata.
        outputs: The model's answers, one row per network: class probabilities, or one predicted accuracy; None for raw
            weights and for models that answer with networks.
        coordinates: The UMAP of the features where it ships; else None.
        quality: How far those coordinates may be trusted, where that ships with them; else None.
        outliers: Outlier score of each network, see `outlier_scores`, where it ships; else None.
    """

    zoo: Zoo
    card: Mapping[str, Any] | None
    key: str
    positions: Int[np.ndarray, " networks"]
    outputs: Float[Tensor, "networks outputs"] | None = None
    coordinates: Float[Tensor, "networks 2"] | None = None
    quality: MapQuality | None = None
    outliers: Float[Tensor, " networks"] | None = None

    @property
    def model(self) -> str:
        """Name of the checkpoint, or `RAW_WEIGHTS`."""
        return _model_name(self.card)

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        return f"ZooPoints({self.zoo.name} by {self.model}: {len(self)} networks)"


def choose_positions(zoo: Zoo, *, same_parameters: bool = False, limit: int = MAX_POINTS) -> Int[np.ndarray, " rows"]:
    """Which networks of a zoo a map shows: all of them, or `limit` evenly spaced ones, test networks first.

    Args:
        zoo: The zoo.
        same_parameters: Only networks whose parameters have the commonest shapes of the zoo; raw weights of
            others are not comparable.
        limit: Maximum number of networks.
    """
    rows = np.arange(len(zoo))
    if same_parameters and len(zoo.architectures) > 1:
        layouts = {key: tuple(architecture.parameter_shapes.items()) for key, architecture in zoo.architectures.items()}
        layout_of_row = [layouts[key] for key in zoo.metadata["architecture"]]
        commonest = collections.Counter(layout_of_row).most_common(1)[0][0]
        rows = rows[[layout == commonest for layout in layout_of_row]]
    if len(rows) <= limit:
        return rows
    is_test = (zoo.metadata["split"].to_numpy() == "test")[rows]
    test, others = rows[is_test], rows[~is_test]
    chosen = [_thin(test, limit), _thin(others, limit - min(limit, len(test)))]
    return np.sort(np.concatenate(chosen))


def read_points(
    zoo: Zoo,
    card: Mapping[str, Any] | None = None,
    *,
    device: torch.device | str = "cpu",
    limit: int = MAX_POINTS,
    progress: Progress | None = None,
) -> ZooPoints:
    """A zoo's networks with the coordinates and answers that ship; without those, the model is asked for its answers.

    Args:
        zoo: The zoo.
        card: The card of the checkpoint that reads the networks; None means raw weights.
        device: Where the model runs.
        limit: Maximum number of networks; see `choose_positions`.
        progress: Called with the number of networks done and in total while the model runs.
    """
    positions = choose_positions(zoo, same_parameters=card is None, limit=limit)
    key = _points_key(zoo, card, positions)
    stored = _read_kept(zoo.name, _model_name(card), key)
    points = ZooPoints(
        zoo=zoo,
        card=card,
        key=key,
        positions=positions,
        outputs=stored.get("outputs"),
        coordinates=stored.get("coordinates"),
        quality=MapQuality.from_array(stored["quality"].numpy()) if "quality" in stored else None,
        outliers=stored.get("outliers"),
    )
    if card is None or stored:
        return points
    return dataclasses.replace(points, outputs=_answers(points, device=device, progress=progress).get("outputs"))


def read_features(
    points: ZooPoints, *, device: torch.device | str = "cpu", progress: Progress | None = None
) -> Float[Tensor, "networks features"]:
    """What a map is laid out by: embeddings, from the cache folder or computed and kept there, or raw weights.

    Args:
        points: The networks.
        device: Where the model runs.
        progress: Called with the number of networks done and in total while the model runs.
    """
    if points.card is None:
        return raw_weights(points.zoo, points.positions)
    return _answers(points, device=device, progress=progress)["features"]


def are_points_ready(zoo: Zoo, card: Mapping[str, Any] | None = None, *, limit: int = MAX_POINTS) -> bool:
    """Whether `read_points` has nothing to compute."""
    if card is None:
        return True
    key = _points_key(zoo, card, choose_positions(zoo, limit=limit))
    return is_cached(_cache_path(key)) or bool(_read_kept(zoo.name, str(card["name"]), key))


def are_features_ready(points: ZooPoints) -> bool:
    """Whether `read_features` has nothing to compute."""
    return points.card is None or is_cached(_cache_path(points.key))


def write_map(
    zoo: Zoo,
    card: Mapping[str, Any] | None = None,
    *,
    folder: Path,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    keep_coordinates: bool = False,
) -> Path:
    """Fit the map of a zoo and write it into a folder, such as `own_maps()`, where pages look for it.

    Kept are the UMAP coordinates and their quality, and in float16 outlier scores and a model's answers; its features
    are computed again when asked for.

    Args:
        zoo: The zoo.
        card: The card of the checkpoint that reads the networks; None means raw weights.
        folder: Where the file goes.
        device: Where the model runs.
        progress: Called with the number of networks done and in total while the model runs.
        keep_coordinates: Where there is a map of this very zoo and model already, leave its points where they are and
            only measure how far they may be trusted.

    Returns:
        The file.
    """
    points = read_points(zoo, card, device=device, progress=progress)
    features = read_features(points, device=device, progress=progress)
    fit = fit_map(features, method="umap", known=points.coordinates if keep_coordinates else None)
    quality = judge_map(fit, labels_of(points))
    values = {
        "coordinates": fit.coordinates,
        "quality": torch.from_numpy(quality.to_array()),
        "outliers": torch.from_numpy(outlier_scores(features)),
    }
    if points.outputs is not None:
        values |= {"outputs": points.outputs}
    path = folder / map_file(zoo.name, points.model)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_arrays(path, _arrays(points.key, values))
    return path


def labels_of(points: ZooPoints) -> Int[np.ndarray, " networks"] | None:
    """The classes of the networks on a map, −1 for none; None if none has a class."""
    labels = points.zoo.metadata["label"].to_numpy()[points.positions]
    return labels if (labels >= 0).any() else None


def raw_weights(zoo: Zoo, positions: Int[np.ndarray, " rows"]) -> Float[Tensor, "networks parameters"]:
    """The flattened parameters of networks with equal parameter shapes."""
    stacks = list(_stacks(zoo, positions))
    flat = torch.empty(len(positions), stacks[0][1].architecture.num_parameters)
    for index, network in stacks:
        flat[index] = network.flatten().float()
    return flat


def network_features(
    network: Network, card: Mapping[str, Any] | None = None, *, device: torch.device | str = "cpu"
) -> Float[Tensor, "networks features"]:
    """Features of networks from anywhere, as `read_features` has them for those of a zoo."""
    if card is None:
        return network.flatten().float().cpu()
    return _rounded(embed_networks(load_checkpoint(card["name"], device), network))


def own_maps() -> Path:
    """Where maps are kept that were fitted here; looked into before those that ship."""
    return work_folder() / "maps"


def map_file(zoo: str, model: str) -> str:
    """Name of the file of a map."""
    return f"{zoo}--{model}.npz"


def _read_kept(zoo: str, model: str, key: str) -> dict[str, Tensor]:
    """What a map fitted here or one that ships holds, if it is of this very zoo and model, whatever their names."""
    for folder in (own_maps(), SHIPPED):
        if stored := _read(folder / map_file(zoo, model), key):
            return stored
    return {}


def _answers(points: ZooPoints, *, device: torch.device | str, progress: Progress | None) -> dict[str, Tensor]:
    """Features and answers of a model: from the cache folder, else computed and kept there."""
    path = _cache_path(points.key)
    stored = _read(path, points.key)
    if "features" not in stored:
        stored = _ask(points, device=device, progress=progress)
        write_arrays(path, _arrays(points.key, stored))
    return stored


def _ask(points: ZooPoints, *, device: torch.device | str, progress: Progress | None) -> dict[str, Tensor]:
    """Run the model over the networks, in batches of one architecture each."""
    checkpoint = load_checkpoint(points.model, device)
    batches: dict[str, list[Tensor]] = collections.defaultdict(list)
    indices, done = [], 0
    for index, network in _stacks(points.zoo, points.positions):
        for batch_index in torch.arange(len(network)).split(BATCH_SIZE):
            for name, values in ask(checkpoint, network[batch_index]).items():
                batches[name].append(_rounded(values))
            done += len(batch_index)
            if progress is not None:
                progress(done, len(points))
        indices.append(torch.from_numpy(index))
    order = torch.cat(indices).argsort()
    return {name: torch.cat(values)[order] for name, values in batches.items()}


def ask(checkpoint: Checkpoint, network: Network) -> dict[str, Tensor]:
    """Embeddings of networks as "features" and, where the model answers with numbers, its answers as "outputs"."""
    values = {"features": embed_networks(checkpoint, network)}
    if checkpoint.card["task"] == "classify":
        values["outputs"] = classify_inrs(checkpoint, network)
    elif checkpoint.card["task"] == "predict":
        values["outputs"] = predict_accuracy(checkpoint, network)[:, None]
    return values


def _stacks(zoo: Zoo, positions: Int[np.ndarray, " rows"]) -> Iterator[tuple[np.ndarray, Network]]:
    """Stacks of one architecture each, with their indices in `positions`."""
    architectures = zoo.metadata["architecture"].to_numpy()[positions]
    for architecture in sorted(set(architectures)):
        index = np.flatnonzero(architectures == architecture)
        yield index, zoo.networks(positions[index])


def _rounded(values: Tensor) -> Tensor:
    """To the precision that maps are stored in, so that stored and computed values are the same."""
    return values.detach().cpu().to(torch.float16).float()


def _thin(rows: Int[np.ndarray, " rows"], count: int) -> Int[np.ndarray, " chosen"]:
    """At most `count` of the rows, evenly spaced."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)] if count else rows[:0]


def _model_name(card: Mapping[str, Any] | None) -> str:
    return RAW_WEIGHTS if card is None else str(card["name"])


def _points_key(zoo: Zoo, card: Mapping[str, Any] | None, positions: Int[np.ndarray, " rows"]) -> str:
    model = RAW_WEIGHTS if card is None else card["weights_sha256"]
    text = f"{FORMAT_VERSION} {zoo.hash} {model} {hashlib.sha256(positions.astype(np.int64).tobytes()).hexdigest()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _cache_path(key: str) -> Path:
    return cache_folder() / "maps" / f"{key}.npz"


def _arrays(key: str, values: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """What is stored: coordinates and their quality in single precision, all else in half."""
    kept = {
        name: tensor.numpy().astype(np.float32 if name in ("coordinates", "quality") else np.float16)
        for name, tensor in values.items()
    }
    return {"key": np.array(key), **kept}


def _read(path: Path, key: str) -> dict[str, Tensor]:
    """What a file holds if it was written under this key; nothing if it is missing, damaged or of other networks."""
    arrays = read_arrays(path)
    if str(arrays.pop("key", "")) != key or any(array.dtype.kind != "f" for array in arrays.values()):
        return {}
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}
