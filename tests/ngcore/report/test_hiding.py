"""What studies take away from networks: the rest computes what it computed without that part."""

import torch

from ngcore.graph import graph_structure
from ngcore.networks import Add, Architecture, Constant, Conv2d, Flatten, Linear, Network
from ngcore.networks.architecture import Step
from ngcore.report.hiding import hide_residuals


def test_without_residuals_only_the_last_branch_is_read():
    """A shortcut through a projection, and one of the input itself: both go, a table of positions stays."""
    around = ((3, 3), (1, 1), (1, 1))
    architecture = Architecture(
        input_shapes=((1, 4, 4),),
        steps=(
            Step(Conv2d(1, 1, *around), (0,), "first"),
            Step(Add(), (0, 1)),
            Step(Constant((1, 4, 4)), (), "positions"),
            Step(Add(), (2, 3)),
            Step(Conv2d(1, 2, *around), (4,), "second"),
            Step(Conv2d(1, 2, (1, 1), (1, 1), (0, 0)), (4,), "skip"),
            Step(Add(), (6, 5)),
            Step(Flatten(), (7,)),
            Step(Linear(32, 3), (8,), "head"),
        ),
        outputs=(9,),
    )
    flat = torch.randn(2, architecture.num_parameters, generator=torch.Generator().manual_seed(0))
    network = Network.unflatten(architecture, flat.double())
    hidden = hide_residuals(network)
    assert {step.name for step in hidden.architecture.steps if step.name} == {"first", "positions", "second", "head"}
    images = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for i in range(2):
        p = {name: tensor[i] for name, tensor in network.parameters.items()}
        first = torch.nn.functional.conv2d(images, p["first.weight"], p["first.bias"], padding=1)
        last = torch.nn.functional.conv2d(first + p["positions.value"], p["second.weight"], p["second.bias"], padding=1)
        expected = last.flatten(1) @ p["head.weight"].T + p["head.bias"]
        torch.testing.assert_close(hidden[i : i + 1](images)[0], expected)
    before, after = (len(graph_structure(n.architecture).edge_blocks) for n in (network, hidden))
    assert after < before


def test_a_network_without_residuals_is_left_as_it_is():
    from ngcore.networks import mlp

    network = Network.unflatten(mlp((2, 3, 1)), torch.randn(1, mlp((2, 3, 1)).num_parameters))
    hidden = hide_residuals(network)
    assert hidden.architecture == network.architecture and torch.equal(hidden.flatten(), network.flatten())
