"""Operators of ONNX, one by one and in several opsets, compute what onnxruntime computes."""

import numpy as np
import onnx_models as om
import pytest
import torch
from onnx import TensorProto

from ngcore.upload import read_network

BATCH = 3
MAP, SEQUENCE = ("batch", 4, 6, 5), ("batch", 5, 4)


def agree(data, *inputs, tolerance=2e-5):
    """The network in a file answers as onnxruntime does; gives the network."""
    network = read_network(data).network
    assert network.origin.coverage.is_complete, network.origin.coverage
    given = [torch.from_numpy(array) for array in inputs]
    made = network(*given)
    made = made if isinstance(made, tuple) else (made,)
    for found, wanted in zip(made, om.answers(data, *inputs), strict=True):
        np.testing.assert_allclose(found[0].numpy().reshape(wanted.shape), wanted, rtol=1e-4, atol=tolerance)
    return network


def one_by_one(*nodes, shape=("batch", 4), opset=17, low=-1.0, **weights):
    """A Linear layer or convolution that gives `h` of the input's shape, then the nodes, which make `y`."""
    size = [BATCH if n == "batch" else n for n in shape]
    data = om.model(nodes, weights, inputs=(("h", shape),), opset=opset)
    return agree(data, om.numbers(*size, low=low))


FUNCTIONS = [
    *("Relu", "Sigmoid", "Tanh", "Abs", "Exp", "Neg", "Sin", "Cos", "Softplus", "Softsign", "Elu", "Selu"),
    *("LeakyRelu", "HardSigmoid", "ThresholdedRelu", "Identity"),
]


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
@pytest.mark.parametrize("op", FUNCTIONS)
def test_functions_of_each_number(op, opset):
    one_by_one(om.node(op, "h", "y"), opset=opset)


@pytest.mark.parametrize(
    ("op", "opset", "attributes"),
    [
        ("LeakyRelu", 9, {"alpha": 0.3}),
        ("Elu", 9, {"alpha": 0.5}),
        ("Celu", 13, {"alpha": 0.5}),
        ("HardSwish", 17, {}),
        ("HardSigmoid", 17, {"alpha": 0.3, "beta": 0.4}),
        ("Mish", 18, {}),
        ("Gelu", 21, {}),
        ("Gelu", 21, {"approximate": "tanh"}),
    ],
)
def test_functions_with_settings_of_their_own(op, opset, attributes):
    one_by_one(om.node(op, "h", "y", **attributes), opset=opset)


@pytest.mark.parametrize("op", ["Sqrt", "Log", "Reciprocal"])
def test_functions_of_positive_numbers(op):
    one_by_one(om.node(op, "h", "y"), low=0.5)


def scalar(number):
    return np.array(number, np.float32)


def kinds(network):
    """The kinds of its layers, those that only move axes left out."""
    return [step.layer.kind for step in network.architecture.steps if step.layer.kind != "turn"]


def only_function(network):
    """The one activation that a network is."""
    (step,) = network.architecture.steps
    return step.layer.function


def test_gelu_that_is_spelled_out_is_one_activation():
    nodes = [
        om.node("Div", "h root", "a"),
        om.node("Erf", "a", "b"),
        om.node("Add", "b one", "c"),
        om.node("Mul", "h c", "d"),
        om.node("Mul", "d half", "y"),
    ]
    network = one_by_one(*nodes, root=scalar(2**0.5), one=scalar(1), half=scalar(0.5), opset=9)
    assert only_function(network) == "gelu"


def test_swish_that_is_spelled_out_is_one_activation():
    network = one_by_one(om.node("Sigmoid", "h", "s"), om.node("Mul", "h s", "y"), opset=9)
    assert only_function(network) == "silu"


