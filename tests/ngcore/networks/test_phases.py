"""Half and whole turns of sines: biases move, outgoing weights change signs, functions stay."""

import math

import pytest
import torch

from ngcore.errors import ArchitectureError, ShapeMismatchError
from ngcore.networks import (
    Activation,
    Add,
    Architecture,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    Skip,
    Step,
    canonical_phases,
    chain,
    mlp,
    phase_spaces,
    shift_phases,
    siren,
)
from ngcore.testing import random_network

SINE = Activation("sine", omega_0=5.0)


def residual_mlp():
    """The sum of two sines of one space, read by a third; values 2, 4 and 5 are one space."""
    layers = (Linear(2, 5), SINE, Linear(5, 5), SINE, Linear(5, 4), Activation("sine", omega_0=2.0), Linear(4, 3))
    return chain((2,), layers, (Skip(2, 4),))


def cnn():
    """Depthwise and plain convolutions, then Flatten."""
    layers = (Conv2d(2, 4, padding=(1, 1)), SINE, Conv2d(4, 4, padding=(1, 1), groups=4), SINE)
    return chain((2, 3, 3), (*layers, Flatten(), Linear(36, 5), SINE, Linear(5, 2)))


def tied():
    """One Linear used twice."""
    steps = (Step(Linear(2, 4), (0,), "a"), Step(SINE, (1,)), Step(Linear(4, 4), (2,), "b"), Step(SINE, (3,)))
    return Architecture(
        ((2,),), (*steps, Step(Linear(4, 4), (4,), "b"), Step(SINE, (5,)), Step(Linear(4, 1), (6,))), (7,)
    )


@pytest.mark.parametrize("architecture", [siren((2, 6, 5, 1)), residual_mlp(), cnn(), tied()], ids=lambda a: a.name)
def test_turned_networks_compute_the_same(architecture, generator):
    network = random_network(architecture, 3)
    turned = shift_phases(network, generator)
    x = torch.rand(7, *architecture.input_shape, dtype=torch.float64, generator=generator)
    assert phase_spaces(architecture)
    assert not turned.equals(network)
    torch.testing.assert_close(turned(x), network(x), rtol=0, atol=1e-12)


def test_whole_turns_move_biases_alone_and_half_turns_negate_outgoing_weights():
    network = random_network(siren((2, 3, 1)), 1)
    turned = shift_phases(network, {1: torch.tensor([[2.0, -1.0, 0.0]])})
    moved = turned.parameters["0.bias"] - network.parameters["0.bias"]
    expected = torch.tensor([[2 * math.pi / 30, -math.pi / 30, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-15)
    assert torch.equal(turned.parameters["0.weight"], network.parameters["0.weight"])
    signs = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    assert torch.equal(turned.parameters["2.weight"], network.parameters["2.weight"] * signs)


def test_only_sines_of_sums_with_a_bias_turn():
    assert phase_spaces(siren((2, 3, 3, 1))) == (1, 2)
    assert phase_spaces(mlp((2, 3, 1), "tanh")) == phase_spaces(mlp((2, 3, 1))) == ()
    assert phase_spaces(chain((2,), (Linear(2, 3, bias=False), SINE, Linear(3, 1)))) == ()
    assert phase_spaces(chain((2,), (Linear(2, 3), BatchNorm(3), SINE, Linear(3, 1)))) == ()
    assert phase_spaces(chain((2,), (Linear(2, 3), SINE, Linear(3, 3), Linear(3, 1)), (Skip(2, 3),))) == ()
    steps = (Step(Linear(2, 3), (0,), "a"), Step(SINE, (1,)), Step(Add(), (1, 2)), Step(Linear(3, 1), (3,), "b"))
    assert phase_spaces(Architecture(((2,),), steps, (4,))) == ()


def test_turns_that_do_not_fit_are_refused():
    network = random_network(siren((2, 3, 1)), 1)
    with pytest.raises(ArchitectureError, match=r"symmetry that turns sines of spaces \[1\], got \[0\]"):
        shift_phases(network, {0: torch.ones(1, 2)})
    with pytest.raises(ShapeMismatchError, match=r"shape \(1, 3\) in space 1, got \(1, 2\)"):
        shift_phases(network, {1: torch.ones(1, 2)})
    with pytest.raises(ShapeMismatchError, match="whole numbers of half turns"):
        shift_phases(network, {1: torch.full((1, 3), 0.5)})


@pytest.mark.parametrize("architecture", [siren((2, 6, 5, 1)), residual_mlp(), cnn(), tied()], ids=lambda a: a.name)
def test_all_turned_copies_have_one_canonical_form(architecture, generator):
    network = random_network(architecture, 3)
    canonical = canonical_phases(network)
    x = torch.rand(7, *architecture.input_shape, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(canonical(x), network(x), rtol=0, atol=1e-12)
    copy = canonical_phases(shift_phases(network, generator))
    torch.testing.assert_close(copy.flatten(), canonical.flatten(), rtol=0, atol=1e-12)
    first = canonical.parameters["a.bias" if "a.bias" in canonical.parameters else "0.bias"]
    omega_0 = next(step.layer.omega_0 for step in architecture.steps if isinstance(step.layer, Activation))
    assert float(first.abs().max()) * omega_0 <= math.pi / 2 + 1e-12


def test_phases_of_added_sines_are_brought_within_a_whole_turn():
    """X + sin(W x + b): the sum has the signs of x, so that half turns are not free."""
    steps = (Step(Linear(3, 4), (0,), "a"), Step(Linear(4, 4), (1,), "b"), Step(SINE, (2,)), Step(Add(), (1, 3)))
    architecture = Architecture(((3,),), (*steps, Step(Linear(4, 2), (4,), "c")), (5,))
    assert phase_spaces(architecture) == ()
    network = random_network(architecture, 2)
    parameters = {**network.parameters, "b.bias": network.parameters["b.bias"] + 4 * math.pi / 5}
    turned = network.having(parameters)
    x = torch.rand(5, 3, dtype=torch.float64)
    torch.testing.assert_close(turned(x), network(x), rtol=0, atol=1e-12)
    one, other = canonical_phases(turned).flatten(), canonical_phases(network).flatten()
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_networks_within_the_limit_keep_their_half_turns():
    network = random_network(siren((2, 4, 1), omega_0=1.0), 2)
    network.parameters["0.bias"][:] = torch.tensor([[0.1, 0.2, 2.0, 0.3], [0.1, 0.2, 3.1, 2.0]], dtype=torch.float64)
    kept = canonical_phases(network, beyond=3.0).parameters["0.bias"]
    assert torch.equal(kept[0], network.parameters["0.bias"][0])
    expected = torch.tensor([0.1, 0.2, 3.1 - math.pi, 2.0 - math.pi], dtype=torch.float64)
    torch.testing.assert_close(kept[1], expected, rtol=0, atol=1e-12)
