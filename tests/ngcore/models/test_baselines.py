"""The baselines: shapes, what permutations do to them, normalisation, gradients, errors."""

import pytest
import torch

from ngcore.errors import NeuralGraphError, ShapeMismatchError
from ngcore.inr import render
from ngcore.models import InputSpec
from ngcore.models.baselines import FlatMLP, StatNN
from ngcore.models.config import OutputProbesConfig
from ngcore.models.output_probes import LatticeProbes, OutputProbes
from ngcore.networks import Activation, BatchNorm, Linear, chain, mlp, siren, small_cnn
from ngcore.testing import assert_invariant, random_network

SIREN = siren((2, 6, 6, 1))
CNN = small_cnn((1, 4, 4), num_classes=3, image_size=(10, 12))


def output_probes(*architectures, **numbers):
    config = OutputProbesConfig(**{"num_layers": 2, "generates_probes": True, "d_hidden": 16} | numbers)
    return OutputProbes(config, InputSpec.of(architectures))


def build(name, architecture, dtype=torch.float64):
    torch.manual_seed(0)
    if name == "flat":
        model = FlatMLP(num_parameters=architecture.num_parameters, d_out=5, d_hidden=16)
    elif name == "statistics":
        model = StatNN(max_layers=4, d_out=5, d_hidden=16)
    else:
        model = output_probes(architecture, d_out=5, num_probes=7)
    return model.to(dtype).eval()


