"""Operators of ONNX that sum up axes: means, sums, extremes, softmax."""

import dataclasses
import math

from ngcore.upload.onnx_format.call import Call, Made, Operator


def reduction(kind: str) -> Operator:
    """A mean, sum, maximum or minimum over axes."""

    def operate(call: Call) -> Made:
        asked = call.list("axes", 1)
        if not asked and call.attrs.get("noop_with_empty_axes", 0):
            return call.x
        axes = tuple(map(call.axis, asked)) if asked else tuple(range(call.rank))
        keepdim = bool(call.attrs.get("keepdims", 1))
        return call.apply("reduce", call.x, reduction=kind, axes=axes, keepdim=keepdim)

    return operate


def of_squares(root: bool) -> Operator:
    """The sum of squares, or its root."""

    def operate(call: Call) -> Made:
        squares = call.aten("square", self=call.x)
        total = reduction("sum")(dataclasses.replace(call, reads=(squares, *call.reads[1:])))
        return call.aten("sqrt", self=total) if root else total

    return operate


def over_all_positions(kind: str) -> Operator:
    """Pooling over everything."""

    def operate(call: Call) -> Made:
        axes = tuple(range(2, call.rank))
        return call.apply("reduce", call.x, reduction=kind, axes=axes, keepdim=True) if axes else call.x

    return operate


def softmax(is_log: bool) -> Operator:
    """Softmax over an axis; before opset 13 over all from it on."""

    def operate(call: Call) -> Made:
        axis = call.axis(call.attrs.get("axis", -1 if call.opset >= 13 else 1))
        x, shape = call.x, call.x.shape
        if call.opset < 13 and math.prod(shape[axis + 1 :]) > 1:
            flat = call.apply("reshape", x, shape=(*shape[:axis], math.prod(shape[axis:])))
            return call.apply("reshape", call.apply("softmax", flat, axis=axis, is_log=is_log), shape=shape)
        return call.apply("softmax", x, axis=axis, is_log=is_log)

    return operate


REDUCING: dict[str, Operator] = {
    "GlobalAveragePool": over_all_positions("mean"),
    "GlobalMaxPool": over_all_positions("max"),
    "LogSoftmax": softmax(True),
    "ReduceL2": of_squares(True),
    "ReduceMax": reduction("max"),
    "ReduceMean": reduction("mean"),
    "ReduceMin": reduction("min"),
    "ReduceSum": reduction("sum"),
    "ReduceSumSquare": of_squares(False),
    "Softmax": softmax(False),
}
