"""What an ONNX file leaves open or cannot be is said in words, and hostile graphs end soon and in little memory."""

import time

import numpy as np
import onnx
import onnx_models as om
import pytest
import torch
from onnx import TensorProto, helper

from ngcore.errors import TooLargeError, UnsupportedNetworkError
from ngcore.networks import mlp
from ngcore.upload import read_network
from ngcore.upload.onnx_format import parsing
from ngcore.upload.weights import open_weights


def refusal(data, kind=UnsupportedNetworkError):
    """What is said where a file is refused."""
    with pytest.raises(kind) as caught:
        read_network(data)
    return str(caught.value)


def linear(**settings):
    nodes = [
        om.node("Gemm", "x w b", "h", transB=1),
        om.node("Relu", "h", "r"),
        om.node("Gemm", "r v c", "y", transB=1),
    ]
    weights = {"w": om.numbers(5, 4), "b": om.numbers(5), "v": om.numbers(2, 5), "c": om.numbers(2)}
    return om.model(nodes, weights, **settings)


def test_a_perceptron_is_the_chain_that_all_pages_take():
    assert read_network(linear()).network.architecture == mlp((4, 5, 2))


def test_a_fixed_batch_makes_no_difference():
    given = torch.from_numpy(om.numbers(7, 4))
    wanted = read_network(linear()).network(given)
    for batch in (1, 2, 6):
        network = read_network(linear(inputs=(("x", (batch, 4)),))).network
        torch.testing.assert_close(network(given), wanted)


def test_initialisers_among_the_inputs_as_old_files_have_them_are_no_inputs():
    inputs = (("x", ("batch", 4)), ("w", (5, 4)), ("b", (5,)), ("v", (2, 5)), ("c", (2,)))
    assert read_network(linear(inputs=inputs, opset=9)).network.architecture.num_inputs == 1


def test_sizes_that_the_file_leaves_open_are_chosen_and_said():
    nodes = [om.node("Conv", "x w", "h"), om.node("GlobalAveragePool", "h", "y")]
    data = om.model(nodes, {"w": om.numbers(5, 3, 3, 3)}, inputs=(("x", ("batch", 3, "height", "width")),))
    upload = read_network(data)
    assert upload.network.architecture.input_shape == (3, 224, 224)
    assert "The file leaves the size 'height' open; it was read with 224." in upload.notes


def test_of_the_sizes_that_are_open_one_is_chosen_that_fits():
    nodes = [om.node("Flatten", "x", "h"), om.node("Gemm", "h w", "y", transB=1)]
    data = om.model(nodes, {"w": om.numbers(5, 3 * 32 * 32)}, inputs=(("x", ("batch", 3, "height", "width")),))
    assert read_network(data).network.architecture.input_shape == (3, 32, 32)


def test_an_operation_without_counterpart_is_left_out_and_reported():
    nodes = [
        om.node("Gemm", "x w b", "h", transB=1, name="/body/lift/Gemm"),
        om.node("Det", "h", "t", name="/body/odd/Det"),
        om.node("Gemm", "t v c", "y", transB=1),
    ]
    weights = {"w": om.numbers(5, 4), "b": om.numbers(5), "v": om.numbers(2, 5), "c": om.numbers(2)}
    upload = read_network(om.model(nodes, weights, values=[("t", ("batch", 5))]))
    assert "12 of 37 parameters are in the graph." in upload.notes
    assert any("body.odd: Det (it has no counterpart here; 25 parameters left out" in note for note in upload.notes)


def test_an_operation_of_another_domain_is_named_with_it():
    custom = helper.make_node("Secret", ["x"], ["t"], domain="com.acme")
    data = om.model([custom, om.node("Relu", "t", "y")], values=[("t", ("batch", 4))])
    model = onnx.load_model_from_string(data)
    model.opset_import.add(domain="com.acme", version=1)
    notes = read_network(model.SerializeToString()).notes
    assert any("com.acme.Secret (it is of the domain com.acme, not of ONNX itself" in note for note in notes)


def test_where_even_the_shape_is_unknown_the_operation_is_named_and_the_weights_show():
    nodes = [om.node("Det", "x", "t", name="/body/odd/Det"), om.node("MatMul", "t w", "y")]
    data = om.model(nodes, {"w": om.numbers(4, 3)})
    assert "got Det at body.odd: it has no counterpart here" in refusal(data)
    assert open_weights(data).shapes == {"w": (4, 3)}


@pytest.mark.parametrize("op", ["If", "Loop", "Scan"])
def test_graphs_within_graphs_are_refused_in_words(op):
    inner = helper.make_graph([om.node("Relu", "x", "z")], "inner", [], [])
    attributes = {"then_branch": inner, "else_branch": inner} if op == "If" else {"body": inner}
    data = om.model([om.node(op, "x", "y", name="/body/odd/x", **attributes)])
    assert f"got {op} at body.odd: it is a" in refusal(data)