@pytest.mark.parametrize("order", ["last", "first", "by six"])
def test_hard_swish_that_is_spelled_out_is_one_activation(order):
    clip = [om.node("Add", "h three", "a"), om.node("Clip", "a zero six", "c")]
    ends = {
        "last": [om.node("Mul", "h c", "m"), om.node("Div", "m six", "y")],
        "first": [om.node("Div", "c six", "m"), om.node("Mul", "h m", "y")],
        "by six": [om.node("Div", "h six", "m"), om.node("Mul", "m c", "y")],
    }
    network = one_by_one(*clip, *ends[order], three=scalar(3), zero=scalar(0), six=scalar(6))
    assert only_function(network) == "hard_swish"


def test_clip_is_a_relu6_or_a_relu_where_it_is_one():
    assert only_function(one_by_one(om.node("Clip", "h", "y", min=0.0, max=6.0), opset=9)) == "hard_tanh"
    assert only_function(one_by_one(om.node("Clip", "h least", "y"), least=scalar(0))) == "relu"
    assert only_function(one_by_one(om.node("Max", "h least", "y"), least=scalar(0))) == "relu"


def test_softplus_that_does_not_overflow_is_one_activation():
    nodes = [
        om.node("Softplus", "h", "s"),
        om.node("Greater", "h limit", "c"),
        om.node("Where", "c h s", "y"),
    ]
    assert only_function(one_by_one(*nodes, limit=scalar(20))) == "softplus"


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
@pytest.mark.parametrize("is_transposed", [False, True])
def test_gemm(opset, is_transposed):
    weight = om.numbers(5, 4) if is_transposed else om.numbers(4, 5)
    gemm = om.node("Gemm", "h w b", "y", transB=int(is_transposed), alpha=0.5, beta=2.0)
    one_by_one(gemm, w=weight, b=om.numbers(5), opset=opset)


def test_matmul_and_add_are_one_linear_layer():
    nodes = [om.node("MatMul", "h w", "m"), om.node("Add", "b m", "y")]
    network = one_by_one(*nodes, w=om.numbers(4, 5), b=om.numbers(5), shape=SEQUENCE)
    assert kinds(network) == ["linear"]