@pytest.mark.parametrize("name", ["flat", "statistics", "probes"])
@pytest.mark.parametrize("architecture", [SIREN, CNN], ids=["siren", "cnn"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_answers_and_embeddings_have_one_row_a_network(name, architecture, dtype):
    model, network = build(name, architecture, dtype), random_network(architecture, 3, dtype=dtype)
    answer, embedding = model(network), model.embed(network)
    assert answer.shape == (3, 5)
    assert embedding.shape == (3, 16)
    assert answer.dtype == embedding.dtype == dtype
    torch.testing.assert_close(model.head(embedding), answer)


@pytest.mark.parametrize("name", ["statistics", "probes"])
@pytest.mark.parametrize("architecture", [SIREN, CNN], ids=["siren", "cnn"])
def test_statistics_and_probes_do_not_notice_permutations(name, architecture):
    assert_invariant(build(name, architecture), random_network(architecture, 3))


def test_the_flat_mlp_does_notice_permutations():
    with pytest.raises(AssertionError, match="Expected the same result for permuted networks"):
        assert_invariant(build("flat", SIREN), random_network(SIREN, 3))


@pytest.mark.parametrize("name", ["flat", "statistics", "probes"])
@pytest.mark.parametrize("architecture", [SIREN, CNN], ids=["siren", "cnn"])
def test_gradients_reach_all_parameters_and_the_networks(name, architecture):
    model, network = build(name, architecture), random_network(architecture, 3)
    network = network.map(lambda tensor: tensor.requires_grad_())
    model(network).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert all(tensor.grad.isfinite().all() for tensor in network.parameters.values())


@pytest.mark.parametrize("name", ["flat", "statistics"])
def test_fitted_normalisation_brings_features_to_mean_0_and_deviation_1(name):
    model, network = build(name, SIREN), random_network(SIREN, 40)
    model.fit_normalisation([network[:10], network[10:]])
    features = model.features(network)
    used = features.std(dim=0) > 0
    torch.testing.assert_close(features.mean(dim=0), torch.zeros_like(model.mean), atol=1e-9, rtol=0)
    torch.testing.assert_close(features.std(dim=0, correction=0)[used], torch.ones(int(used.sum())).double())
    assert (model.std[~used] == 1).all()


def test_statistics_equal_those_of_torch():
    """Layer 0 of a 2-6-6-1 network: 12 weights, so the quartiles fall between two of them."""
    network = random_network(SIREN, 2)
    features = build("statistics", SIREN).raw_features(network)
    weights = network.parameters["0.weight"].flatten(1)
    quantiles = torch.quantile(weights, torch.tensor([0, 0.25, 0.5, 0.75, 1.0]).double(), dim=1).T
    expected = torch.cat([weights.mean(1, True), weights.var(1, correction=0, keepdim=True), quantiles], dim=1)
    torch.testing.assert_close(features[:, :7], expected)
    torch.testing.assert_close(features[:, 7], network.parameters["0.bias"].mean(dim=1))
    assert (features[:, 3 * 14 :] == 0).all()  # the fourth layer is padding


def test_statistics_read_networks_of_several_depths_norms_and_no_biases():
    layers = (Linear(2, 3, bias=False), BatchNorm(3), Activation("relu"), Linear(3, 1))
    stacks = [random_network(chain((2,), layers), 4), random_network(mlp((2, 5, 1)), 4)]
    model = build("statistics", SIREN)
    model.fit_normalisation(stacks)
    assert all(model(stack).isfinite().all() for stack in stacks)


def test_statistics_refuse_a_network_that_is_too_deep():
    network = random_network(mlp((1, 1, 1, 1, 1, 1)))
    with pytest.raises(
        ShapeMismatchError, match=r"at most 4 layers with weights, got .* with 5; build the model with a"
    ):
        build("statistics", SIREN)(network)


def test_the_flat_mlp_refuses_another_number_of_parameters():
    with pytest.raises(ShapeMismatchError, match=r"Expected networks of 67 parameters, got Network\(1 × 2-3-1 relu"):
        build("flat", SIREN)(random_network(mlp((2, 3, 1))))


@pytest.mark.parametrize(
    ("sizes", "refusal"),
    [((3, 3, 1), r"inputs of shape \(2,\), got \(3,\)"), ((2, 3, 2), "at most 1 output channels, got .* of 2")],
)
def test_output_probes_refuse_other_inputs_and_more_outputs(sizes, refusal):
    with pytest.raises(ShapeMismatchError, match=refusal):
        build("probes", SIREN)(random_network(mlp(sizes)))


def test_generated_images_fill_the_input_and_stay_in_range():
    probes = build("probes", CNN).probes.make()
    assert probes.shape == (7, 1, 10, 12)
    assert probes.abs().max() < 1
    assert probes.std() > 0.2


def test_generated_points_spread_over_the_square():
    torch.manual_seed(0)
    points = output_probes(SIREN, num_probes=256).probes.make()
    assert points.shape == (256, 2)
    assert 0.4 < points.std() < 0.8


def lattice(num_outputs=3, num_probes=25, d_hidden=8):
    torch.manual_seed(0)
    return LatticeProbes(num_probes=num_probes, num_outputs=num_outputs, d_out=5, d_hidden=d_hidden).double().eval()


def test_a_lattice_reads_the_coarse_image_of_an_inr():
    network = random_network(siren((2, 6, 3)), 2)
    features = lattice().features(network)
    image = render(network, (5, 5)).movedim(3, 1)
    mean, std = (getattr(image.flatten(1), name)(dim=1)[:, None, None, None] for name in ("mean", "std"))
    assert torch.allclose(features, (image - mean) / (std * (74 / 75) ** 0.5), atol=1e-4)


def test_a_lattice_answers_one_row_a_network_whatever_stands_beside():
    small, large = random_network(siren((2, 6, 6, 1)), 2), random_network(siren((2, 9, 3)), 3)
    model = lattice()
    together = model([small, large])
    assert together.shape == (5, 5) and model.embed(small).shape == (2, 8)
    assert torch.allclose(together, torch.cat([model(small), model(large)]))
    assert_invariant(model, large)


def test_gradients_reach_all_parameters_of_a_lattice_and_the_networks():
    """With two channels or more in each convolution: a bias before the norm of a single channel changes nothing."""
    model = lattice(d_hidden=16)
    network = random_network(siren((2, 6, 3)), 2).map(lambda tensor: tensor.requires_grad_())
    model(network).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert all(tensor.grad.isfinite().all() for tensor in network.parameters.values())


def test_absent_outputs_of_probed_networks_are_zeros_behind_those_that_are_there():
    network = random_network(siren((2, 6, 1)), 2)
    free, coarse = output_probes(siren((2, 6, 3)), num_probes=4, generates_probes=False).double(), lattice()
    free.norm = coarse.norm = torch.nn.Identity()
    read = free.row(free.ask(network)).view(2, 4, 3)
    torch.testing.assert_close(read[..., :1], network(free.probes.make()))
    assert not read[..., 1:].any()
    features = coarse.features(network)
    torch.testing.assert_close(features[:, 0] + 0.5, render(network, (5, 5)))
    assert not features[:, 1:].any()


def test_a_lattice_refuses_what_it_cannot_read():
    with pytest.raises(NeuralGraphError, match="square number of probes for a lattice, got 24"):
        lattice(num_probes=24)
    for network in (random_network(CNN), random_network(siren((3, 4, 3))), random_network(siren((2, 4, 4)))):
        with pytest.raises(ShapeMismatchError, match=r"Expected networks from \(2,\) to at most \(3,\)"):
            lattice()(network)
