"""Commands write into the work folder, replace nothing unasked, and say which of two things of a name they use."""

import json
import shutil

import pytest


@pytest.fixture
def assets(shelf, tmp_path, monkeypatch):
    """What ships: a copy of the shelf's checkpoints, found after those of the work folder."""
    from ngcore.paths import work_folder
    from ngcore.tasks import checkpoints

    folder = shutil.copytree(shelf / "checkpoints", tmp_path / "assets" / "checkpoints")
    monkeypatch.setattr(checkpoints, "checkpoint_roots", lambda: [work_folder() / "checkpoints", folder])
    return folder


@pytest.fixture
def recipe(monkeypatch):
    """A recipe of two steps under the name of a checkpoint that ships."""
    from ngcore.tasks import RECIPES, Recipe
    from ngcore.training import TrainConfig

    config = TrainConfig(steps=2, batch_size=2, warmup_steps=0, validate_every=1)
    monkeypatch.setitem(RECIPES, "tiny-classify", Recipe.of("classify", "tiny-inrs", "flat-mlp", config, d_hidden=4))


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_training_leaves_what_ships_and_is_found_before_it(run, assets, recipe, tmp_path):
    before, own = bytes_of(assets), tmp_path / "work" / "checkpoints" / "tiny-classify"
    assert run("train", "tiny-classify", "--device", "cpu").code == 0
    assert bytes_of(assets) == before
    assert run("models", "--json").json["folders"]["tiny-classify"] == str(own)
    again = run("train", "tiny-classify", "--device", "cpu")
    assert again.code and f"Expected nothing at {own / 'card.json'}" in again.stderr and "--replace" in again.stderr
    assert run("train", "tiny-classify", "--device", "cpu", "--replace").code == 0


def test_a_training_on_another_zoo_does_not_take_the_name_of_the_recipe(run, assets, recipe, shelf, tmp_path):
    from tiny_zoos import write_inrs

    write_inrs(tmp_path / "mine")
    assert run("train", "tiny-classify", "--zoo", tmp_path / "mine", "--device", "cpu").code == 0
    assert [path.name for path in (tmp_path / "work" / "checkpoints").iterdir()] == ["tiny-classify-on-mine"]


def test_an_evaluation_on_another_zoo_of_the_same_name_says_so(run, assets, tmp_path):
    from ngcore.zoo import Zoo, ZooWriter, find_zoo

    source = Zoo.open(find_zoo("tiny-inrs"))
    writer = ZooWriter(tmp_path / "other", name="tiny-inrs", recipe={"kind": "mine"})
    writer.write_part("all", source.stacks(range(4, 12)))
    writer.finish(["all"], {"kind": "inr", "class_names": source.card["class_names"]})
    (same,) = run("evaluate", "tiny-classify", "--device", "cpu", "--json").json
    assert same["is_same_corpus"] and "is not the" not in same["note"]
    (other,) = run("evaluate", "tiny-classify", "--zoo", tmp_path / "other", "--device", "cpu", "--json").json
    assert not other["is_same_corpus"] and "is not the tiny-inrs" in other["note"]


def test_maps_go_to_the_work_folder_and_replace_none(run, monkeypatch, tmp_path):
    from ngcore.maps import zoo_maps

    written = []

    def write(zoo, card, *, folder, device, progress, keep_coordinates):
        path = folder / zoo_maps.map_file(zoo.name, "weights")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"map")
        written.append(path)
        return path

    monkeypatch.setattr(zoo_maps, "write_map", write)
    command = ("map", "tiny-inrs", "--model", "weights", "--device", "cpu")
    assert run(*command).code == 0
    assert written == [tmp_path / "work" / "maps" / "tiny-inrs--weights.npz"]
    refused = run(*command)
    assert refused.code and "--replace" in refused.stderr and len(written) == 1
    assert run(*command, "--replace").code == 0


def test_seeds_are_joined_beside_what_ships(run, assets, tmp_path):
    before = bytes_of(assets)
    repeat = shutil.copytree(assets / "tiny-classify", tmp_path / "work" / "checkpoints" / "tiny-classify-seed2")
    card = json.loads((repeat / "card.json").read_text())
    (repeat / "card.json").write_text(json.dumps({**card, "seeds": [2]}))
    joined = run("seeds", "tiny-classify", "--json").json
    assert [entry["seed"] for entry in joined["repeats"]] == [2]
    assert bytes_of(assets) == before
    assert json.loads((tmp_path / "work" / "checkpoints" / "tiny-classify" / "card.json").read_text()) == joined


def test_a_study_of_another_zoo_is_not_replaced_unasked(run, tmp_path):
    path = tmp_path / "work" / "studies" / "number-of-probes.json"
    path.parent.mkdir(parents=True)
    row = {"key": "a", "setting": {"x": 1}, "training_networks": 1, "networks_per_second": 1.0}
    row |= {"validation": {"accuracy": 0.5}, "test": {"accuracy": 0.5}}
    content = {"name": "number-of-probes", "question": "?", "zoo": "mnist-inrs", "zoo_sha256": "0", "rows": [row]}
    path.write_text(json.dumps(content))
    refused = run("study", "number-of-probes", "--zoo", "tiny-inrs")
    assert refused.code and str(path) in refused.stderr
    assert json.loads(path.read_text()) == content


def test_damaged_things_are_named_and_all_others_listed(run, assets, tmp_path, monkeypatch):
    from tiny_zoos import write_tiny_zoos

    (assets / "tiny-edit" / "card.json").write_text("{")
    models = run("models", "--json").json
    assert "tiny-edit" in models["damaged"] and "tiny-classify" in models["folders"]
    assert "tiny-edit" in run("models").stdout
    zoos = write_tiny_zoos(tmp_path / "zoos")
    (zoos / "tiny-inrs" / "card.json").write_text("{")
    monkeypatch.setenv("NGCORE_ZOOS", str(zoos))
    listed = run("zoo", "list", "--json")
    assert "tiny-cnns" in [zoo["name"] for zoo in listed.json]
    assert str(zoos / "tiny-inrs" / "card.json") in listed.stderr
