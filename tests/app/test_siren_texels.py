"""The texels of a SIREN: what is where, what a shader makes of them, and which networks have them."""

import itertools

import numpy as np
import pytest
import torch

from app.siren_texels import MAX_PARAMETERS, pack, sine_frequencies
from ngcore.inr import SIREN_OUTPUT_OFFSET, image_coordinates, initial_siren, render
from ngcore.networks import Activation, Linear, Skip, chain, mlp, siren
from ngcore.testing import random_network


def walk(texels, sizes):
    """Weights and biases, padded to fours, read texel by texel in the order of the shader."""
    position = 0
    for n_in, n_out in itertools.pairwise(sizes):
        outs, ins = -(-n_out // 4), -(-n_in // 4)
        weight, bias = np.zeros((4 * outs, 4 * ins)), np.zeros(4 * outs)
        for g in range(outs):
            bias[4 * g : 4 * g + 4] = texels[position]
            position += 1
            for k in range(ins):
                for column in range(4):
                    weight[4 * g : 4 * g + 4, 4 * k + column] = texels[position]
                    position += 1
        yield weight, bias
    assert position == len(texels)


@pytest.mark.parametrize("sizes", [(2, 8, 8, 1), (2, 5, 7, 3), (2, 32, 32, 1), (2, 3)])
def test_every_parameter_comes_back_and_the_rest_is_zero(sizes):
    network = random_network(siren(sizes), 1, dtype=torch.float32)
    texels = pack(network)
    assert texels.dtype == np.float32 and texels.shape[1] == 4
    tensors = [tensor[0].numpy() for tensor in network.parameters.values()]
    for (weight, bias), own_weight, own_bias in zip(walk(texels, sizes), tensors[::2], tensors[1::2], strict=True):
        n_out, n_in = own_weight.shape
        assert np.array_equal(weight[:n_out, :n_in], own_weight) and np.array_equal(bias[:n_out], own_bias)
        assert not weight[n_out:].any() and not weight[:, n_in:].any() and not bias[n_out:].any()


@pytest.mark.parametrize("sizes", [(2, 8, 8, 1), (2, 6, 5, 7, 3)])
def test_padded_neurons_do_not_change_the_picture(sizes):
    network = initial_siren(siren(sizes, omega_0=20.0), 0, 1, seed=0)
    hidden = np.pad(image_coordinates(9, 9).numpy(), ((0, 0), (0, 2)))
    layers = list(walk(pack(network), sizes))
    for i, (weight, bias) in enumerate(layers):
        hidden = hidden @ weight.T + bias
        hidden = np.sin(20.0 * hidden) if i < len(layers) - 1 else hidden
    picture = render(network, (9, 9))[0].numpy().reshape(81, -1)
    assert np.allclose(hidden[:, : sizes[-1]] + SIREN_OUTPUT_OFFSET, picture, atol=1e-4)


def test_frequencies_are_those_of_the_sines():
    linears = (Linear(2, 4), Linear(4, 4), Linear(4, 1))
    sines = (Activation("sine", omega_0=30.0), Activation("sine", omega_0=7.5))
    layers = (linears[0], sines[0], linears[1], sines[1], linears[2])
    assert sine_frequencies(chain((2,), layers)) == (30.0, 7.5)
    assert sine_frequencies(chain((2,), (Linear(2, 3),))) == ()


@pytest.mark.parametrize(
    "architecture",
    [
        mlp((2, 8, 8, 1)),
        siren((3, 8, 1)),
        siren((2, 8, 2)),
        siren((2, 100, 150, 100, 1)),
        chain((2,), (Linear(2, 8, bias=False), Activation("sine"), Linear(8, 1))),
        chain((2,), siren((2, 4, 4, 1)).layers, (Skip(2, 3),)),
        chain((2,), (Linear(2, 4), Activation("sine"), Linear(4, 1), Activation("sine"))),
        chain((2,), (Linear(2, 4), Linear(4, 1), Linear(1, 1))),
    ],
)
def test_other_networks_have_none(architecture):
    assert sine_frequencies(architecture) is None


def test_the_limit_lies_above_the_networks_of_the_zoos():
    assert siren((2, 64, 64, 64, 3)).num_parameters < MAX_PARAMETERS < siren((2, 100, 150, 100, 1)).num_parameters
