"""Zoos that processes or a cluster build, of which a worker is killed, have the bytes of those built in one process."""

import os
import pickle
import signal

import numpy as np
import pytest

from ngcore.inr import FitConfig
from ngcore.workers import Workers
from ngcore.zoo import CLASSIFIER_ZOOS, INR_ZOOS, ImageSet, build_classifier_zoo, build_inr_zoo
from ngcore.zoo.classifier_zoo import draw_groups
from ngcore.zoo.cnn_training import CNNTrainConfig
from ngcore.zoo.inr_zoo import InrZooSpec

CONFIG = CNNTrainConfig(passes=20.0, channels=(1, 4, 4, 4))
RUNS = 80  # ten groups


@pytest.fixture
def build(tmp_path):
    """Build a zoo of CNNs in a folder of this name, from sixty coloured 8×8 images and thirty more."""
    random = np.random.default_rng(0)
    pixels, labels = random.integers(0, 256, (90, 8, 8, 3), dtype=np.uint8), random.integers(0, 10, 90)
    images = ImageSet("cifar10", pixels[:60], labels[:60], pixels[60:], labels[60:], tuple("0123456789"))

    def build(folder, **changes):
        return build_classifier_zoo(
            "cifar10-gs-cnns", tmp_path / folder, runs=RUNS, config=CONFIG, images=images, **changes
        )

    return build


def file_bytes(zoo):
    """Every file of a zoo's folder by its path."""
    return {str(path.relative_to(zoo.folder)): path.read_bytes() for path in zoo.folder.rglob("*") if path.is_file()}


def test_a_cluster_of_which_a_worker_is_killed_builds_the_bytes_of_a_single_process(build, cluster):
    """This process begins with a tenth of the zoo; a worker is killed when half of it is there."""
    killed = []

    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    def kill_a_busy_worker(done, total):
        assert done >= RUNS / 10
        if done >= total / 2 and not killed:
            busy = [worker for worker in cluster.workers.values() if is_busy(worker)]
            os.kill(busy[0].pid, signal.SIGKILL)
            killed.append(done)

    def is_busy(nanny):
        state = cluster.scheduler.workers.get(nanny.worker_address)
        return state is not None and bool(state.processing)

    with pytest.raises(KeyboardInterrupt):
        build("zoo", progress=stop)
    zoo = build("zoo", workers=Workers(scheduler=cluster.scheduler_address), progress=kill_a_busy_worker)
    assert killed == [RUNS / 2]
    assert file_bytes(zoo) == file_bytes(build("alone"))


def test_a_cluster_fits_the_same_inrs(cluster, tiny_images, tmp_path, monkeypatch):
    spec = InrZooSpec(image_set="mnist", layer_sizes=(2, 4, 4, 1), num_validation=8)
    monkeypatch.setitem(INR_ZOOS, "mnist-inrs", spec)
    zoos = [
        build_inr_zoo(
            "mnist-inrs",
            tmp_path / str(number),
            config=FitConfig(steps=3, sampling="cells"),
            compiled=False,
            networks_per_part=12,
            images=tiny_images,
            workers=workers,
        )
        for number, workers in enumerate([Workers(), Workers(scheduler=cluster.scheduler_address)])
    ]
    assert file_bytes(zoos[0]) == file_bytes(zoos[1])


@pytest.mark.parametrize("name", sorted(CLASSIFIER_ZOOS))
def test_what_the_workers_of_a_zoo_are_sent_arrives_as_it_was(name):
    spec = CLASSIFIER_ZOOS[name]
    sent = (spec, draw_groups(spec, 3 * spec.group_size, spec.config))
    assert repr(pickle.loads(pickle.dumps(sent))) == repr(sent)
