"""Moving the image that an INR is."""

import pytest
import torch

from ngcore.errors import ArchitectureError
from ngcore.inr import coordinate_matrix, image_coordinates, initial_siren, move_images
from ngcore.networks import mlp, siren


@pytest.fixture
def network():
    return initial_siren(siren((2, 16, 16, 1)), 0, 3, seed=0).to(dtype=torch.float64)


def test_a_moved_image_shows_at_x_what_the_image_shows_at_its_place(network):
    generator = torch.Generator().manual_seed(0)
    matrix, shift = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 2, 2), (3, 2)))
    coordinates = image_coordinates(9, 9).double()
    moved = move_images(network, matrix, shift)(coordinates)
    for i in range(3):
        expected = network[i](coordinates @ matrix[i].mT + shift[i])
        torch.testing.assert_close(moved[i : i + 1], expected, rtol=0, atol=1e-10)


def test_a_quarter_turn_is_clockwise(network):
    angle = torch.full((3,), 90.0, dtype=torch.float64)
    moved = move_images(network, coordinate_matrix(angle, torch.ones_like(angle)), torch.zeros(3, 2).double())
    before, after = (n(image_coordinates(9, 9).double()).unflatten(1, (9, 9))[..., 0] for n in (network, moved))
    torch.testing.assert_close(after, before.rot90(-1, dims=(1, 2)), rtol=0, atol=1e-9)


def test_an_enlarged_image_shows_at_the_edge_what_was_halfway_to_it(network):
    factor = torch.full((3,), 2.0, dtype=torch.float64)
    moved = move_images(network, coordinate_matrix(torch.zeros_like(factor), factor), torch.zeros(3, 2).double())
    edge = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(moved(edge), network(edge / 2), rtol=0, atol=1e-10)


def test_what_is_no_image_is_refused():
    classifier = mlp((3, 4, 2))
    from ngcore.networks import Network

    stack = Network.unflatten(classifier, torch.zeros(1, classifier.num_parameters))
    with pytest.raises(ArchitectureError, match="Expected INRs"):
        move_images(stack, torch.eye(2)[None], torch.zeros(1, 2))
