"""Architectures read off names and shapes, and what is asked or refused where they do not tell."""

import pytest
import torch
from torch import nn

from ngcore.errors import AmbiguousNetworkError, UnsupportedNetworkError
from ngcore.networks import Activation, BatchNorm, Conv2d, Flatten, GlobalAveragePool, LayerNorm, Linear, siren
from ngcore.upload import Hints
from ngcore.upload.infer import infer_architecture
from ngcore.upload.modules import HOW_TO_EXPORT

RELU = Hints(activation="relu", convention="dws")
SINE = Hints(activation="sine", convention="dws")
RELU_LAYER = Activation("relu")


def tensors(**shapes):
    """Tensors of ones under names whose dots are written as double underscores."""
    return {name.replace("__", "."): torch.ones(shape) for name, shape in shapes.items()}


def linears(*names, sizes=(2, 5, 5, 1)):
    """Weights and biases of linear layers under the given prefixes."""
    state = {}
    for name, n_in, n_out in zip(names, sizes[:-1], sizes[1:], strict=True):
        state |= {f"{name}.weight": torch.ones(n_out, n_in), f"{name}.bias": torch.ones(n_out)}
    return state


@pytest.mark.parametrize(
    "names",
    [
        ("0", "2", "4"),
        ("net.0", "net.2", "net.4"),
        ("net.8", "net.9", "net.10"),
        ("layers.0.linear", "layers.1.linear", "layers.2.linear"),
        ("seq.2", "seq.4", "seq.6"),
        ("module.net.0", "module.net.1", "module.net.2"),
        ("_orig_mod.net.0.linear", "_orig_mod.net.1.linear", "_orig_mod.net.2"),
        ("fc1", "fc2", "fc3"),
        ("input", "hidden", "output"),
        ("seq.0", "seq.2", "head"),
    ],
)
def test_usual_names_of_a_perceptron_are_understood_in_any_order(names):
    state = linears(*names)
    for is_ordered, given in ((True, state), (False, dict(sorted(state.items())))):
        found = infer_architecture(given, SINE, is_ordered=is_ordered)
        assert found.architecture == siren((2, 5, 5, 1))
        assert found.sources["2.weight"] == f"{names[1]}.weight"


def test_numbers_decide_the_order_of_layers_of_equal_shape():
    state = linears("net.10", "net.8", "net.2", sizes=(4, 4, 4, 4))
    sources = infer_architecture(state, RELU).sources
    assert [sources[f"{i}.weight"] for i in (0, 2, 4)] == ["net.2.weight", "net.8.weight", "net.10.weight"]


def test_names_without_numbers_keep_the_order_of_the_file():
    state = linears("stem", "body", "head", sizes=(4, 4, 4, 4))
    assert infer_architecture(state, RELU).sources["0.weight"] == "stem.weight"


def test_a_network_of_named_layers_is_ordered_by_shapes_when_the_file_is_sorted():
    state = tensors(
        bn1__weight=(3,),
        bn1__bias=(3,),
        bn1__running_mean=(3,),
        bn1__running_var=(3,),
        conv1__weight=(3, 1, 3, 3),
        conv2__weight=(6, 3, 3, 3),
        fc1__weight=(5, 6),
        fc2__weight=(2, 5),
    )
    hints = Hints(activation="relu", activation_side="after_norm", stride=1, padding=0, input_size=(8, 8))
    layers = infer_architecture(state, hints, is_ordered=False).architecture.layers
    kinds = [type(layer) for layer in layers if not isinstance(layer, Activation)]
    assert kinds == [Conv2d, BatchNorm, Conv2d, GlobalAveragePool, Linear, Linear]


def test_an_activation_stands_before_the_norm_where_the_numbers_of_a_sequential_say_so():
    before = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.LayerNorm(3), nn.Linear(3, 1)).state_dict()
    after = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.ReLU(), nn.Linear(3, 1)).state_dict()
    norm, hints = LayerNorm(3), RELU.over(Hints(norm="layer_norm"))
    assert infer_architecture(before, hints).architecture.layers[1:3] == (RELU_LAYER, norm)
    assert infer_architecture(after, hints).architecture.layers[1:3] == (norm, RELU_LAYER)


