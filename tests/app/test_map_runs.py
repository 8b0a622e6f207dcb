"""Colours by traits of architectures, and runs as paths, on maps of classifiers of several architectures."""

import dataclasses

import numpy as np
import pandas
import pytest
import torch

from app.map import colourings, runs
from ngcore.maps.zoo_maps import ZooPoints
from ngcore.networks import mlp, small_cnn
from ngcore.testing import random_network
from ngcore.zoo import ZooWriter


@pytest.fixture
def zoo(tmp_path):
    """Three runs of three checkpoints: two of MLPs, whose steps are not in order of their ids, and one of CNNs."""
    stacks = []
    for runs_of, architecture in (((0, 1), mlp((4, 6, 3))), ((2,), small_cnn((1, 4), num_classes=3))):
        rows = [
            {
                "id": f"mixed/{run}-{9 - step}",
                "split": "test",
                "accuracy": 0.1 * (run + step),
                "run": run,
                "step": step,
                "is_final": step == 2,
                "weight_decay": (0.0, 1e-5, 1e-2)[run],
                "label_noise": 0.1 * run,
                "init": f"way {run}{step}",
            }
            for run in runs_of
            for step in range(3)
        ]
        stacks.append((random_network(architecture, len(rows), dtype=torch.float32), rows))
    writer = ZooWriter(tmp_path / "mixed", name="mixed", recipe={})
    writer.write_part("all", stacks)
    return writer.finish(["all"])


@pytest.fixture
def seen(zoo):
    """All networks but the last checkpoint of run 1."""
    rows = np.flatnonzero(zoo.metadata["id"] != "mixed/1-7")
    return ZooPoints(zoo=zoo, card=None, key=f"{zoo.hash} without one", positions=rows)


def test_networks_are_coloured_by_traits_of_their_architectures_and_by_every_column(zoo, seen):
    found = colourings.choices(zoo, seen)
    kinds = {title: colouring.kind for title, colouring in found.items()}
    assert {"family", "layout", "width", "parameters", "is final", "label noise"} <= set(kinds)
    assert "depth" not in found  # all have two layers of weights
    assert found["family"].categories == ("cnn", "mlp") and found["is final"].categories == ("yes", "no")


def test_runs_are_joined_in_the_order_of_their_steps(zoo, seen):
    metadata = zoo.metadata.iloc[seen.positions].reset_index(drop=True)
    joined = [metadata.iloc[path][["run", "step"]].to_numpy().tolist() for path in runs.paths(zoo, seen)]
    assert joined == [[[0, 0], [0, 1], [0, 2]], [[1, 0], [1, 1]], [[2, 0], [2, 1], [2, 2]]]
    first = int(metadata.index[(metadata["run"] == 1) & (metadata["step"] == 0)][0])
    assert first in runs.path_of(zoo, seen, first) and runs.path_of(zoo, seen, None) == []


def test_many_categories_become_few_and_others():
    texts = pandas.Series([f"kind {i}" for i in range(20)] + ["kind 0"] * 5)
    colouring = colourings._by_text("kind", texts)
    assert len(colouring.categories) == 10 and colouring.categories[-1] == "other"
    assert colouring.values[0] == "kind 0" and set(colouring.values) == set(colouring.categories)


def test_numbers_that_span_orders_of_magnitude_are_coloured_by_their_logarithm_and_keep_their_units():
    table = pandas.DataFrame({"weight_decay": [0.0, 1e-6, 1e-2], "depth": [2, 3, 4]})
    (decay,) = colourings._column_colourings(table, "weight_decay")
    assert (decay.title, decay.is_log, decay.values) == ("weight decay", True, [0.0, 1e-6, 1e-2])
    (depth,) = colourings._column_colourings(table, "depth")
    assert not depth.is_log


def test_the_outlier_score_is_a_column_once_it_is_known(zoo, seen):
    assert "outlier score" not in colourings.choices(zoo, seen)
    known = dataclasses.replace(seen, outliers=torch.arange(len(seen)) / 4)
    assert colourings.choices(zoo, known)["outlier score"].values[2] == 0.5
    assert colourings.table(zoo, known)["outlier score"].tolist()[:2] == [0.0, 0.25]
