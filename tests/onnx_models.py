"""ONNX files made by hand and by torch's exporters, and what onnxruntime makes of them."""

import contextlib
import io
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

IR_VERSIONS = {9: 4, 13: 7, 17: 8, 18: 8, 21: 10, 23: 11}
onnxruntime.set_default_logger_severity(4)


def node(op, reads, makes, **attributes):
    """A node that reads and makes values by name, both in one text: "x w"."""
    return helper.make_node(op, ["" if name == "-" else name for name in reads.split()], makes.split(), **attributes)


def model(nodes, weights=None, *, inputs=(("x", ("batch", 4)),), outputs=("y",), opset=17, kinds=None, values=()):
    """A model of nodes, with arrays by name as its initialisers."""
    kinds = kinds or {}

    def value(name, shape):
        return helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), shape)

    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(
        list(nodes),
        "main",
        [value(*given) for given in inputs],
        [value(name, None) for name in outputs],
        tensors,
        value_info=[value(*known) for known in values],
    )
    imports = [helper.make_opsetid("", opset)]
    made = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSIONS.get(opset, 8))
    return made.SerializeToString()


def numbers(*shape, seed=0, low=-1.0, high=1.0):
    """Random numbers in single precision."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def answers(data, *arrays):
    """What onnxruntime answers."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it rounds what is quantised
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(None, {given.name: array for given, array in zip(session.get_inputs(), arrays, strict=True)})


def exported(module, inputs, *, opset=17, is_new=False, is_open=True):
    """A module as torch writes it, by its newer or older exporter, the size of the batch left open or not."""
    module, inputs = module.float(), tuple(x.float() if x.is_floating_point() else x for x in inputs)
    buffer, names = io.BytesIO(), [f"in{i}" for i in range(len(inputs))]
    options = {"input_names": names, "opset_version": opset, "dynamo": is_new}
    if is_new:
        options |= {"external_data": False, "verbose": False}
        options |= {"dynamic_shapes": tuple({0: torch.export.Dim("batch")} for _ in inputs)} if is_open else {}
    elif is_open:
        options["dynamic_axes"] = {name: {0: "batch"} for name in names}
    was = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
            warnings.simplefilter("ignore")
            torch.onnx.export(module, inputs, buffer, **options)
    finally:
        torch.backends.mha.set_fastpath_enabled(was)
    return buffer.getvalue(), inputs


def without_names(data):
    """The same model with the names of all nodes and of its values made meaningless."""
    found = onnx.load_model_from_string(data)
    for one in found.graph.node:
        one.name = ""
    return found.SerializeToString()