def test_nothing_follows_the_last_layer_and_one_layer_needs_no_activation():
    assert infer_architecture(linears("0", sizes=(3, 2)), Hints()).architecture.layers == (Linear(3, 2),)


def test_a_norm_without_scale_is_filled_with_one_and_zero():
    state = tensors(**{"0__weight": (3, 2), "1__running_mean": (3,), "1__running_var": (3,)})
    sources = infer_architecture(state, Hints()).sources
    assert (sources["1.weight"], sources["1.bias"]) == (1.0, 0.0)


@pytest.mark.parametrize(("features", "layer"), [(6, GlobalAveragePool()), (6 * 16, Flatten())])
def test_pooling_or_flattening_follows_from_the_features_of_the_linear_layer(features, layer):
    state = tensors(**{"0__weight": (6, 1, 3, 3), "3__weight": (10, features)})
    hints = Hints(activation="relu", stride=1, padding=1, input_size=(4, 4))
    assert infer_architecture(state, hints).architecture.layers[1:3] == (RELU_LAYER, layer)


def test_groups_follow_from_shapes():
    state = tensors(**{"0__weight": (8, 3, 3, 3), "1__weight": (8, 1, 3, 3), "2__weight": (4, 4, 1, 1)})
    hints = Hints(activation="relu", stride=1, padding=0, input_size=(9, 9))
    layers = infer_architecture(state, hints).architecture.weight_layers.values()
    assert [layer.groups for layer in layers] == [1, 8, 2]


def test_the_input_size_is_worked_out_if_only_one_fits():
    state = tensors(**{"0__weight": (2, 1, 3, 3), "2__weight": (1, 2 * 6 * 6)})
    found = infer_architecture(state, Hints(activation="relu", stride=1, padding=0))
    assert found.architecture.input_shape == (1, 8, 8)
    assert "Of all square inputs only 8 × 8 pixels give 36 positions." in found.notes


def test_an_implicit_representation_with_small_weights_suggests_sine():
    state = {name: tensor * 0.01 for name, tensor in linears("0", "2", "4").items()}
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture(state, Hints())
    assert str(caught.value) == (
        "The file does not say all about this network. Please add: activation (perhaps sine, small weights and few "
        "inputs, as in a SIREN); convention (perhaps dws, this project's own; the names are those of no other library)."
    )
    asked = [(q.field, q.suggestion, q.only_if) for q in caught.value.questions]
    assert asked == [("activation", "sine", None), ("convention", "dws", None)]


def test_a_sine_without_frequency_asks_for_it():
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture(linears("0", "2", "4", sizes=(3, 5, 5, 1)), Hints(activation="sine"))
    assert [question.field for question in caught.value.questions] == ["omega_0"]


def test_a_convolutional_network_asks_for_its_geometry_with_one_that_fits():
    state = tensors(**{"0__weight": (4, 3, 3, 3), "2__weight": (8, 4, 3, 3), "5__weight": (10, 8 * 8 * 8)})
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture(state, Hints())
    answers = {q.field: q.suggestion for q in caught.value.questions if q.only_if is None}
    assert answers == {"activation": "relu", "stride": 2, "padding": 1, "input_size": (32, 32)}
    assert infer_architecture(state, Hints(**answers)).architecture.output_shape == (10,)


