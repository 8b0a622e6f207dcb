"""Building zoos of SIRENs: the same bytes however they are built, and what the networks are."""

import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ngcore.zoo.inr_zoo
from ngcore.errors import InUseError, UnknownNameError, ZooError
from ngcore.inr import FitConfig, psnr, render
from ngcore.locks import only_one
from ngcore.workers import Workers
from ngcore.zoo import INR_ZOOS, build_inr_zoo
from ngcore.zoo.inr_zoo import InrZooSpec
from ngcore.zoo.verification import find_problems

CONFIG = FitConfig(steps=3, sampling="cells")
KILLED_BUILD = Path(__file__).parent / "killed_build.py"


@pytest.fixture
def build(tmp_path, tiny_images, monkeypatch):
    """Build a zoo of 32 + 8 + 8 tiny SIRENs in a folder of this name."""
    monkeypatch.setitem(
        INR_ZOOS, "mnist-inrs", InrZooSpec(image_set="mnist", layer_sizes=(2, 4, 4, 1), num_validation=8)
    )

    def build(folder, **changes):
        arguments = {"config": CONFIG, "compiled": False, "networks_per_part": 12, "images": tiny_images, **changes}
        return build_inr_zoo("mnist-inrs", tmp_path / folder, **arguments)

    return build


def file_bytes(zoo):
    """Every file of a zoo's folder by its path."""
    return {str(path.relative_to(zoo.folder)): path.read_bytes() for path in zoo.folder.rglob("*") if path.is_file()}


def test_each_network_is_fitted_to_the_image_of_its_row(build, tiny_images):
    zoo = build("zoo", config=FitConfig(steps=60, learning_rate=0.01))
    assert [len(zoo.rows(split=split)) for split in ("train", "validation", "test")] == [32, 8, 8]
    table = zoo.metadata
    assert table["id"].iloc[[0, -1]].tolist() == ["mnist-inrs/000000", "mnist-inrs/000047"]
    assert table["label"].tolist() == tiny_images.labels(table["image"]).tolist()
    truth = torch.from_numpy(tiny_images.images(table["image"])).float() / 255
    measured = psnr(render(zoo.networks(range(48)), (6, 6)), truth)
    assert torch.allclose(measured, torch.tensor(table["psnr"].to_numpy(), dtype=torch.float32), atol=1e-4)
    assert (table["flagged"] == (table["psnr"] < 15)).all()
    assert find_problems(zoo) == []


@pytest.mark.parametrize(
    "changes", [{"networks_per_part": 3}, {"networks_per_part": 100}, {"workers": Workers(processes=2)}], ids=str
)
def test_neither_parts_nor_workers_change_a_bit(build, changes):
    assert file_bytes(build("one")) == file_bytes(build("other", **changes))


def test_a_larger_build_extends_a_smaller_one(build, monkeypatch):
    small = build("zoo", count=(5, 2, 2))
    assert [len(small.rows(split=split)) for split in ("train", "validation", "test")] == [5, 2, 2]
    parameters, ids = small.networks(range(len(small))), small.metadata["id"]
    large = build("zoo")
    assert large.networks([large.position(name) for name in ids]).equals(parameters)
    assert file_bytes(large) == file_bytes(build("whole"))
    monkeypatch.setattr(ngcore.zoo.inr_zoo, "fit_sirens", None)
    assert file_bytes(build("zoo")) == file_bytes(large)


def test_one_count_means_a_tenth_for_validation_and_test(build):
    zoo = build("zoo", count=10)
    assert zoo.card["splits"] == {"train": 10, "validation": 1, "test": 1}


def test_a_build_that_is_stopped_goes_on_with_the_missing_parts(build):
    def stop(done, total):
        assert total == 48
        if done >= 24:
            raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        build("stopped", progress=stop)
    again = build("stopped", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(24, 48), (32, 48), (36, 48), (40, 48), (48, 48)]
    assert file_bytes(again) == file_bytes(build("straight"))


def test_a_build_that_is_killed_ends_with_the_same_bytes(build, tmp_path, tiny_images):
    arguments = {"config": CONFIG, "compiled": False, "networks_per_part": 12, "images": tiny_images}
    told = pickle.dumps((INR_ZOOS["mnist-inrs"], arguments))
    killed = subprocess.run([sys.executable, KILLED_BUILD, tmp_path / "killed"], input=told, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "killed" / ".parts").glob("*.safetensors"))) == 2
    assert file_bytes(build("killed")) == file_bytes(build("straight"))


def test_builds_that_cannot_be_are_refused(build, tmp_path):
    with pytest.raises(ZooError, match=r"Expected at most \(32, 8, 8\) networks for the splits train, valid"):
        build("zoo", count=(33, 0, 0))
    with pytest.raises(UnknownNameError, match="Unknown INR zoo 'mnist'; choose from: cifar10-inrs"):
        build_inr_zoo("mnist", tmp_path)
    build("zoo", count=(2, 0, 0))
    with pytest.raises(ZooError, match="got another one; choose another folder"):
        build("zoo", seed=1)


def test_a_build_in_a_folder_where_another_is_at_work_is_refused(tmp_path, tiny_images):
    with only_one(tmp_path / "zoo", "a build of mnist-inrs"), pytest.raises(InUseError, match="at work there"):
        build_inr_zoo("mnist-inrs", tmp_path / "zoo", images=tiny_images)
    assert not (tmp_path / "zoo").exists()
