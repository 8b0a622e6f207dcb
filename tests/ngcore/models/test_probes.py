"""Learned inputs, free and generated."""

import pytest
import torch

from ngcore.errors import ShapeMismatchError
from ngcore.models import InputSpec
from ngcore.models.probes import Probes, probes_for, probes_of
from ngcore.networks import siren, small_cnn
from ngcore.testing import random_network


@pytest.mark.parametrize("is_generated", [False, True])
@pytest.mark.parametrize("architecture", [siren((2, 4, 4, 1)), small_cnn((1, 4), image_size=(7, 6))])
def test_probes_are_inputs_of_the_networks_and_learn(architecture, is_generated):
    probes = Probes(5, architecture.input_shape, is_generated=is_generated).double()
    inputs = probes.make()
    assert inputs.shape == (5, *architecture.input_shape)
    inputs.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in probes.parameters())


def test_probes_keep_their_precision_inside_a_model_that_does_not():
    network, probes = random_network(siren((2, 4, 4, 1)), 1, dtype=torch.float32), Probes(9, (2,), is_generated=True)
    with torch.autocast("cpu", torch.bfloat16):
        (inside,) = probes_of(probes, InputSpec.of([network.architecture]), network)
    assert torch.equal(inside, probes.make())


def test_networks_of_other_inputs_are_refused():
    refusal = r"read inputs of shape \(2,\), got \(3,\); use a model without probes"
    spec, other = InputSpec.of([siren((2, 4, 4, 1))]), random_network(siren((3, 4, 4, 1)), 1)
    probes = probes_for(spec, 5, is_generated=False)
    with pytest.raises(ShapeMismatchError, match=refusal):
        probes_of(probes, spec, other)
