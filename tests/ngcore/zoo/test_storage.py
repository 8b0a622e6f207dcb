"""Zoos on disk: round trips, resumed and reused parts, and what they refuse."""

import json
import os

import numpy as np
import pytest
import torch

import ngcore.files
import ngcore.zoo.storage
import ngcore.zoo.writer
from ngcore.errors import UnknownNameError, ZooError
from ngcore.files import sha256_of_file
from ngcore.zoo import Zoo, ZooWriter
from ngcore.zoo.verification import find_problems


def file_bytes(folder):
    """Every file of a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_networks_and_metadata_survive_the_disk_bit_for_bit(tiny_zoo, two_stacks):
    zoo = Zoo.open(tiny_zoo.folder)
    for network, rows in two_stacks:
        read, table = zoo.load(network.architecture.id)
        assert read.equals(network)
        assert table["id"].tolist() == [row["id"] for row in rows]
        assert table["rate"].tolist() == [row["rate"] for row in rows]
    assert repr(zoo) == "Zoo(tiny: 14 networks, 2 architecture(s))"
    assert find_problems(zoo) == []


def test_metadata_has_the_same_columns_in_every_zoo(tiny_zoo):
    table = tiny_zoo.metadata
    leading = ["id", "split", "architecture", "row", "label", "accuracy", "psnr", "run", "step", "flagged"]
    assert table.columns.tolist() == [*leading, "rate"]
    assert [table[name].dtype.kind for name in leading[3:]] == list("iiffiib")
    assert table["accuracy"].isna().all()
    assert (table["run"] == -1).all()


@pytest.mark.parametrize("rows", [[0], [9, 0, 9], range(10), range(2, 7), np.array([8, 1, 5]), torch.tensor([3])])
def test_rows_are_read_in_the_order_asked_for(tiny_zoo, two_stacks, rows):
    assert tiny_zoo.networks(rows).equals(two_stacks[0][0][[int(row) for row in rows]])


def test_many_scattered_rows_are_read_like_few(tiny_zoo, two_stacks, monkeypatch):
    monkeypatch.setattr(ngcore.zoo.storage, "MAX_RUNS_OF_ROWS", 1)
    assert tiny_zoo.networks([8, 1, 5, 1]).equals(two_stacks[0][0][[8, 1, 5, 1]])


def test_rows_can_be_chosen_by_split_and_architecture(tiny_zoo, two_stacks):
    perceptrons = two_stacks[1][0].architecture.id
    assert tiny_zoo.rows(split="train").tolist() == [10, 11, 12, 13]
    assert tiny_zoo.rows(split="test", architecture=perceptrons).tolist() == []
    assert tiny_zoo.position("tiny/003") == 3


def test_the_order_and_the_sizes_of_parts_leave_no_trace(tmp_path, tiny_zoo, two_stacks):
    (sirens, siren_rows), perceptrons = two_stacks
    writer = ZooWriter(tmp_path / "other", name="tiny", recipe={"seed": 0})
    writer.write_part("b", [(sirens[6:], siren_rows[6:]), perceptrons])
    writer.write_part("a", [(sirens[:6], siren_rows[:6])])
    writer.finish(["b", "a"], {"class_names": tuple("abcdefghij")})
    assert file_bytes(tmp_path / "other") == file_bytes(tiny_zoo.folder)


def test_a_finish_that_is_stopped_can_be_repeated(tmp_path, tiny_zoo, two_stacks, monkeypatch):
    def writer():
        return ZooWriter(tmp_path / "other", name="tiny", recipe={"seed": 0})

    def stop(path, write, **options):
        write_really(path, write, **options)
        if path.name == "metadata.parquet":
            raise KeyboardInterrupt

    write_really = ngcore.zoo.writer.write_atomically
    writer().write_part("all", two_stacks)
    with monkeypatch.context() as patch:
        patch.setattr(ngcore.zoo.writer, "write_atomically", stop)
        with pytest.raises(KeyboardInterrupt):
            writer().finish(["all"])
    with pytest.raises(ZooError, match="got an unfinished one; run its build again"):
        Zoo.open(tmp_path / "other")
    writer().finish(["all"], {"class_names": tuple("abcdefghij")})
    assert file_bytes(tmp_path / "other") == file_bytes(tiny_zoo.folder)


def test_networks_of_a_finished_zoo_are_reused(tiny_zoo):
    before = file_bytes(tiny_zoo.folder)
    writer = ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 0})
    assert not writer.reuse("x", ["tiny/000", "tiny/999"])
    assert writer.reuse("all", [f"tiny/{i:03d}" for i in range(14)])
    writer.finish(["all"], {"class_names": tuple("abcdefghij")})
    assert file_bytes(tiny_zoo.folder) == before


def test_another_recipe_is_refused(tiny_zoo, tmp_path):
    with pytest.raises(ZooError, match=r"Expected the recipe of the build that .*card\.json belongs to, got another"):
        ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 1})
    ZooWriter(tmp_path / "started", name="tiny", recipe={"seed": 0})
    with pytest.raises(ZooError, match=r"delete .*started to start again"):
        ZooWriter(tmp_path / "started", name="tiny", recipe={"seed": 1})


def test_networks_of_two_architectures_are_not_read_as_one_stack(tiny_zoo):
    with pytest.raises(ZooError, match=r"Expected networks of one architecture, got 2; read them one by one\."):
        tiny_zoo.networks([0, 13])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "extra"}, r"Expected a row with an 'id' and a 'split' of train, validation, test"),
        ({"id": "tiny/001"}, r"Expected an id of its own for every network, got 'tiny/001' twice\."),
        ({"extra": 1}, r"Expected the column 'extra' for every network, got none for 'tiny/001'\."),
        ({"label": "seven"}, r"Expected numbers in the column 'label', got text for 'tiny/000'\."),
        ({"rate": None}, r"Expected truth values, numbers or text in the column 'rate', got None for 'tiny/000'\."),
    ],
)
def test_metadata_that_fits_no_table_is_refused(tmp_path, two_stacks, change, message):
    network, rows = two_stacks[0]
    writer = ZooWriter(tmp_path / "bad", name="tiny", recipe={})

    def write():
        writer.write_part("all", [(network, [{**rows[0], **change}, *rows[1:]])])
        writer.finish(["all"])

    with pytest.raises(ZooError, match=message):
        write()


def test_parts_that_do_not_fit_are_refused(tmp_path, two_stacks):
    network, rows = two_stacks[0]
    writer = ZooWriter(tmp_path / "bad", name="tiny", recipe={})
    with pytest.raises(ZooError, match="Expected a row for each of 10 networks, got 9"):
        writer.write_part("all", [(network, rows[1:])])
    with pytest.raises(ZooError, match="Expected a part key of letters"):
        writer.has_part("../elsewhere")
    with pytest.raises(ZooError, match="Expected all 1 parts of tiny, got none for all"):
        writer.finish(["all"])


def test_unknown_names_are_answered_with_the_choices(tiny_zoo):
    with pytest.raises(UnknownNameError, match="Unknown split 'tests'; choose from: test, train, validation"):
        tiny_zoo.rows(split="tests")
    with pytest.raises(ZooError, match=r"Expected an id of tiny \(tiny/000 … tiny/013\), got 'tiny/99'"):
        tiny_zoo.position("tiny/99")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expected a whole file at .*, got a damaged one"),
        ("[]", "Expected a JSON object in .*, got list"),
        (json.dumps({"format": 9, "name": "tiny"}), "Expected a zoo card of format 1 in .*, got 9"),
    ],
)
def test_a_card_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ZooError, match=message):
        Zoo.open(tmp_path)


def test_a_damaged_part_is_said_and_made_again(tmp_path, two_stacks, caplog):
    writer = ZooWriter(tmp_path / "cut", name="tiny", recipe={})
    writer.write_part("all", two_stacks)
    path = writer.part_path("all")
    path.write_bytes(path.read_bytes()[:-8])
    assert not ZooWriter(tmp_path / "cut", name="tiny", recipe={}).has_part("all")
    assert "this part is made again" in caplog.text and str(path) in caplog.text
    assert not path.exists()


def test_a_build_whose_recipe_was_damaged_begins_again(tmp_path, two_stacks, caplog):
    ZooWriter(tmp_path / "cut", name="tiny", recipe={}).write_part("all", two_stacks)
    (tmp_path / "cut" / ".parts" / "recipe.json").write_text("{")
    writer = ZooWriter(tmp_path / "cut", name="tiny", recipe={})
    assert not writer.has_part("all") and "the build begins again" in caplog.text


def test_networks_of_a_damaged_zoo_are_made_again(tiny_zoo, caplog):
    path = tiny_zoo.tensor_path(min(tiny_zoo.architectures))
    path.write_bytes(path.read_bytes()[:-8])
    writer = ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 0})
    assert not writer.reuse("all", [f"tiny/{i:03d}" for i in range(14)])
    assert "Its networks are made again" in caplog.text


def test_files_of_a_zoo_have_the_mode_of_the_umask(tiny_zoo):
    before = os.umask(0o022)
    try:
        ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 0}).reuse("all", [f"tiny/{i:03d}" for i in range(14)])
        zoo = ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 0}).finish(["all"])
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in zoo.folder.iterdir()} == {0o644}


def test_a_hash_is_computed_once_while_a_file_stays_as_it_is(tiny_zoo, monkeypatch):
    computed = []
    monkeypatch.setattr(ngcore.files, "sha256_of_file", lambda path: computed.append(path.name) or sha256_of_file(path))
    for _ in range(2):
        zoo = Zoo.open(tiny_zoo.folder)
        zoo.networks([0]), zoo.networks([1])
    assert len(computed) == len(set(computed)) <= 2


def test_a_smaller_build_does_not_take_the_place_of_a_larger_zoo(tiny_zoo, two_stacks):
    before = file_bytes(tiny_zoo.folder)
    writer = ZooWriter(tiny_zoo.folder, name="tiny", recipe={"seed": 0})
    writer.write_part("few", two_stacks[:1])
    with pytest.raises(ZooError, match=r"Expected a build of at least the 14 networks that are in .*, got one of 10"):
        writer.finish(["few"])
    assert {name: data for name, data in file_bytes(tiny_zoo.folder).items() if ".parts" not in name} == before
