"""Files that can be read in two ways: names decide, what they leave open is asked, nothing is chosen silently."""

import itertools

import pytest
import torch
from torch import nn

from ngcore.errors import AmbiguousNetworkError, UnsupportedNetworkError
from ngcore.networks import Activation, BatchNorm
from ngcore.upload import Hints
from ngcore.upload.infer import infer_architecture

RELU = Hints(activation="relu")
PLAIN = Hints(activation="relu", convolution="conv2d")


def state_of(**modules):
    """The state dict of modules under their names."""
    return nn.ModuleDict(modules).state_dict()


def mlp(*sizes):
    layers = [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def questions_of(state, hints=RELU, **options):
    with pytest.raises(AmbiguousNetworkError) as caught:
        infer_architecture(state, hints, **options)
    return {question.field: question for question in caught.value.questions}


@pytest.mark.parametrize(
    ("modules", "choices"),
    [
        ({"actor": mlp(4, 8, 4), "critic": mlp(4, 8, 1)}, ("actor", "critic", "all")),
        ({"g": mlp(4, 8, 3), "d": mlp(3, 8, 1)}, ("g", "d", "all")),
        ({"generator": mlp(4, 8, 3), "discriminator": mlp(5, 8, 1)}, ("generator", "discriminator")),
        ({"branch1": mlp(4, 8, 4), "branch2": mlp(4, 8, 4)}, ("branch1", "branch2", "all")),
        ({"online": mlp(4, 8, 4), "target": mlp(4, 8, 4)}, ("online", "target", "all")),
        ({"body": mlp(4, 8, 4), "value": mlp(4, 1), "advantage": mlp(4, 2)}, None),
        ({"foo": mlp(4, 8, 4), "bar": mlp(4, 8, 1)}, ("foo", "bar", "all")),
    ],
)
def test_parts_that_may_be_networks_of_their_own_are_asked_about(modules, choices):
    question = questions_of(state_of(**modules))["part"]
    assert choices is None or question.choices == choices
    assert choices is not None or {"body,value", "body,advantage"} <= set(question.choices)
    for choice in question.choices:
        part = tuple(choice.split(","))
        assert infer_architecture(state_of(**modules), RELU.over(Hints(part=part))).architecture.layers


def test_the_part_that_is_said_is_read_and_the_rest_is_said_to_be_set_aside():
    state = state_of(actor=mlp(4, 8, 4), critic=mlp(4, 8, 1))
    found = infer_architecture(state, RELU.over(Hints(part=("critic",))))
    assert found.architecture.output_shape == (1,)
    assert "Only critic is read, as stated; actor is set aside." in found.notes


def test_a_part_that_is_not_there_is_refused_with_those_that_are():
    state = state_of(actor=mlp(4, 8, 4), critic=mlp(4, 8, 1))
    with pytest.raises(UnsupportedNetworkError, match=r"^Expected a part among actor, critic, got 'agent'\.$"):
        infer_architecture(state, Hints(part=("agent",)))


def test_a_copy_of_the_weights_is_not_the_suggestion():
    state = state_of(ema_model=mlp(4, 8, 4), model=mlp(4, 8, 4))
    assert questions_of(state)["part"].suggestion == "model"


@pytest.mark.parametrize("name", ["ema.{}", "ema_model.module.{}", "net_ema.{}", "swa_{}", "{}_ema"])
def test_averaged_copies_beside_the_weights_are_set_aside_and_named(name):
    own = mlp(4, 8, 4).state_dict()
    copies = {name.format(key): torch.zeros_like(tensor) for key, tensor in own.items()}
    found = infer_architecture({**copies, **own}, RELU)
    assert set(found.sources.values()) == set(own)
    assert found.notes[0] == f"Set aside, as an averaged copy of the weights: {name.format('0.weight')}, …."


def test_an_averaged_copy_of_some_layers_is_set_aside():
    state = {**state_of(net=mlp(4, 4, 4)), "ema.2.weight": torch.ones(4, 4)}
    assert "ema.2.weight" not in infer_architecture(state, RELU).sources.values()


@pytest.mark.parametrize("part", ["net", "net_ema"])
def test_whole_averaged_copies_are_asked_about_and_either_can_be_said(part):
    state = state_of(net=mlp(4, 8, 4), net_ema=mlp(4, 8, 4))
    assert questions_of(state)["part"].suggestion == "net"
    sources = infer_architecture(state, RELU.over(Hints(part=(part,)))).sources
    assert all(name.startswith(f"{part}.") for name in sources.values())


def test_averaged_weights_alone_are_read():
    assert infer_architecture(state_of(ema=mlp(4, 8, 4)), RELU).sources["0.weight"] == "ema.0.weight"


def test_an_encoder_comes_before_a_decoder_in_an_alphabetical_file_too():
    state = dict(sorted(state_of(encoder=mlp(6, 4, 2), decoder=mlp(2, 4, 6)).items()))
    found = infer_architecture(state, RELU, is_ordered=False)
    assert found.architecture.input_shape == (6,)
    assert "put in order by their names: encoder, then decoder." in found.notes[0]


@pytest.mark.parametrize("names", [("q", "k", "v", "o"), ("q_proj", "k_proj", "v_proj", "out_proj"), ("key", "query")])
def test_queries_and_keys_are_no_chain(names):
    state = state_of(**{name: nn.Linear(4, 4) for name in names})
    with pytest.raises(UnsupportedNetworkError, match=r"^The names are those of an attention layer"):
        infer_architecture(state, RELU)


@pytest.mark.parametrize(
    ("module", "name", "what"),
    [
        (nn.ConvTranspose2d(4, 4, 3), "deconv1", "a transposed convolution"),
        (nn.ConvTranspose2d(4, 4, 2), "up1", "a transposed convolution"),
        (nn.ConvTranspose2d(4, 4, 2), "conv_transpose", "a transposed convolution"),
        (nn.ConvTranspose2d(4, 4, 3), "convT2", "a transposed convolution"),
        (nn.ConvTranspose2d(4, 4, 5), "upsampling", "a transposed convolution"),
        (nn.Embedding(4, 4), "tok_emb", "an embedding table"),
        (nn.Embedding(4, 4), "wte", "an embedding table"),
        (nn.GroupNorm(2, 4), "gn1", "a group norm"),
        (nn.BatchNorm2d(4, track_running_stats=False), "bn1", "a batch norm without running statistics, so that"),
    ],
)
def test_names_outweigh_shapes(module, name, what):
    state = state_of(**{name: module, "fc": nn.Linear(4, 4)})
    with pytest.raises(UnsupportedNetworkError, match=rf"^The name '{name}.weight' is that of {what}"):
        infer_architecture(state, RELU)


def test_a_bias_tells_a_transposed_convolution_and_a_weight_stored_the_other_way():
    with pytest.raises(UnsupportedNetworkError, match="seems to be that of a transposed convolution"):
        infer_architecture({"0.weight": torch.ones(8, 4, 3, 3), "0.bias": torch.ones(4)}, RELU)
    with pytest.raises(UnsupportedNetworkError, match="stored as inputs × outputs, as Keras and JAX do"):
        infer_architecture({"0.weight": torch.ones(8, 4), "0.bias": torch.ones(4)}, RELU)


@pytest.mark.parametrize(
    ("module", "field"),
    [
        (nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 4)), "convolution"),
        (nn.Sequential(nn.Embedding(4, 4), nn.Linear(4, 3)), "table"),
        (nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.ReLU(), nn.Linear(4, 3)), "norm"),
    ],
)
def test_layers_that_look_alike_are_asked_about_and_the_other_kind_is_refused(module, field):
    state = module.state_dict()
    question = questions_of(state)[field]
    assert question.choices[0] == question.suggestion
    with pytest.raises(UnsupportedNetworkError, match="not supported"):
        infer_architecture(state, RELU.over(Hints(**{field: question.choices[1]})))