EXPORT = " " + HOW_TO_EXPORT


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            tensors(**{"0__weight": (4, 2), "2__weight": (1, 5)}),
            "Expected a layer that takes the 4 outputs of '0.weight', got '2.weight' of shape (1, 5)." + EXPORT,
        ),
        (
            tensors(layer1__0__downsample__0__weight=(4, 4, 1, 1)),
            "The name 'layer1.0.downsample.0.weight' is one of a residual network, whose skip connections cannot be "
            "told." + EXPORT,
        ),
        (
            tensors(attention__in_proj_weight=(12, 4)),
            "Expected names that end in weight, bias, running_mean, running_var, got 'attention.in_proj_weight' of "
            "shape (12, 4)." + EXPORT,
        ),
        (
            tensors(**{"0__weight": (4, 2), "1__weight": (4,)}),
            "Expected the weight of a linear layer (2 axes), a 2-D convolution (4 axes) or a norm (1 axis and a bias), "
            "got '1.weight' of shape (4,) with weight." + EXPORT,
        ),
        (tensors(**{"0__weight": (4, 2), "0__bias": (3,)}), "Expected '0.bias' of shape (4,), got (3,)."),
        (
            tensors(norm__weight=(4,), norm__bias=(4,)),
            "Expected the weights of linear or convolutional layers, got none.",
        ),
        (tensors(norm__num_batches_tracked=()), "Expected a layer with weights, got 'norm.num_batches_tracked' alone."),
    ],
)
def test_what_is_no_chain_is_refused_with_the_first_tensor_that_does_not_fit(state, message):
    with pytest.raises(UnsupportedNetworkError) as caught:
        infer_architecture(state, RELU)
    assert str(caught.value) == message


def test_too_many_layers_are_refused_before_they_are_ordered():
    state = {f"{i}.weight": torch.ones(2, 2) for i in range(251)}
    with pytest.raises(UnsupportedNetworkError, match=r"^Expected at most 250 layers, got 251\.$"):
        infer_architecture(state, RELU)


def test_names_that_allow_several_orders_are_asked_about():
    state = tensors(a__weight=(2, 3), b__weight=(3, 2), c__weight=(2, 3), zz__weight=(1, 2), m__weight=(3, 4))
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture(state, RELU, is_ordered=False)
    (question,) = caught.value.questions
    assert (question.field, question.choices) == ("order", ("m,a,b,c,zz", "m,c,b,a,zz"))
    said = RELU.over(Hints(order=("m", "c", "b", "a", "zz")))
    sources = infer_architecture(state, said, is_ordered=False).sources
    assert [sources[f"{i}.weight"] for i in (0, 2, 4)] == ["m.weight", "c.weight", "b.weight"]


def test_a_geometry_that_does_not_fit_is_refused():
    state = tensors(**{"0__weight": (2, 1, 3, 3), "2__weight": (1, 2 * 36)})
    with pytest.raises(UnsupportedNetworkError) as caught:
        infer_architecture(state, Hints(activation="relu", stride=1, padding=0, input_size=(9, 9)))
    assert str(caught.value).startswith(
        "The layers do not fit with the stride, padding and input size that were given; pooling between the layers, "
        "which is not supported, may be the cause. Expected a value of shape (72,)"
    )
    with pytest.raises(UnsupportedNetworkError) as caught:
        infer_architecture(state, Hints(activation="relu", stride=(1, 1)))
    assert str(caught.value) == "Expected one stride or 1, one for each convolution, got 2."


def test_two_unnumbered_layers_that_do_not_fit_are_refused_by_name():
    state = tensors(a__weight=(3, 2), b__weight=(5, 4))
    with pytest.raises(UnsupportedNetworkError, match=r"takes the 3 outputs of 'a\.weight', got 'b\.weight'"):
        infer_architecture(state, Hints(activation="relu"), is_ordered=False)


def test_a_trained_siren_is_suggested_to_have_sines_though_its_last_layer_has_large_weights():
    from ngcore.paths import ASSETS
    from ngcore.zoo import Zoo

    network = Zoo.open(ASSETS / "zoos" / "mnist-inrs").networks([0])
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture({name: tensor[0] for name, tensor in network.parameters.items()}, Hints())
    asked = {question.field: question.suggestion for question in caught.value.questions}
    assert asked["activation"] == "sine"
