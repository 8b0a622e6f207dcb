"""Architectures: shapes, names, dictionaries, and what they refuse."""

import json

import pytest

from ngcore.errors import ArchitectureError, NeuralGraphError, UnknownNameError
from ngcore.networks import (
    Activation,
    Architecture,
    Attend,
    BatchNorm,
    Conv2d,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Linear,
    Recurrence,
    Reshape,
    Skip,
    Step,
    chain,
    mlp,
    siren,
    small_cnn,
)

RESIDUAL = chain(
    (3, 8, 6),
    (
        Conv2d(3, 4, padding=(1, 1), bias=False),
        BatchNorm(4, eps=1e-3),
        Activation("leaky_relu", negative_slope=0.2),
        Conv2d(4, 4, (1, 3), padding=(0, 1), groups=4),
        LayerNorm(4),
        GlobalAveragePool(),
        Flatten(),
        Linear(4, 2),
    ),
    (Skip(1, 4), Skip(3, 4)),
)


def test_shapes_follow_the_layers():
    assert RESIDUAL.shapes == ((3, 8, 6), *[(4, 8, 6)] * 7, (4,), (4,), (2,))  # five layers and two sums
    assert RESIDUAL.output_shape == (2,)
    assert Conv2d(1, 2, (3, 5), (2, 3), (1, 0)).output_shape((1, 9, 11)) == (2, 5, 3)


def test_parameters_are_named_and_shaped_as_in_a_torch_sequential():
    assert RESIDUAL.parameter_shapes == {
        "0.weight": (4, 3, 3, 3),
        "1.weight": (4,),
        "1.bias": (4,),
        "1.running_mean": (4,),
        "1.running_var": (4,),
        "3.weight": (4, 1, 1, 3),
        "3.bias": (4,),
        "4.weight": (4,),
        "4.bias": (4,),
        "7.weight": (2, 4),
        "7.bias": (2,),
    }
    assert RESIDUAL.num_parameters == 108 + 16 + 12 + 4 + 8 + 8 + 2


def test_the_usual_architectures_have_the_published_numbers_of_parameters():
    assert siren().num_parameters == 1185
    assert small_cnn().num_parameters == 4970


def test_names_say_sizes_and_activations():
    assert siren().name == "2-32-32-1 sine"
    assert small_cnn().name == "CNN 1-16-16-16-10 relu"
    assert mlp((2, 3)).name == "2-3 none"


def test_networks_that_read_maps_are_named_by_their_family():
    head = (Flatten(), Linear(64, 3), Activation("gelu"))
    assert chain((1, 8, 8), head).name == "MLP 1-3 gelu"
    lstm = Recurrence("lstm", 8, 4)
    steps = (Step(Flatten(kept=1), (0,)), Step(lstm, (1,), "cell"), Step(Flatten(), (2,)))
    assert Architecture(((1, 8, 8),), steps, (3,)).name == "LSTM 1-4"
    patches = (Step(Conv2d(1, 4, (4, 4), (4, 4)), (0,), "patches"), Step(Reshape((4,)), (1,)))
    attending = (*patches, Step(Attend(2), (2, 2, 2)))
    assert Architecture(((1, 8, 8),), attending, (3,)).name == "Transformer 1-4 none"


@pytest.mark.parametrize("architecture", [RESIDUAL, siren(), small_cnn(), mlp((2, 3, 1), "gelu")])
def test_an_architecture_survives_json(architecture):
    restored = Architecture.from_dict(json.loads(json.dumps(architecture.to_dict())))
    assert restored == architecture
    assert restored.id == architecture.id


def test_ids_tell_structures_apart():
    assert len(siren().id) == 12
    assert siren((2, 3, 1)).id != siren((2, 4, 1)).id
    assert siren(omega_0=30.0).id != siren(omega_0=20.0).id
    plain = chain(RESIDUAL.input_shape, RESIDUAL.layers)
    assert plain.id != RESIDUAL.id


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ArchitectureError, match=r"value of shape \(4,\) before Linear\(in_features=4.*got \(3,\)"):
        chain((2,), (Linear(2, 3), Linear(4, 1)))
    with pytest.raises(ArchitectureError, match=r"shape \(3, height, width\) before Conv2d.*got \(1, 8, 8\)"):
        chain((1, 8, 8), (Conv2d(3, 4),))
    with pytest.raises(
        ArchitectureError, match=r"shape \(channels, height, width\) before GlobalAveragePool.*got \(2,\)"
    ):
        chain((2,), (GlobalAveragePool(),))
    with pytest.raises(ArchitectureError, match=r"shape \(5, …\) before BatchNorm.*got \(2,\)"):
        chain((2,), (BatchNorm(5),))


