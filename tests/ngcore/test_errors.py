"""Errors cross from one process to another."""

import pickle

import pytest

from ngcore.errors import AmbiguousNetworkError, NeuralGraphError, UnknownNameError, UploadError


@pytest.mark.parametrize(
    "error",
    [
        NeuralGraphError("Expected 1, got 2."),
        UnknownNameError("model", "ng", ["ng-t", "ng-gnn"]),
        UploadError("Expected weights.", recipe="import torch\n"),
        AmbiguousNetworkError("Which activation?", questions=["relu", "tanh"]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_crossed_says_the_same(error):
    crossed = pickle.loads(pickle.dumps(error))
    assert (type(crossed), str(crossed), vars(crossed)) == (type(error), str(error), vars(error))
