"""Damaged zoos: whatever is wrong with whichever file, opening and reading it is a `ZooError` and nothing else."""

import contextlib
import json
import shutil

import numpy as np
import pandas
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_zoos import write_inrs

from ngcore.errors import NeuralGraphError, ZooError
from ngcore.files import sha256_of_file
from ngcore.zoo import Zoo, describe_zoo, find_problems, survey_zoos
from ngcore.zoo.card import hash_of
from ngcore.zoo.originals import original_images

FILES = ("card.json", "metadata.parquet", "images.npy", "tensors")
CUTS = (0, 1, 9, 0.5, -1)
FIELDS = ("format", "name", "hash", "num_networks", "architectures", "files", "recipe")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A zoo of twelve SIRENs with images, in good order."""
    folder = tmp_path_factory.mktemp("whole") / "tiny"
    write_inrs(folder)
    np.save(folder / "images.npy", np.zeros((12, 28, 28), np.uint8))
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it to be damaged."""
    return shutil.copytree(whole, tmp_path / "zoos" / "tiny")


def find(folder, name):
    return next(folder.glob("*.safetensors")) if name == "tensors" else folder / name


def seal(folder):
    """Write the hashes of the files as they are into the card, as a careless tool would."""
    card = json.loads((folder / "card.json").read_text())
    card["files"] = {name: sha256_of_file(folder / name) for name in card["files"]}
    (folder / "card.json").write_text(json.dumps({**card, "hash": hash_of(card["files"])}))


def read_everything(folder):
    """Open a zoo and read all of it, image by image and network by network."""
    zoo = Zoo.open(folder)
    table = zoo.metadata
    for key in zoo.architectures:
        zoo.load(key)
    zoo.networks([0]), zoo.stacks(range(len(zoo))), zoo.rows(split="test"), zoo.position(table["id"][0])
    original_images(zoo, range(len(zoo)))
    describe_zoo(zoo)


def expect_only_zoo_errors(folder, monkeypatch, *, is_certain=True):
    """Read all of a damaged zoo, list it and verify it; certainly damaged ones must be refused, and named."""
    monkeypatch.setenv("NGCORE_ZOOS", str(folder.parent))
    if is_certain:
        with pytest.raises(ZooError, match=str(folder)) as error:
            read_everything(folder)
        assert "\n" not in str(error.value) and len(str(error.value)) < 1_000
    else:
        with contextlib.suppress(ZooError):
            read_everything(folder)
    listing = survey_zoos()
    assert ("tiny" in listing.zoos) != ("tiny" in listing.damaged)
    assert "mnist-inrs" in listing.zoos
    with contextlib.suppress(ZooError):
        find_problems(Zoo.open(folder))


def test_a_whole_zoo_is_read(folder):
    read_everything(folder)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", FILES)
def test_files_cut_short(folder, monkeypatch, name, cut):
    path = find(folder, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data)) if isinstance(cut, float) else cut])
    expect_only_zoo_errors(folder, monkeypatch, is_certain=(name, cut) != ("card.json", -1))  # the line's end


@pytest.mark.parametrize("place", [0, 8, 0.3, 0.7, -1])
@pytest.mark.parametrize("name", FILES)
def test_flipped_bits(folder, monkeypatch, name, place):
    path = find(folder, name)
    data = bytearray(path.read_bytes())
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 4
    path.write_bytes(data)
    has_hash = name in ("metadata.parquet", "tensors")
    expect_only_zoo_errors(folder, monkeypatch, is_certain=has_hash or (place == 0))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("data", [bytes(1000), b"PK\x03\x04" * 100, b"\x93NUMPY\x01\x00\xff\xff{", b"[" * 100_000])
def test_files_of_other_kinds_behind_right_hashes(folder, monkeypatch, name, data):
    find(folder, name).write_bytes(data)
    if name != "card.json":
        seal(folder)
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize("name", FILES)
def test_folders_in_place_of_files_and_files_that_are_gone(folder, monkeypatch, name):
    path = find(folder, name)
    path.unlink()
    if name not in ("card.json", "images.npy"):
        expect_only_zoo_errors(folder, monkeypatch)
    path.mkdir()
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize("value", [None, 0, -1, True, 1.5, float("nan"), "text", [], {}, [1], {"x": 1}, [[[]]]])
@pytest.mark.parametrize(
    "field", ["format", "name", "hash", "num_networks", "architectures", "files", "recipe", "kind"]
)
def test_fields_of_a_card_of_other_types(folder, monkeypatch, field, value):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, field: value}))
    is_allowed = (field in ("name", "kind") and value == "text") or (field == "recipe" and isinstance(value, dict))
    expect_only_zoo_errors(folder, monkeypatch, is_certain=not is_allowed)