def test_a_kernel_larger_than_its_map_is_refused():
    with pytest.raises(ArchitectureError, match=r"at least as large as the \(3, 3\) kernel, got \(2, 9\)"):
        chain((1, 2, 9), (Conv2d(1, 1),))


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ArchitectureError, match="groups that divide 4 input and 6 output channels, got 3"):
        Conv2d(4, 6, groups=3)


def test_input_shapes_of_other_dimensions_are_refused():
    for shape in ((0,), (2, 0), ()):
        with pytest.raises(ArchitectureError, match=r"Expected input shapes \(features,\) or"):
            chain(shape, ())


def test_skips_that_lead_nowhere_backwards_or_to_another_shape_are_refused():
    layers = (Linear(2, 3), Linear(3, 3))
    for skip in (Skip(2, 1), Skip(1, 1), Skip(0, 7), Skip(-1, 2)):
        with pytest.raises(ArchitectureError, match="Expected a skip forwards between values 0 … 2, got Skip"):
            chain((2,), layers, (skip,))
    with pytest.raises(ArchitectureError, match=r"values of equal shape, got \(2,\) and \(3,\) in Skip\(source=0"):
        chain((2,), layers, (Skip(0, 1),))


def test_unknown_activations_and_layer_kinds_are_refused():
    with pytest.raises(NeuralGraphError, match="swish"):
        Architecture.from_dict({"input_shape": [2], "layers": [{"kind": "activation", "function": "swish"}]})
    with pytest.raises(
        UnknownNameError, match="Unknown layer kind 'max_pool'; choose from: activation, adaptive_pool, add"
    ):
        Architecture.from_dict({"input_shape": [2], "layers": [{"kind": "max_pool"}]})


CONV = {"kind": "conv2d", "in_channels": 1, "out_channels": 1}


@pytest.mark.parametrize(
    "layer",
    [
        {"kind": "linear", "in_features": 2, "out_features": -1},
        {**CONV, "stride": [0, 1]},
        {**CONV, "padding": [-1, 0]},
        {**CONV, "groups": 0},
        {"kind": "batch_norm", "num_features": 0},
    ],
)
def test_sizes_that_are_no_sizes_are_refused(layer):
    with pytest.raises(ArchitectureError, match=r"Expected whole numbers of at least [01] as sizes, got"):
        Architecture.from_dict({"input_shape": [2], "layers": [layer]})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"input_shape": [2]},
        {"input_shape": ["two"], "layers": []},
        {"input_shape": [2], "layers": [{}]},
        {"input_shape": [2], "layers": ["linear"]},
        {"input_shape": [2], "layers": [{"kind": []}]},
        {"input_shape": [2], "layers": [{"kind": "flatten", "depth": 3}]},
        {"input_shape": [2], "layers": [], "skips": [{"source": 0}]},
        {"input_shape": [2], "layers": [{"kind": "layer_norm", "num_features": 2, "eps": "small"}]},
        {"input_shape": [1, 9, 9], "layers": [{**CONV, "kernel_size": 3}]},
    ],
)
def test_fields_that_describe_no_architecture_are_refused(fields):
    with pytest.raises(ArchitectureError, match="Expected the fields of an architecture, got"):
        Architecture.from_dict(fields)


@pytest.mark.parametrize(
    "layer",
    [
        {"kind": "linear", "in_features": 2, "out_features": 1.5},
        {"kind": "linear", "in_features": 2, "out_features": "3"},
        {**CONV, "kernel_size": [3, 3, 3]},
    ],
)
def test_sizes_of_another_type_are_refused(layer):
    with pytest.raises(ArchitectureError, match="Expected"):
        Architecture.from_dict({"input_shape": [2], "layers": [layer]})


@pytest.mark.parametrize("number", [-1.0, 0.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm])
def test_the_eps_of_a_norm_is_finite_and_above_0(norm, number):
    with pytest.raises(ArchitectureError, match="eps"):
        norm(4, eps=number)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 1e39])
@pytest.mark.parametrize("field", ["omega_0", "negative_slope"])
def test_the_numbers_of_an_activation_are_finite_in_single_precision(field, number):
    with pytest.raises(ArchitectureError, match=f"Expected a finite {field}"):
        Activation("sine", **{field: number})
