"""Checks that a state dict of a known library is read as the very network, and goes back as the very state dict."""

import io

import pytest
import torch

from ngcore.errors import AmbiguousNetworkError
from ngcore.graph import to_graph, to_network
from ngcore.networks import draw_permutation, permute_hidden, to_state_dict
from ngcore.upload import Hints, read_network

TOLERANCE = 1e-9


def randomised(module, seed=0):
    """The module with random parameters and statistics, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    state = module.state_dict()
    for name, tensor in state.items():
        if not tensor.is_floating_point() or name in getattr(module, "untouched", ()):
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 1
        if name.endswith("running_var"):
            noise = 0.5 + noise.square()
        elif tensor.dim() > 1:
            noise = noise / fan_in**0.5
        else:
            noise = 0.3 * noise + (1.0 if name.endswith("weight") else 0.0)
        tensor.copy_(noise)
    return module.eval()


def file_of(state):
    """The bytes of a torch file."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def close(one, other):
    scale = max(1.0, float(other.abs().max()))
    return float((one - other).abs().max()) <= TOLERANCE * scale


def as_outputs(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.fixture(scope="session")
def read_with_suggestions():
    """`read_with_suggestions(data, **answers)` reads a file with what is asked answered as suggested."""

    def read(data, **answers):
        asked = {}
        try:
            upload = read_network(data, hints=Hints(**answers))
        except AmbiguousNetworkError as error:
            asked = {question.field: question for question in error.questions}
            suggested = {field: question.suggestion for field, question in asked.items()}
            upload = read_network(data, hints=Hints(**{**suggested, **answers}))
        return upload, asked

    return read


@pytest.fixture(scope="session")
def assert_rebuilt(read_with_suggestions):
    """`assert_rebuilt(module, inputs, **answers)`: function, symmetry, graph and state dict are those of the module.

    The module takes a batch and returns positions first, channels last (as is its habit); `shown` turns its results
    into (batch, channels, *positions).
    """

    def check(module, *inputs, shown=lambda result: result, given=None, **answers):
        module = randomised(module)
        state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        upload, asked = read_with_suggestions(file_of(state), **answers)
        network = upload.network.to(dtype=torch.float64)
        with torch.no_grad():
            expected = as_outputs(shown(module.double()(*inputs)))
            read = inputs if given is None else given
            results = as_outputs(network(*read))
            assert len(results) == len(expected)
            assert all(close(result[0], wanted) for result, wanted in zip(results, expected, strict=True))
            permutation = draw_permutation(network, torch.Generator().manual_seed(1))
            moved = as_outputs(permute_hidden(network, permutation)(*read))
            assert all(close(result[0], wanted) for result, wanted in zip(moved, expected, strict=True))
        assert to_network(to_graph(upload.network)).equals(upload.network)
        back = to_state_dict(upload.network)
        for name, tensor in back.items():
            assert torch.equal(tensor, state[name]), name
        aside = state.keys() - back.keys()
        assert all(not state[name].is_floating_point() for name in aside), aside
        return upload, asked

    return check


@pytest.fixture(scope="session")
def file_of_state():
    """`file_of_state(state)`: the bytes of a torch file."""
    return file_of


@pytest.fixture(scope="session")
def file_of_module():
    """`file_of_module(module)`: the bytes of a torch file of its state dict, with random numbers."""
    return lambda module: file_of(randomised(module).state_dict())
