"""A folder of weight files as a zoo: ids, splits, classes, tables, stacks, refusals, and imports that were stopped."""

import numpy as np
import pandas
import pytest
import torch
from safetensors.numpy import save_file

from ngcore.errors import ZooError
from ngcore.inr.siren import initial_siren
from ngcore.networks import siren
from ngcore.upload import export_network, export_stack
from ngcore.workers import Workers
from ngcore.zoo import import_folder, importing


def network(seed, width=8):
    return initial_siren(siren((2, width, width, 1)), 0, 1, seed=seed)


@pytest.fixture
def source(tmp_path):
    """Two classes in each of two splits, one network of another width, and files that are no networks."""
    folder = tmp_path / "source"
    for seed, place in enumerate(("train/cat/a", "train/dog/a", "test/cat/b", "val/dog/c d")):
        path = folder / f"{place}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export_network(network(seed)))
    (folder / "test" / "dog").mkdir()
    (folder / "test" / "dog" / "wide.safetensors").write_bytes(export_network(network(9, width=12)))
    (folder / "test" / "dog" / "broken.npz").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("not read")
    (folder / ".hidden.npz").write_bytes(b"not read")
    return folder


def test_folders_name_splits_and_classes_and_every_network_keeps_its_weights(source, tmp_path):
    seen = []
    report = import_folder(source, tmp_path / "zoo", name="mine", progress=lambda *done: seen.append(done))
    zoo, table = report.zoo, report.zoo.metadata.set_index("id")
    assert list(table.index) == [
        "mine/test/cat/b", "mine/test/dog/wide", "mine/train/cat/a", "mine/train/dog/a", "mine/val/dog/c-d",
    ]  # fmt: skip
    assert table["split"].tolist() == ["test", "test", "train", "train", "validation"]
    assert (zoo.card["class_names"], table["label"].tolist()) == (["cat", "dog"], [0, 1, 0, 1, 1])
    assert zoo.card["kind"] == "inr" and len(zoo.architectures) == 2
    weights = zoo.networks([zoo.position("mine/train/dog/a")]).flatten()
    assert torch.equal(weights, network(1).flatten())
    assert list(report.refused) == ["test/dog/broken.npz"] and report.num_files == 6
    assert seen[0] == (0, 6) and seen[-1] == (6, 6)


def test_a_table_says_more_than_folders_and_its_gaps_are_filled(source, tmp_path):
    table = pandas.DataFrame(
        {
            "file": ["train/cat/a.safetensors", "test/cat/b.safetensors"],
            "label": [7, 3],
            "accuracy": [0.5, np.nan],
            "author": ["me", None],
            "split": ["val", None],
        }
    )
    zoo = import_folder(source, tmp_path / "zoo", name="mine", table=table).zoo
    row = zoo.metadata.set_index("id").loc["mine/train/cat/a"]
    assert (row["split"], row["accuracy"], row["author"]) == ("validation", 0.5, "me")
    assert zoo.card["class_names"] == ["3", "7"] and row["label"] == 1
    other = zoo.metadata.set_index("id").loc["mine/test/dog/wide"]
    assert (other["label"], other["author"], np.isnan(other["accuracy"])) == (-1, "", True)


def test_a_stack_in_a_file_becomes_its_networks(tmp_path):
    (tmp_path / "source").mkdir()
    stack = initial_siren(siren((2, 8, 8, 1)), 0, 3, seed=0)
    (tmp_path / "source" / "many.safetensors").write_bytes(export_stack(stack, ["one", "two/2", "one"]))
    zoo = import_folder(tmp_path / "source", tmp_path / "zoo", name="mine").zoo
    assert zoo.metadata["id"].tolist() == ["mine/many/0-one", "mine/many/1-two/2", "mine/many/2-one"]
    assert torch.equal(zoo.networks([1]).flatten(), stack[1].flatten())


def test_files_of_one_name_keep_apart(tmp_path):
    (tmp_path / "source").mkdir()
    data = export_network(network(0))
    for name in ("a b.safetensors", "a-b.safetensors"):
        (tmp_path / "source" / name).write_bytes(data)
    ids = import_folder(tmp_path / "source", tmp_path / "zoo", name="mine").zoo.metadata["id"]
    assert ids.is_unique and "mine/a-b" in set(ids)


def test_a_stopped_import_goes_on_and_ends_with_the_same_zoo(source, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "FILES_PER_PART", 2)
    whole = import_folder(source, tmp_path / "whole", name="mine").zoo
    read = importing.read_files
    calls = []

    def stop_at_the_second(shared, items):
        calls.append(items)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(shared, items)

    monkeypatch.setattr(importing, "read_files", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        import_folder(source, tmp_path / "stopped", name="mine")
    again = import_folder(source, tmp_path / "stopped", name="mine").zoo
    assert again.hash == whole.hash and len(calls) == 4  # the first of three parts was kept


@pytest.mark.parametrize("processes", [1, 2])
def test_hints_hold_for_files_that_do_not_say_their_activation(tmp_path, processes):
    (tmp_path / "source").mkdir()
    from ngcore.upload import Hints

    weights = {"0.weight": np.ones((4, 2), np.float32), "0.bias": np.ones(4, np.float32)}
    weights |= {"2.weight": np.ones((1, 4), np.float32), "2.bias": np.ones(1, np.float32)}
    save_file(weights, tmp_path / "source" / "plain.safetensors")
    hints = Hints(activation="sine", omega_0=30.0, convention="dws")
    report = import_folder(
        tmp_path / "source", tmp_path / "zoo", name="mine", hints=hints, workers=Workers(processes=processes)
    )
    (architecture,) = report.zoo.architectures.values()
    assert "sine" in {getattr(layer, "function", "") for layer in architecture.layers}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda source: {"source": source / "none"}, "Expected a folder with files of weights"),
        (lambda source: {"name": "../mine"}, "Expected a name of letters"),
        (lambda source: {"source": source / "empty"}, "Expected files of weights"),
        (lambda source: {"source": source / "bad"}, "Expected networks in"),
        (lambda source: {"table": pandas.DataFrame({"path": ["x"]})}, "Expected a table with a column 'file'"),
        (lambda source: {"table": pandas.DataFrame({"file": ["x"]})}, "Expected paths of files in the folder"),
        (
            lambda source: {"table": pandas.DataFrame({"file": ["train/cat/a.safetensors"], "split": ["best"]})},
            "Expected the splits train, validation, test in the table, got 'best'",
        ),
    ],
)
def test_what_cannot_be_imported_is_refused_with_the_reason(source, tmp_path, change, message):
    (source / "empty").mkdir()
    (source / "bad").mkdir()
    (source / "bad" / "x.npz").write_bytes(b"nothing")
    arguments = {"source": source, "name": "mine"} | change(source)
    with pytest.raises(ZooError, match=message):
        import_folder(arguments.pop("source"), tmp_path / "zoo", **arguments)