@pytest.mark.parametrize("name", ["net", "layers", "decoder", "generator", "dec_conv", "trans1"])
def test_a_square_convolution_whose_name_does_not_say_that_it_is_plain_is_asked_about(name):
    state = state_of(**{name: nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3))})
    assert questions_of(state)["convolution"].suggestion == "conv2d"


@pytest.mark.parametrize("name", ["conv1", "features", "encoder", "backbone"])
def test_a_square_convolution_whose_name_says_that_it_is_plain_is_not_asked_about(name):
    state = state_of(**{name: nn.Sequential(nn.Conv2d(4, 4, 3)), "fc": nn.Linear(4, 3)})
    assert "convolution" not in questions_of(state)


def test_an_even_kernel_puts_every_square_convolution_in_doubt():
    state = state_of(conv1=nn.Conv2d(4, 4, 3), conv2=nn.Conv2d(4, 4, 4), fc=nn.Linear(4, 3))
    assert questions_of(state)["convolution"].reason.endswith(": conv1, conv2")


def kinds(found):
    return ["act" if isinstance(layer, Activation) else type(layer).__name__ for layer in found.architecture.layers]


def test_an_activation_before_a_norm_is_found_by_the_gap_in_the_numbers():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    assert kinds(infer_architecture(module.state_dict(), RELU)) == ["Linear", "act", "BatchNorm", "Linear"]


