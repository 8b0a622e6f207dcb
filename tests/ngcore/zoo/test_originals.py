"""The images behind the networks of an INR zoo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ngcore.errors import ZooError
from ngcore.networks import Network, siren
from ngcore.zoo.originals import IMAGES_FILE, has_originals_at_hand, original_images
from ngcore.zoo.storage import Zoo, ZooWriter


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
