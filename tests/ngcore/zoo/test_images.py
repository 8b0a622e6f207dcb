"""Image sets: read from local files, decoded, fetched, cached, and what is said when none can be had."""

import io
from types import SimpleNamespace

import numpy as np
import pytest

from ngcore.errors import DataError, UnknownNameError
from ngcore.zoo import fetch_images, images


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and no folder of local files."""
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NGCORE_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def local(cache, tmp_path, monkeypatch):
    """A folder of local files, empty so far."""
    monkeypatch.setenv("NGCORE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def grey(count):
    """Random grey images of MNIST's size."""
    return np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def write_pictures(path, pictures):
    """Write pictures as PNG files inside a parquet file, with labels that count from 0."""
    import pyarrow
    import pyarrow.parquet
    from PIL import Image

    files = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="PNG")
        files.append(file.getvalue())
    pyarrow.parquet.write_table(pyarrow.table({"image": files, "label": list(range(len(files)))}), path)


def test_local_files_are_read(local):
    np.savez(local / "mnist.npz", x_train=grey(5), y_train=np.arange(5), x_test=grey(2), y_test=np.arange(2))
    found = fetch_images("mnist")
    assert repr(found) == "ImageSet(mnist: 5 + 2 images)"
    assert np.array_equal(found.images([4, 5, 0]), [grey(5)[4], grey(2)[0], grey(5)[0]])
    assert found.labels([4, 5, 0]).tolist() == [4, 0, 0]
    assert found.labels([0]).dtype == np.int64


def test_pictures_in_parquet_files_are_decoded_once(local, cache, monkeypatch):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    write_pictures(local / "cifar10-train.parquet", pictures[:4])
    write_pictures(local / "cifar10-test.parquet", pictures[4:])
    found = fetch_images("cifar10")
    assert np.array_equal(found.images(range(6)), pictures)
    assert "slightly lossy" in found.note
    monkeypatch.setattr(images, "_decode", None)
    assert fetch_images("cifar10").hash == found.hash


def test_sets_that_are_not_here_are_fetched_once(cache, monkeypatch):
    def fetch(name, **options):
        calls.append(name)
        planes = np.arange(4 * 3072).reshape(4, 3072) % 251
        return SimpleNamespace(data=planes.astype(float), target=np.array(["3", "1", "4", "1"]))

    calls = []
    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    monkeypatch.setattr(images, "NUM_TEST", 1)
    found = [fetch_images("cifar10") for _ in range(2)]
    assert calls == ["CIFAR_10"]
    assert found[0].hash == found[1].hash
    assert found[1].train_labels.tolist() == [3, 1, 4]
    assert found[1].train_images[0, 0, 1].tolist() == [1, (1024 + 1) % 251, (2048 + 1) % 251]


def test_the_message_says_what_to_do_when_a_set_cannot_be_fetched(cache, monkeypatch):
    def fetch(name, **options):
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    told = r"Could not fetch mnist from OpenML \(no route to host\)\. Connect .* set NGCORE_DATA .* holds mnist\.npz\."
    with pytest.raises(DataError, match=told):
        fetch_images("mnist")
    assert not list(cache.rglob("*.npz"))


def test_files_that_hold_something_else_are_refused(local):
    np.savez(local / "mnist.npz", x_train=grey(5), y_train=np.arange(5))
    with pytest.raises(DataError, match=r"mnist\.npz, got .*; put one there that holds x_train, y_train"):
        fetch_images("mnist")
    np.savez(local / "mnist.npz", x_train=grey(5), y_train=np.arange(4), x_test=grey(2), y_test=np.arange(2))
    with pytest.raises(DataError, match=r"Expected uint8 train images of shape \(28, 28\) for mnist, a label for each"):
        fetch_images("mnist")
    with pytest.raises(UnknownNameError, match="Unknown image set 'svhn'; choose from: cifar10, fashion-mnist, mnist"):
        fetch_images("svhn")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04" + bytes(40)])
def test_damaged_images_in_the_cache_are_made_again(local, monkeypatch, tmp_path, data):
    import ngcore.zoo.images

    arrays = {"x_train": grey(5), "y_train": np.arange(5), "x_test": grey(2), "y_test": np.arange(2)}
    monkeypatch.delenv("NGCORE_DATA")
    monkeypatch.setenv("NGCORE_CACHE", str(tmp_path / "own"))
    monkeypatch.setattr(ngcore.zoo.images, "_fetch", lambda name: arrays)
    (tmp_path / "own" / "images").mkdir(parents=True)
    (tmp_path / "own" / "images" / "mnist.npz").write_bytes(data)
    for _ in range(2):
        assert len(fetch_images("mnist")) == 7
        monkeypatch.setattr(ngcore.zoo.images, "_fetch", lambda name: pytest.fail("fetched twice"))
