"""Coordinates and start parameters of SIRENs."""

import math

import pytest
import torch

from ngcore.inr import image_coordinates, initial_siren
from ngcore.networks import siren

ARCHITECTURE = siren((2, 8, 8, 3), omega_0=20.0)


def test_coordinates_of_a_2_by_3_image_by_hand():
    """Rows go down (y from −1 to 1), columns to the right (x = −1, 0, 1); x comes first."""
    assert image_coordinates(2, 3).tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]]


def test_every_network_has_a_random_stream_of_its_own():
    together = initial_siren(ARCHITECTURE, 5, 4, seed=1)
    for i in range(4):
        assert initial_siren(ARCHITECTURE, 5 + i, 1, seed=1).equals(together[i])
    assert not together[0].equals(together[1])
    assert not initial_siren(ARCHITECTURE, 5, 4, seed=2).equals(together)


def test_sine_layers_start_within_their_bounds_and_use_them():
    """√(6 / 2) / 20 and √(6 / 8) / 20 for the sines, the first one too; 1 / √8 for the head and its biases."""
    start = initial_siren(ARCHITECTURE, 0, 200, seed=0).parameters
    bounds = {"0.weight": math.sqrt(3) / 20, "2.weight": math.sqrt(0.75) / 20, "4.weight": 8**-0.5, "4.bias": 8**-0.5}
    for name, bound in bounds.items():
        assert bound * 0.99 < start[name].abs().max() <= bound
    assert not start["0.bias"].any()
    assert not start["2.bias"].any()


def test_drawing_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    initial_siren(ARCHITECTURE, 0, 2, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, 2**20])
def test_seeds_and_indices_do_not_collide(seed):
    assert not initial_siren(ARCHITECTURE, 1, 1, seed=seed).equals(initial_siren(ARCHITECTURE, 0, 1, seed=seed + 1))