CONVOLUTIONS = [
    {},
    {"pads": [1, 2, 1, 2], "strides": [2, 1]},
    {"dilations": [2, 1]},
    {"group": 2},
    {"pads": [0, 1, 1, 0]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    {"auto_pad": "VALID"},
]


@pytest.mark.parametrize("settings", CONVOLUTIONS)
def test_convolutions(settings):
    weight = om.numbers(6, 4 // settings.get("group", 1), 3, 2)
    one_by_one(om.node("Conv", "h w b", "y", **settings), w=weight, b=om.numbers(6), shape=MAP, opset=11)


@pytest.mark.parametrize("rank", [1, 3])
def test_convolutions_of_sequences_and_volumes(rank):
    shape, kernel = ("batch", 4, *(5, 4, 6)[:rank]), (3, 2, 1)[:rank]
    one_by_one(om.node("Conv", "h w", "y"), w=om.numbers(6, 4, *kernel), shape=shape)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
        {"pads": [0, 1, 1, 0]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 2], "output_shape": [12, 10]},
        {"group": 2, "dilations": [1, 2]},
    ],
)
def test_transposed_convolutions(settings):
    weight = om.numbers(4, 6 // settings.get("group", 1), 3, 3)
    one_by_one(om.node("ConvTranspose", "h w b", "y", **settings), w=weight, b=om.numbers(6), shape=MAP, opset=11)


@pytest.mark.parametrize(
    ("op", "settings"),
    [
        ("MaxPool", {}),
        ("MaxPool", {"strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}),
        ("MaxPool", {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("MaxPool", {"dilations": [2, 1]}),
        ("AveragePool", {"strides": [2, 1]}),
        ("AveragePool", {"pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", {"pads": [1, 1, 1, 1]}),
        ("AveragePool", {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ],
)
def test_pools(op, settings):
    one_by_one(om.node(op, "h", "y", kernel_shape=[3, 2], **settings), shape=MAP, opset=13)


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_pools_over_everything(op):
    one_by_one(om.node(op, "h", "y"), shape=MAP, opset=9)


@pytest.mark.parametrize("opset", [9, 13, 17, 21])
def test_batch_norm(opset):
    weights = {name: om.numbers(4, seed=i) for i, name in enumerate("sbm")}
    bn = om.node("BatchNormalization", "h s b m v", "y", epsilon=0.01)
    one_by_one(bn, **weights, v=om.numbers(4, low=0.5), shape=MAP, opset=opset)


def test_layer_norm():
    norm = om.node("LayerNormalization", "h s b", "y", epsilon=0.01)
    one_by_one(norm, s=om.numbers(4), b=om.numbers(4, seed=1), shape=SEQUENCE)


@pytest.mark.parametrize("opset", [9, 13, 17, 18])
@pytest.mark.parametrize("by", ["Pow", "Mul"])
def test_layer_norm_that_is_spelled_out_is_one_norm(opset, by):
    axes = {} if opset >= 18 else {"axes": [-1]}
    reads = " axes" if opset >= 18 else ""
    nodes = [
        om.node("ReduceMean", f"h{reads}", "m", **axes),
        om.node("Sub", "h m", "d"),
        om.node("Pow", "d two", "q") if by == "Pow" else om.node("Mul", "d d", "q"),
        om.node("ReduceMean", f"q{reads}", "v", **axes),
        om.node("Add", "v eps", "e"),
        om.node("Sqrt", "e", "r"),
        om.node("Div", "d r", "n"),
        om.node("Mul", "n s", "t"),
        om.node("Add", "t b", "y"),
    ]
    fixed = {"two": scalar(2), "eps": scalar(0.01), "s": om.numbers(4), "b": om.numbers(4, seed=1)}
    fixed |= {"axes": np.array([-1])} if opset >= 18 else {}
    network = one_by_one(*nodes, **fixed, shape=SEQUENCE, opset=opset)
    assert kinds(network) == ["layer_norm"]


def test_instance_norm():
    norm = om.node("InstanceNormalization", "h s b", "y", epsilon=0.01)
    one_by_one(norm, s=om.numbers(4), b=om.numbers(4, seed=1), shape=MAP, opset=9)


def test_group_norm_that_is_spelled_out_is_one_norm():
    nodes = [
        om.node("Reshape", "h grouped", "g"),
        om.node("InstanceNormalization", "g ones zeros", "n", epsilon=0.01),
        om.node("Shape", "h", "shape"),
        om.node("Reshape", "n shape", "r"),
        om.node("Mul", "r s", "t"),
        om.node("Add", "t b", "y"),
    ]
    fixed = {"grouped": np.array([0, 2, -1]), "ones": np.ones(2, np.float32), "zeros": np.zeros(2, np.float32)}
    network = one_by_one(*nodes, **fixed, s=om.numbers(4, 1, 1), b=om.numbers(4, 1, 1, seed=1), shape=MAP, opset=13)
    assert kinds(network) == ["group_norm"]


def test_group_norm_of_opset_21():
    norm = om.node("GroupNormalization", "h s b", "y", num_groups=2, epsilon=0.01)
    one_by_one(norm, s=om.numbers(4), b=om.numbers(4, seed=1), shape=MAP, opset=21)


def test_group_norm_of_opset_18_has_a_scale_for_each_group():
    norm = om.node("GroupNormalization", "h s b", "y", num_groups=2, epsilon=0.01)
    one_by_one(norm, s=om.numbers(2), b=om.numbers(2, seed=1), shape=MAP, opset=18)


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_over_the_axes_of_its_opset(op, opset):
    one_by_one(om.node(op, "h", "y", axis=1), shape=SEQUENCE, opset=opset)


@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reductions(op, opset, keepdims):
    by_input = opset >= (13 if op == "ReduceSum" else 18)
    if by_input:
        one_by_one(om.node(op, "h axes", "y", keepdims=keepdims), axes=np.array([2]), shape=MAP, opset=opset)
    else:
        one_by_one(om.node(op, "h", "y", keepdims=keepdims, axes=[2]), shape=MAP, opset=opset)


MOVES = {
    "transposed": [om.node("Transpose", "h", "y", perm=[0, 2, 1])],
    "flat": [om.node("Flatten", "h", "y")],
    "reshaped": [om.node("Reshape", "h sides", "y")],
    "by its own shape": [
        om.node("Shape", "h", "s"),
        om.node("Gather", "s zero", "n"),
        om.node("Unsqueeze", "n first", "u"),
        om.node("Concat", "u rest", "t", axis=0),
        om.node("Reshape", "h t", "y"),
    ],
    "cut": [om.node("Slice", "h from to axis step", "y")],
    "backwards": [om.node("Slice", "h last before axis back", "y")],
    "split": [om.node("Split", "h sizes", "a b", axis=1), om.node("Concat", "b a", "y", axis=1)],
    "one": [om.node("Gather", "h two", "y", axis=1)],
    "some": [om.node("Gather", "h picks", "y", axis=1)],
    "wider": [om.node("Unsqueeze", "h axis", "u"), om.node("Expand", "u wide", "y")],
    "tiled": [om.node("Tile", "h times", "y")],
    "padded": [om.node("Pad", "h pads", "y")],
    "squeezed": [om.node("Unsqueeze", "h axis", "u"), om.node("Squeeze", "u axis", "y")],
}
WHOLE = {
    "sides": [0, 2, -1],
    "zero": 0,
    "first": [0],
    "rest": [20],
    "from": [1],
    "to": [5],
    "axis": [1],
    "step": [2],
    "last": [-1],
    "before": [-10],
    "back": [-1],
    "sizes": [2, 3],
    "two": 2,
    "picks": [3, 0, 0, 4],
    "wide": [1, 2, 1, 1],
    "times": [1, 2, 1],
    "pads": [0, 1, 0, 0, 2, 0],
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("opset", [13, 17, 21])
def test_moves(name, opset):
    read = {given for one in MOVES[name] for given in one.input}
    weights = {key: np.array(value) for key, value in WHOLE.items() if key in read}
    one_by_one(*MOVES[name], **weights, shape=SEQUENCE, opset=opset)


@pytest.mark.parametrize("op", ["DepthToSpace", "SpaceToDepth"])
def test_blocks_of_pixels_become_channels_and_back(op):
    one_by_one(om.node(op, "h", "y", blocksize=2), shape=("batch", 8, 4, 6), opset=13)


@pytest.mark.parametrize("mode", ["CRD", "DCR"])
def test_depth_to_space_in_both_orders(mode):
    one_by_one(om.node("DepthToSpace", "h", "y", blocksize=2, mode=mode), shape=("batch", 8, 4, 6), opset=13)


@pytest.mark.parametrize(
    "attributes",
    [
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        {"mode": "nearest"},
        {"mode": "linear"},
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        {"mode": "cubic"},
    ],
)
def test_interpolation(attributes):
    scales = np.array([1, 1, 2, 2], np.float32)
    one_by_one(om.node("Resize", "h - s", "y", **attributes), s=scales, shape=MAP, opset=13)


def test_interpolation_of_opset_9():
    one_by_one(om.node("Upsample", "h s", "y"), s=np.array([1, 1, 2, 3], np.float32), shape=MAP, opset=9)


def test_local_response_norm():
    one_by_one(om.node("LRN", "h", "y", size=3, alpha=0.1, beta=0.6, bias=1.5), shape=MAP, opset=13)


def test_slopes_for_each_channel():
    one_by_one(om.node("PRelu", "h s", "y"), s=om.numbers(4, 1, 1), shape=MAP, opset=9)


def test_einsum():
    one_by_one(om.node("Einsum", "h w", "y", equation="btd,de->bte"), w=om.numbers(4, 3), shape=SEQUENCE)


def test_tokens_that_pick_rows_of_a_table_are_an_embedding():
    nodes = [om.node("Gather", "w x", "h"), om.node("Relu", "h", "y")]
    weights = {"w": om.numbers(7, 4)}
    data = om.model(nodes, weights, inputs=(("x", ("batch", 5)),), kinds={"x": TensorProto.INT64})
    network = agree(data, np.random.default_rng(0).integers(0, 7, (BATCH, 5)))
    assert kinds(network) == ["embedding", "activation"]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_recurrences_in_every_direction(op, gates, direction):
    ways = 2 if direction == "bidirectional" else 1
    weights = {
        "w": om.numbers(ways, gates * 3, 4),
        "r": om.numbers(ways, gates * 3, 3, seed=1),
        "b": om.numbers(ways, 2 * gates * 3, seed=2),
        "h0": om.numbers(ways, 1, 3, seed=3),
        "c0": om.numbers(ways, 1, 3, seed=4),
        "shape": np.array([0, -1, 3 * ways]),
    }
    settings = {"hidden_size": 3, "direction": direction}
    settings |= {"linear_before_reset": 1} if op == "GRU" else {}
    states = "h0 c0" if op == "LSTM" else "h0"
    nodes = [
        om.node("Transpose", "h", "t", perm=[1, 0, 2]),
        om.node(op, f"t w r b - {states}", "all last", **settings),
        om.node("Transpose", "all", "u", perm=[2, 0, 1, 3]),
        om.node("Reshape", "u shape", "y"),
        om.node("Transpose", "last", "z", perm=[1, 0, 2]),
    ]
    read = {given for one in nodes for given in one.input}
    given = {key: value for key, value in weights.items() if key in read}
    data = om.model(nodes, given, inputs=(("h", (1, 5, 4)),), outputs=("y", "z"), opset=14)
    agree(data, om.numbers(1, 5, 4))


@pytest.mark.parametrize("is_causal", [0, 1])
def test_attention_of_opset_23(is_causal):
    nodes = [
        om.node("MatMul", "h wq", "q"),
        om.node("MatMul", "h wk", "k"),
        om.node("MatMul", "h wv", "v"),
        om.node("Attention", "q k v", "y", q_num_heads=2, kv_num_heads=2, is_causal=is_causal),
    ]
    weights = {name: om.numbers(4, 4, seed=i) for i, name in enumerate(("wq", "wk", "wv"))}
    network = one_by_one(*nodes, **weights, shape=SEQUENCE, opset=23)
    assert kinds(network) == ["linear", "linear", "linear", "attend"]


def test_weights_of_8_bits_are_multiplied_by_their_scales_and_said():
    weights = {"w": np.random.default_rng(0).integers(-9, 9, (4, 5)).astype(np.int8)}
    weights |= {"s": np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32), "z": np.array([1, 0, 0, 2, 0], np.int8)}
    nodes = [om.node("DequantizeLinear", "w s z", "d", axis=1), om.node("MatMul", "h d", "y")]
    data = om.model(nodes, weights, inputs=(("h", ("batch", 4)),), opset=13)
    agree(data, om.numbers(BATCH, 4))
    assert "1 tensors of whole numbers were multiplied by their scales." in read_network(data).notes


def test_channels_last_as_tensorflow_has_them():
    nodes = [
        om.node("Transpose", "h", "a", perm=[0, 3, 1, 2]),
        om.node("Conv", "a w b", "c", auto_pad="SAME_UPPER", strides=[2, 2]),
        om.node("Relu", "c", "d"),
        om.node("Transpose", "d", "e", perm=[0, 2, 3, 1]),
        om.node("Reshape", "e flat", "f"),
        om.node("MatMul", "f v", "g"),
        om.node("Add", "g u", "y"),
    ]
    weights = {"w": om.numbers(4, 3, 3, 3), "b": om.numbers(4), "v": om.numbers(36, 5), "u": om.numbers(5)}
    one_by_one(*nodes, **weights, flat=np.array([-1, 36]), shape=("batch", 6, 5, 3), opset=13)
