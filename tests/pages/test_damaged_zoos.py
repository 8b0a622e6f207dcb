"""A zoo that cannot be read is named with its reason, and every page continues with the others."""

import shutil

import pytest

DAMAGES = {
    "a card that is no card": ("card.json", b"{"),
    "a card of nothing": ("card.json", b"[]"),
    "metadata cut off": ("metadata.parquet", b"PAR1"),
    "tensors cut off": ("*.safetensors", b"\x08"),
}
PAGES_WITH_ZOOS = ("home", "network", "compare", "predict", "edit", "blend", "lab", "map")


@pytest.fixture
def damaged_zoo(tiny_zoos, tmp_path, monkeypatch):
    """A function that adds the zoo "broken" to the tiny ones, with one of the damages."""

    def damage(kind):
        shutil.copytree(tiny_zoos, tmp_path / "zoos")
        shutil.copytree(tiny_zoos / "tiny-inrs", tmp_path / "zoos" / "broken")
        pattern, content = DAMAGES[kind]
        (path,) = (tmp_path / "zoos" / "broken").glob(pattern)
        path.write_bytes(content)
        monkeypatch.setenv("NGCORE_ZOOS", str(tmp_path / "zoos"))

    return damage


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_zoo_is_listed_with_its_reason_where_zoos_are_chosen(open_page, damaged_zoo, kind):
    app = open_page("network", net="tiny-inrs/000001")
    damaged_zoo(kind)
    app.run()
    assert not app.exception and not app.error
    assert any("**broken**" in warning.value for warning in app.warning)
    assert "broken" not in app.selectbox(key="picker.zoo").options


@pytest.mark.parametrize("name", [*PAGES_WITH_ZOOS, "draw", "leaderboard"])
def test_a_damaged_zoo_takes_no_page_down(open_page, damaged_zoo, pages_folder, name):
    app = open_page("home", net="tiny-inrs/000001")
    damaged_zoo("metadata cut off")
    app.run() if name == "home" else app.switch_page(str(pages_folder / f"{name}.py")).run()
    assert not app.exception and not app.error
    assert any("**broken**" in warning.value for warning in app.warning) == (name in PAGES_WITH_ZOOS)
