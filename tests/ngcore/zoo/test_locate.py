"""Zoos by name: where they are looked for, and in which order."""

import shutil

import pytest

import ngcore.zoo.locate
from ngcore.errors import UnknownNameError, ZooError
from ngcore.zoo import default_zoo_folder, find_zoo, list_zoos, survey_zoos


@pytest.fixture
def roots(tmp_path, monkeypatch, tiny_zoo):
    """A named, a built and a shipped folder of zoos, each with the tiny zoo; the last also has one of its own."""
    monkeypatch.setenv("NGCORE_ZOOS", str(tmp_path / "named"))
    monkeypatch.setenv("NGCORE_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(ngcore.zoo.locate, "ASSETS", tmp_path / "assets")
    roots = [tmp_path / "named", tmp_path / "work" / "zoos", tmp_path / "assets" / "zoos"]
    for root in roots:
        shutil.copytree(tiny_zoo.folder, root / "tiny")
    shutil.copytree(tiny_zoo.folder, roots[2] / "other")
    return roots


def test_the_nearest_zoo_of_a_name_is_found(roots):
    for root in roots:
        assert find_zoo("tiny") == root / "tiny"
        (root / "tiny" / "card.json").unlink()
    assert list_zoos() == {"other": roots[2] / "other"}


def test_a_folder_is_taken_as_it_is(roots):
    assert find_zoo(roots[2] / "tiny") == roots[2] / "tiny"
    assert find_zoo(str(roots[2] / "tiny")) == roots[2] / "tiny"


def test_an_unknown_zoo_is_answered_with_the_choices(roots):
    with pytest.raises(UnknownNameError, match=r"Unknown zoo 'mnist'; choose from: other, tiny\."):
        find_zoo("mnist")


@pytest.mark.parametrize("name", ["", ".", "..", "zoos/tiny", "../zoos/tiny", "a\0b", "n" * 5000])
def test_what_is_no_name_of_a_folder_is_an_unknown_zoo(roots, name):
    (roots[1] / "card.json").write_text("{}")
    (roots[1].parent / "card.json").write_text("{}")
    with pytest.raises(UnknownNameError):
        find_zoo(name)


def test_new_zoos_go_to_the_first_folder(roots, monkeypatch):
    assert default_zoo_folder("new") == roots[0] / "new"
    monkeypatch.delenv("NGCORE_ZOOS")
    assert default_zoo_folder("new") == roots[1] / "new"


def test_a_damaged_zoo_is_listed_with_its_reason_and_the_others_go_on(roots):
    (roots[0] / "tiny" / "metadata.parquet").write_bytes(b"PAR1")
    listing = survey_zoos()
    assert listing.zoos == list_zoos() == {"other": roots[2] / "other"}
    assert listing.damaged.keys() == {"tiny"} and str(roots[0] / "tiny") in listing.damaged["tiny"]
    with pytest.raises(ZooError, match="named/tiny"):
        find_zoo("tiny")


def test_an_unfinished_zoo_hides_none_and_says_how_to_finish_it(roots):
    for name in ("tiny", "new"):
        (roots[0] / name / ".parts").mkdir(parents=True)
    (roots[0] / "tiny" / "card.json").unlink()
    listing = survey_zoos()
    assert listing.zoos["tiny"] == find_zoo("tiny") == roots[1] / "tiny"
    assert listing.unfinished.keys() == {"tiny", "new"} and not listing.damaged
    with pytest.raises(ZooError, match=r"The build in .*named/new was not finished; run ngcore zoo build new again"):
        find_zoo("new")
