"""The images behind the networks of an INR zoo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ngcore.errors import ZooError
from ngcore.networks import Network, siren
from ngcore.zoo import Zoo, ZooWriter, write_sample
from ngcore.zoo.card import IMAGES_FILE
from ngcore.zoo.originals import has_originals_at_hand, original_images


def _zoo(folder: Path, kind: str = "inr") -> Zoo:
    architecture = siren((2, 3, 1))
    network = Network.unflatten(architecture, torch.zeros(3, architecture.num_parameters))
    rows = [{"id": f"z/{i}", "split": "test", "label": i, "image": i} for i in range(3)]
    writer = ZooWriter(folder, name="z", recipe={})
    writer.write_part("all", [(network, rows)])
    return writer.finish(["all"], {"kind": kind, "image_set": "mnist"})


def test_shipped_images_are_read_by_row(tmp_path: Path) -> None:
    zoo = _zoo(tmp_path)
    images = np.arange(3 * 4, dtype=np.uint8).reshape(3, 2, 2)
    assert not has_originals_at_hand(zoo)
    np.save(tmp_path / IMAGES_FILE, images)
    assert has_originals_at_hand(zoo)
    np.testing.assert_array_equal(original_images(zoo, [2, 0]), images[[2, 0]])


def test_a_zoo_of_classifiers_has_no_originals(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match="Expected a zoo of INRs, which were fitted to images, got z"):
        original_images(_zoo(tmp_path, kind="cnn"), [0])


def test_the_images_of_a_sample_are_in_its_card_and_checked(tmp_path: Path) -> None:
    source = _zoo(tmp_path / "source")
    np.save(source.folder / IMAGES_FILE, np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    sample = write_sample(source, tmp_path / "sample", {"test": 2}, with_images=True)
    bare = write_sample(source, tmp_path / "bare", {"test": 2})
    assert IMAGES_FILE in sample.card["files"] and IMAGES_FILE not in bare.card["files"]
    assert sample.hash == bare.hash
    assert original_images(sample, [1]).tolist() == [[[4, 5], [6, 7]]]
    data = bytearray((sample.folder / IMAGES_FILE).read_bytes())
    data[-1] ^= 1
    (sample.folder / IMAGES_FILE).write_bytes(data)
    with pytest.raises(ZooError, match=r"images\.npy with SHA-256"):
        original_images(sample, [1])
