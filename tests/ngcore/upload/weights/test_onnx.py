"""Tensors of ONNX files are listed without a parser, and damaged or hostile files are refused in words."""

import contextlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UploadError
from ngcore.upload.onnx_format import wire
from ngcore.upload.recipes import INLINE_ONNX
from ngcore.upload.weights import open_weights


def model_of(tensors, nodes=()):
    nodes = nodes or [helper.make_node("Identity", ["x"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1,)) for name in "xy"]
    return helper.make_model(helper.make_graph(list(nodes), "main", values[:1], values[1:], list(tensors)))


def initialiser(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def test_initialisers_show_in_the_order_in_which_nodes_read_them():
    tensors = [initialiser(name, np.full((2, 2), i, np.float32)) for i, name in enumerate(("late", "unread", "early"))]
    nodes = [helper.make_node("MatMul", ["x", "early"], ["h"]), helper.make_node("MatMul", ["h", "late"], ["y"])]
    opened = open_weights(model_of(tensors, nodes).SerializeToString())
    assert list(opened.tensors) == ["early", "late", "unread"]
    assert opened.format == "ONNX"
    np.testing.assert_array_equal(opened.tensors["early"].array(), np.full((2, 2), 2))


def test_tensors_of_constant_nodes_show_by_the_name_of_what_they_make():
    constant = helper.make_node("Constant", [], ["weight"], value=initialiser("", np.ones((2, 3), np.float32)))
    nodes = [constant, helper.make_node("MatMul", ["x", "weight"], ["y"])]
    assert open_weights(model_of((), nodes).SerializeToString()).shapes == {"weight": (2, 3)}


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.FLOAT, "float32"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.BFLOAT16, "bfloat16"),
    ],
)
@pytest.mark.parametrize("is_raw", [False, True])
def test_numbers_of_every_type_are_read_however_they_are_packed(kind, dtype, is_raw):
    numbers = [[1.0, -2.0, 0.5], [4.0, 0.0, 256.0]]
    array = np.array(numbers, helper.tensor_dtype_to_np_dtype(kind))
    tensor = helper.make_tensor("w", kind, (2, 3), array.tobytes() if is_raw else array.ravel(), raw=is_raw)
    found = open_weights(model_of([tensor]).SerializeToString()).tensors["w"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.array(), numbers)


def test_numbers_in_another_file_are_refused_with_the_lines_that_put_them_inside():
    tensor = initialiser("layer.weight", np.ones((2, 2), np.float32))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(UnsafeFileError, match=r"'layer\.weight' stand in another file") as caught:
        open_weights(model_of([tensor]).SerializeToString())
    assert caught.value.recipe == INLINE_ONNX


def test_numbers_in_another_file_are_refused_wherever_they_hide():
    tensor = initialiser("hidden", np.ones(2, np.float32))
    tensor.data_location = TensorProto.EXTERNAL
    inner = helper.make_graph([], "branch", [], [], [tensor])
    node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    with pytest.raises(UnsafeFileError, match="'hidden' stand in another file"):
        open_weights(model_of((), [node]).SerializeToString())


def test_the_recipe_for_numbers_in_other_files_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = model_of([initialiser("w", np.ones((2, 2), np.float32))])
    onnx.save(model, "model.onnx", save_as_external_data=True, size_threshold=0)
    exec(INLINE_ONNX, {})
    assert open_weights(tmp_path / "model-inline.onnx").shapes == {"w": (2, 2)}


def test_shapes_that_do_not_fit_their_bytes_are_refused():
    for dims in ([3, 2], [-1, -4], [2**62, 2**62]):
        tensor = initialiser("w", np.ones((2, 2), np.float32))
        tensor.ClearField("dims")
        tensor.dims.extend(dims)
        with pytest.raises(UnknownFormatError, match="'w' is damaged"):
            open_weights(model_of([tensor]).SerializeToString())


def test_tensors_of_too_many_axes_are_refused():
    tensor = initialiser("w", np.ones((1,) * 9, np.float32))
    with pytest.raises(TooLargeError, match="at most 8 axes"):
        open_weights(model_of([tensor]).SerializeToString())


def test_graphs_nested_too_deep_are_refused():
    graph = helper.make_graph([], "inner", [], [])
    for _ in range(20):
        graph = helper.make_graph([helper.make_node("Loop", [], [], body=graph)], "outer", [], [])
    with pytest.raises(TooLargeError, match="graphs within graphs"):
        open_weights(helper.make_model(graph).SerializeToString())


def test_a_flood_of_fields_and_of_nodes_is_refused(monkeypatch):
    nodes = [helper.make_node("Identity", ["x"], ["y"])] * 30
    data = model_of([initialiser("w", np.ones(1, np.float32))], nodes).SerializeToString()
    monkeypatch.setattr(wire, "MAX_ONNX_NODES", 20)
    with pytest.raises(TooLargeError, match="at most 20 nodes"):
        open_weights(data)
    monkeypatch.setattr(wire, "MAX_ONNX_FIELDS", 10)
    with pytest.raises(TooLargeError, match="at most 10 fields"):
        open_weights(data)


def test_a_file_cut_off_anywhere_is_refused_or_read():
    data = model_of([initialiser("w", np.ones((2, 2), np.float32))]).SerializeToString()
    for stop in range(3, len(data)):
        with contextlib.suppress(UploadError):
            open_weights(data[:stop])
