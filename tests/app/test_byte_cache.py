"""The cache that is bounded in bytes."""

import numpy as np
import torch

from app.byte_cache import ByteCache, remembered, size_of


def test_the_least_recently_used_results_are_dropped_where_bytes_run_out():
    cache = ByteCache(1000)
    for key in "ab":
        cache.get(key, lambda: np.zeros(400, np.uint8))
    cache.get("a", lambda: None)
    cache.get("c", lambda: np.zeros(400, np.uint8))
    assert len(cache) == 2 and cache.num_bytes == 800
    assert cache.get("a", lambda: None) is not None
    assert cache.get("b", lambda: None) is None


def test_a_result_too_large_for_the_cache_is_given_and_not_kept():
    cache = ByteCache(1000)
    assert len(cache.get("small", lambda: np.zeros(10, np.uint8))) == 10
    assert len(cache.get("large", lambda: np.zeros(1001, np.uint8))) == 1001
    assert len(cache) == 1 and cache.num_bytes == 10


def test_an_error_is_not_remembered():
    cache, answers = ByteCache(1000), iter([ValueError, int])

    def make():
        answer = next(answers)
        if answer is ValueError:
            raise ValueError
        return answer()

    for _ in range(2):
        try:
            result = cache.get("a", make)
        except ValueError:
            result = None
    assert result == 0


def test_results_are_remembered_by_the_arguments_without_an_underscore():
    calls = []

    @remembered(max_bytes=10_000)
    def double(key, _array):
        calls.append(key)
        return 2 * _array

    first = double("a", np.ones(3))
    assert double("a", _array=np.zeros(3)) is first
    assert double("b", np.zeros(3)) is not first
    assert calls == ["a", "b"]


def test_the_size_of_a_value_counts_all_arrays_in_it_once():
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    array = np.zeros(1000)
    assert 8000 <= size_of({"a": [array], "b": (array, array)}) < 9000
    assert size_of(torch.zeros(1000)) == 4000
    network = random_network(mlp((2, 1000, 1)), dtype=torch.float32)
    assert 16_000 <= size_of(network) < 40_000


def test_the_size_of_a_graph_view_is_that_of_its_arrays():
    from app.graph_view import view_of
    from ngcore.networks import mlp
    from ngcore.testing import random_network

    view = view_of(random_network(mlp((10, 100, 10)), dtype=torch.float32))
    arrays = [view.bias, view.has_bias, view.source, view.target, view.value, view.block, *view.kernels]
    assert size_of(view) >= sum(array.nbytes for array in arrays)
    assert size_of(view) < 2 * sum(array.nbytes for array in arrays)
