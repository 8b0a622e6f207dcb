"""Checks of permutation symmetry, for tests and for the permutation lab: random networks, drift, assertions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ngcore.networks import Architecture, Network, draw_permutation, permute_hidden

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-4}


class Drift(NamedTuple):
    """How far results differ that should be equal: the largest error, and the largest result to compare it with."""

    error: float
    scale: float

    @property
    def relative(self) -> float:
        """The error as a share of the scale."""
        return self.error / self.scale if self.scale else self.error


def random_network(
    architecture: Architecture, num_networks: int = 1, *, seed: int = 0, dtype: torch.dtype = torch.float64
) -> Network:
    """Draw networks whose parameters are all random, norm scales and running statistics included.

    Args:
        architecture: Structure of the networks.
        num_networks: Size of the stack.
        seed: Seed of the draw.
        dtype: Data type of the parameters; the same seed gives the same numbers up to rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    for name, shape in architecture.parameter_shapes.items():
        noise = torch.randn(num_networks, *shape, generator=generator, dtype=torch.float64)
        if name.endswith("running_var"):
            noise = 0.5 + noise.square()
        elif len(shape) > 1:  # a weight of shape (outputs, inputs, …): keep the size of the values
            noise = noise / max(1, noise[0, 0].numel()) ** 0.5
        elif name.endswith("weight"):
            noise = 1 + 0.3 * noise
        parameters[name] = noise.to(dtype)
    return Network(architecture, parameters)


def invariance_drift(
    model: Callable[[Network], Tensor], network: Network, *, num_permutations: int = 3, seed: int = 0
) -> Drift:
    """Measure how far permuting hidden neurons moves the result of a model that should not notice.

    Args:
        model: From N networks to a tensor (networks, …); in evaluation mode if it has one.
        network: The networks to permute.
        num_permutations: How many random permutations to try.
        seed: Seed of the permutations.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        expected = model(network)
        results = (
            model(permute_hidden(network, draw_permutation(network, generator))) for _ in range(num_permutations)
        )
        return _drift([(expected, result) for result in results])


def equivariance_drift(
    model: Callable[[Network], Network], network: Network, *, num_permutations: int = 3, seed: int = 0
) -> Drift:
    """Measure how far "permute, then model" is from "model, then permute".

    Args:
        model: From N networks to N networks of the same architecture; in evaluation mode if it has one.
        network: The networks to permute.
        num_permutations: How many random permutations to try.
        seed: Seed of the permutations.
    """
    generator = torch.Generator().manual_seed(seed)
    pairs = []
    with torch.no_grad():
        result = model(network)
        for _ in range(num_permutations):
            permutation = draw_permutation(network, generator)
            permuted_after = permute_hidden(result, permutation)
            permuted_before = model(permute_hidden(network, permutation))
            pairs.append((permuted_after.flatten(), permuted_before.flatten()))
    return _drift(pairs)


def assert_invariant(
    model: Callable[[Network], Tensor],
    network: Network,
    *,
    num_permutations: int = 3,
    seed: int = 0,
    tolerance: float | None = None,
) -> float:
    """Assert that permuting hidden neurons leaves the result of a model unchanged.

    Args:
        model: From N networks to a tensor (networks, …); in evaluation mode if it has one.
        network: The networks to permute.
        num_permutations: How many random permutations to try.
        seed: Seed of the permutations.
        tolerance: Largest error allowed, as a share of the largest result; None chooses by the networks' data type.

    Returns:
        The largest error.

    Raises:
        AssertionError: If the result moves; the message gives the largest error and the scale of the results.
    """
    drift = invariance_drift(model, network, num_permutations=num_permutations, seed=seed)
    return _assert_small(drift, network, "the same result for permuted networks", tolerance)


def assert_equivariant(
    model: Callable[[Network], Network],
    network: Network,
    *,
    num_permutations: int = 3,
    seed: int = 0,
    tolerance: float | None = None,
) -> float:
    """Assert that a model from networks to networks commutes with permuting hidden neurons.

    Args:
        model: From N networks to N networks of the same architecture; in evaluation mode if it has one.
        network: The networks to permute.
        num_permutations: How many random permutations to try.
        seed: Seed of the permutations.
        tolerance: Largest error allowed, as a share of the largest result; None chooses by the networks' data type.

    Returns:
        The largest error.

    Raises:
        AssertionError: If it does not commute; the message gives the largest error and the scale of the results.
    """
    drift = equivariance_drift(model, network, num_permutations=num_permutations, seed=seed)
    return _assert_small(drift, network, "permuted results for permuted networks", tolerance)


def _drift(pairs: list[tuple[Tensor, Tensor]]) -> Drift:
    for expected, result in pairs:
        if expected.shape != result.shape:
            raise AssertionError(f"Expected a result of shape {tuple(expected.shape)}, got {tuple(result.shape)}.")
    errors = torch.stack([(expected - result).abs().max() for expected, result in pairs])
    scales = torch.stack([expected.abs().max() for expected, _ in pairs])
    return Drift(float(errors.max()), float(scales.max()))


def _assert_small(drift: Drift, network: Network, expected: str, tolerance: float | None) -> float:
    tolerance = TOLERANCES.get(network.dtype, 1e-2) if tolerance is None else tolerance
    if not drift.error <= tolerance * drift.scale:  # so that NaN fails, too
        raise AssertionError(
            f"Expected {expected}, got a largest error of {drift.error:.2e} at a scale of {drift.scale:.2e} "
            f"(allowed: {tolerance:.0e} of the scale)."
        )
    return drift.error