def test_functions_of_a_file_are_refused_with_the_lines_that_put_them_in_place(tmp_path, monkeypatch):
    model = onnx.load_model_from_string(om.model([om.node("Twice", "x", "y", domain="own")]))
    model.opset_import.add(domain="own", version=1)
    body = [om.node("Add", "a a", "b")]
    model.functions.append(helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    assert "defines 1 functions of its own" in refusal(model.SerializeToString())
    monkeypatch.chdir(tmp_path)
    onnx.save(model, "model.onnx")
    exec(parsing.INLINE_FUNCTIONS, {})
    network = read_network((tmp_path / "model-inline.onnx").read_bytes()).network
    torch.testing.assert_close(network(torch.ones(2, 4))[0], torch.full((2, 4), 2.0))


@pytest.mark.parametrize("opset", [6, 99])
def test_other_opsets_are_refused(opset):
    assert f"of opset 7 to 25, got {opset}" in refusal(om.model([om.node("Relu", "x", "y")], opset=opset))


def test_values_that_nothing_makes_are_refused():
    assert "a graph that makes 'ghost'" in refusal(om.model([om.node("Relu", "ghost", "y")]))


def test_inputs_without_a_declared_shape_are_refused():
    assert "an axis for the batch" in refusal(om.model([om.node("Relu", "x", "y")], inputs=(("x", ()),)))


def test_weights_that_are_not_finite_are_refused():
    weight = om.numbers(5, 4)
    for number in (np.nan, np.inf):
        weight[0, 0] = number
        data = om.model([om.node("Gemm", "x w", "y", transB=1)], {"w": weight})
        assert "NaN or infinity in" in refusal(data)


def test_double_and_half_precision_come_as_single():
    for dtype in (np.float64, np.float16):
        weights = {"w": om.numbers(5, 4).astype(dtype)}
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        network = read_network(om.model([om.node("Gemm", "x w", "y", transB=1)], weights, kinds={"x": kind})).network
        assert network.dtype == torch.float32
        np.testing.assert_array_equal(network.parameters["0.weight"][0].numpy(), weights["w"].astype(np.float32))


BOMBS = {
    "a constant of a shape": (
        [om.node("ConstantOfShape", "s", "c"), om.node("Add", "x c", "y")],
        {"s": [2**20, 2**20]},
    ),
    "a range": ([om.node("Range", "a b c", "r"), om.node("Add", "x r", "y")], {"a": 0, "b": 2**60, "c": 1}),
    "repeats": (
        [om.node("Expand", "o s", "e"), om.node("Neg", "e", "n"), om.node("Add", "x n", "y")],
        {"o": [1.0], "s": [2**40]},
    ),
    "an outer product": (
        [om.node("MatMul", "l r", "m"), om.node("Add", "x m", "y")],
        {"l": np.ones((2**20, 1), np.float32), "r": np.ones((1, 2**20), np.float32)},
    ),
    "one place of many": (
        [om.node("OneHot", "p d v", "h"), om.node("Add", "x h", "y")],
        {"p": [0] * 1000, "d": 2**50, "v": [0, 1]},
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_constants_that_would_fill_the_memory_are_refused_at_once(name):
    nodes, weights = BOMBS[name]
    started = time.process_time()
    message = refusal(om.model(nodes, {key: np.asarray(value) for key, value in weights.items()}), ValueError)
    assert "numbers to compute" in message
    assert time.process_time() - started < 5


def test_many_small_computations_add_up():
    nodes = [om.node("Mul", "c0 c0", "c1")] + [om.node("Mul", f"c{i} c{i}", f"c{i + 1}") for i in range(1, 200)]
    data = om.model([*nodes, om.node("Add", "x c200", "y")], {"c0": np.ones((1000, 1000), np.float32)})
    assert "numbers to compute" in refusal(data, TooLargeError)


def test_an_axis_taken_apart_without_end_is_refused():
    nodes = [om.node("Tile", "x t", "a"), om.node("Neg", "a", "b")]
    nodes += [om.node("Slice", f"a s{i} e{i} o", f"p{i}") for i in range(2)]
    data = om.model(
        [*nodes, om.node("Add", "p0 p1", "y")],
        {
            "t": np.array([1, 2**40]),
            "s0": np.array([0]),
            "e0": np.array([2**39]),
            "s1": np.array([2**39]),
            "e1": np.array([2**40]),
            "o": np.array([1]),
        },
    )
    assert refusal(data, ValueError)


def test_more_nodes_than_can_be_lifted_are_refused(monkeypatch):
    monkeypatch.setattr(parsing, "MAX_ONNX_STEPS", 10)
    nodes = [om.node("Relu", "x" if i == 0 else f"h{i}", f"h{i + 1}") for i in range(11)]
    assert "at most 10 nodes, got 11" in refusal(om.model(nodes, outputs=("h11",)), TooLargeError)


def test_inputs_of_any_size_are_refused():
    assert "moderate size" in refusal(om.model([om.node("Relu", "x", "y")], inputs=(("x", (1, 2**40)),)), TooLargeError)


def test_names_lose_what_cannot_be_seen():
    evil = "<img onerror>\u202e\x1b[31m" + "a" * 500
    data = om.model(
        [om.node("Gemm", f"x {evil.replace(' ', '')} b", "h", transB=1), om.node("Cos", "h", "y")],
        {evil.replace(" ", ""): om.numbers(5, 4), "b": om.numbers(5)},
    )
    for name in read_network(data).network.parameters:
        assert len(name) < 300
        assert name.isprintable()


def test_tokens_may_be_of_any_whole_type():
    nodes = [om.node("Gather", "w x", "y")]
    for kind in (TensorProto.INT32, TensorProto.INT64):
        data = om.model(nodes, {"w": om.numbers(7, 4)}, inputs=(("x", ("batch", 5)),), kinds={"x": kind})
        assert read_network(data).network.architecture.input_shape == (7, 5)
