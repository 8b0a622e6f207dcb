"""Several zoos as one: every network is found again, runs stay apart, and what does not belong together is refused."""

import numpy as np
import pytest
import torch
from accuracy_zoos import write_runs

from ngcore.errors import ZooError
from ngcore.networks import Network, mlp
from ngcore.zoo import Zoo, ZooWriter, find_problems, write_union


def write_few(folder, kind="mlp", **columns):
    """A zoo of two perceptrons with some columns."""
    architecture = mlp((3, 4, 2))
    flat = torch.randn(2, architecture.num_parameters, generator=torch.Generator().manual_seed(1))
    rows = [{"id": f"{folder.name}/{i}", "split": "train", "accuracy": 0.5, **columns} for i in range(2)]
    writer = ZooWriter(folder, name=folder.name, recipe={})
    writer.write_part("all", [(Network.unflatten(architecture, flat), rows)])
    return writer.finish(["all"], {"kind": kind})


def test_every_network_is_there_with_its_row_and_runs_stay_apart(tmp_path):
    first, second = write_runs(tmp_path / "first", groups=5), write_runs(tmp_path / "second", groups=5, seed=1)
    third = write_few(tmp_path / "third", heads=2)
    union = write_union([first, second, third], tmp_path / "union", name="union")
    assert len(union) == len(first) + len(second) + 2 and not find_problems(union)
    for zoo in (first, second, third):
        for position in (0, len(zoo) - 1):
            own = zoo.metadata.iloc[position]
            row = union.metadata.iloc[union.position(own["id"])]
            assert (row["split"], row["accuracy"], row["zoo"]) == (own["split"], own["accuracy"], zoo.name)
            found = union.networks([union.position(own["id"])]).flatten()
            assert torch.equal(found, zoo.networks([position]).flatten())
    runs, groups = (union.metadata.groupby("zoo")[key].agg(set) for key in ("run", "group"))
    assert not runs["first"] & runs["second"] and not groups["first"] & groups["second"]
    assert runs["third"] == {-1}
    last = union.metadata[union.metadata["zoo"] == "third"]
    assert set(last["family"]) == {"–"} and np.isnan(last["learning_rate"]).all() and set(last["heads"]) == {2}
    assert union.metadata["heads"].isna().sum() == len(first) + len(second)
    assert [source["hash"] for source in union.card["zoos"]] == [first.hash, second.hash, third.hash]
    assert len(union.rows(split="test")) == len(first.rows(split="test")) + len(second.rows(split="test"))


def test_what_does_not_belong_together_is_refused(tmp_path):
    first, second = write_few(tmp_path / "first", heads=2), write_few(tmp_path / "second", heads="two")
    for zoos, message in (
        ([first], "at least two zoos to merge, got 1"),
        ([first, first], "'first/0' twice"),
        ([first, write_few(tmp_path / "inrs", "inr")], "INRs alone or of classifiers alone, got the kinds inr, mlp"),
        ([first, second], "'heads' of one type in all zoos, got numbers and text"),
    ):
        with pytest.raises(ZooError, match=message):
            write_union(zoos, tmp_path / "union", name="union")
    with pytest.raises(ZooError, match="Expected a folder without a zoo"):
        write_union([first, write_few(tmp_path / "third")], first.folder, name="union")
    assert len(Zoo.open(first.folder)) == 2