@pytest.mark.parametrize("value", [1, "text", [1, 2], {"0": "zero"}, [None]])
def test_class_names_of_other_types(folder, monkeypatch, value):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "class_names": value}))
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize("field", FIELDS)
def test_fields_that_a_card_lacks(folder, monkeypatch, field):
    card = json.loads((folder / "card.json").read_text())
    del card[field]
    (folder / "card.json").write_text(json.dumps(card))
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize("text", ["null", "3", "[]", '"card"', "{}", "{" * 5, '{"format": 1' + "0" * 5000 + "}"])
def test_cards_that_are_other_json(folder, monkeypatch, text):
    (folder / "card.json").write_text(text)
    expect_only_zoo_errors(folder, monkeypatch)


def test_an_architecture_that_was_changed_in_the_card(folder, monkeypatch):
    card = json.loads((folder / "card.json").read_text())
    next(iter(card["architectures"].values()))["layers"][0]["out_features"] += 1
    (folder / "card.json").write_text(json.dumps(card))
    expect_only_zoo_errors(folder, monkeypatch)


def test_files_outside_the_folder_are_not_looked_at(folder, monkeypatch):
    text = (folder / "card.json").read_text()
    key = find(folder, "tensors").stem
    (folder / "card.json").write_text(text.replace(key, "../../elsewhere"))
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table[:0],
        lambda table: table[:-1],
        lambda table: pandas.concat([table, table]),
        lambda table: table.drop(columns=["id"]),
        lambda table: table.drop(columns=["row"]),
        lambda table: table.drop(columns=["flagged"]),
        lambda table: table.assign(id=range(12)),
        lambda table: table.assign(split="all"),
        lambda table: table.assign(split=None),
        lambda table: table.assign(architecture="f" * 12),
        lambda table: table.assign(row=table["row"] + 1),
        lambda table: table.assign(row=-1),
        lambda table: table.assign(row="0"),
        lambda table: table.assign(row=0.5),
        lambda table: table.assign(label="seven"),
        lambda table: table.assign(psnr=None),
        lambda table: table.assign(flagged="no"),
    ],
)
def test_metadata_that_contradicts_the_card_behind_right_hashes(folder, monkeypatch, change):
    path = folder / "metadata.parquet"
    change(pandas.read_parquet(path)).to_parquet(path)
    seal(folder)
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors: {},
        lambda tensors: {name: tensors[name] for name in list(tensors)[1:]},
        lambda tensors: {f"x.{name}": tensor for name, tensor in tensors.items()},
        lambda tensors: {name: tensor[1:].contiguous() for name, tensor in tensors.items()},
        lambda tensors: {name: torch.cat([tensor, tensor]) for name, tensor in tensors.items()},
        lambda tensors: {name: tensor.flatten() for name, tensor in tensors.items()},
        lambda tensors: {name: torch.zeros(()) for name in tensors},
        lambda tensors: {name: tensor.long() for name, tensor in tensors.items()},
        lambda tensors: {name: tensor > 0 for name, tensor in tensors.items()},
    ],
)
def test_tensors_of_other_names_shapes_and_types_behind_right_hashes(folder, monkeypatch, change):
    path = find(folder, "tensors")
    save_file(change(load_file(path)), path)
    seal(folder)
    expect_only_zoo_errors(folder, monkeypatch)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((11, 28, 28), np.uint8),
        np.zeros((12, 28, 28), np.float32),
        np.zeros((12, 28, 28, 4), np.uint8),
        np.zeros((12, 784), np.uint8),
        np.zeros((12, 0, 28), np.uint8),
        np.zeros((), np.uint8),
        np.array([{"a": 1}] * 12, dtype=object),
    ],
)
def test_images_of_other_shapes_and_types(folder, monkeypatch, images):
    np.save(folder / "images.npy", images, allow_pickle=True)
    expect_only_zoo_errors(folder, monkeypatch)


def test_positions_that_a_zoo_does_not_have_are_refused(folder):
    zoo = Zoo.open(folder)
    for position in (12, -13, 2**62):
        with pytest.raises(NeuralGraphError, match=f"Expected positions below 12 in tiny, got {position}"):
            zoo.networks([position])