def test_gaps_on_both_sides_of_a_norm_are_asked_about():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3))
    state = module.state_dict()
    question = questions_of(state)["activation_side"]
    assert question.suggestion == "before_norm"
    for side, expected in (("before_norm", ["act", "BatchNorm"]), ("after_norm", ["BatchNorm", "act"])):
        assert kinds(infer_architecture(state, RELU.over(Hints(activation_side=side))))[1:3] == expected


def test_names_without_numbers_do_not_tell_the_side_of_a_norm():
    state = state_of(conv1=nn.Conv2d(1, 2, 3), bn1=nn.BatchNorm2d(2), fc=nn.Linear(2, 3))
    assert questions_of(state)["activation_side"].suggestion == "after_norm"


def test_no_activation_is_put_where_the_numbers_leave_no_room_and_that_is_said():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 3))
    found = infer_architecture(module.state_dict(), RELU)
    assert kinds(found) == ["Linear", "act", "Linear", "Linear"]
    assert "No activation follows 2: the numbers leave no room for one, and do elsewhere." in found.notes


def test_a_flattening_alone_leaves_no_room_for_an_activation():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 3))
    hints = PLAIN.over(Hints(stride=1, padding=0, input_size=(8, 8)))
    assert kinds(infer_architecture(module.state_dict(), hints)) == ["Conv2d", "act", "Conv2d", "Flatten", "Linear"]


# Geometry -----------------------------------------------------------------------------------------------------------


def answers_of(state):
    return {name: question.suggestion for name, question in questions_of(state).items()}


@pytest.mark.parametrize(
    ("layers", "positions"),
    [
        ((nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)), 8 * 12),
        ((nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)), 12 * 12),
        ((nn.Conv2d(1, 6, 7), nn.Conv2d(6, 16, 3), nn.Conv2d(16, 8, 1)), 11 * 11),
    ],
)
def test_a_geometry_that_is_suggested_fits(layers, positions):
    width = layers[-1].out_channels
    state = nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * positions, 10)).state_dict()
    found = infer_architecture(state, RELU.over(Hints(**answers_of(state))))
    assert found.architecture.output_shape == (10,)


def test_oblong_images_are_suggested_where_no_square_fits():
    state = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 16 * 24, 10)).state_dict()
    assert answers_of(state)["input_size"] in {(32, 48), (48, 32)}


def test_what_cannot_fit_is_not_suggested_and_pooling_is_named_as_the_likely_cause():
    state = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 9973, 10)).state_dict()
    asked = questions_of(state)
    assert [question.suggestion for question in asked.values()] == [None, None, None]
    assert "pooling between the convolutions, which is not supported, is the likely cause" in asked["stride"].reason


def test_pooling_is_named_where_it_would_explain_the_features_as_well():
    state = state_of(
        conv1=nn.Conv2d(1, 6, 5), conv2=nn.Conv2d(6, 16, 5), fc1=nn.Linear(400, 120), fc2=nn.Linear(120, 84)
    )
    reason = questions_of(state)["stride"].reason
    assert "so would stride 1 with 2 × 2 pooling after each convolution, but pooling is not supported" in reason


def test_stride_and_padding_may_differ_by_layer():
    state = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Conv2d(6, 16, 5), nn.Flatten(), nn.Linear(2304, 10))
    hints = RELU.over(Hints(stride=(1, 2), padding=(2, 0), input_size=(28, 28)))
    found = infer_architecture(state.state_dict(), hints).architecture
    assert [layer.stride for layer in found.weight_layers.values() if hasattr(layer, "stride")] == [(1, 1), (2, 2)]


def test_a_batch_norm_is_read_wherever_its_statistics_are_stored():
    state = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).state_dict()
    assert BatchNorm(4) in infer_architecture(state, RELU).architecture.layers
