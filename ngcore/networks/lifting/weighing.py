"""Rules for layers with weights: Linear and convolutions, embeddings, norms, PReLU."""

from collections.abc import Mapping

from ngcore.networks.layers import (
    Add,
    BatchNorm,
    Constant,
    Conv1d,
    Conv2d,
    Conv3d,
    Convolution,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Embedding,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MapNorm,
    PReLU,
    RMSNorm,
)
from ngcore.networks.lifting.builder import Traced, Value, identity
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.layout import Run, UnsupportedError, size_of
from ngcore.networks.lifting.lifter import Lifter
from ngcore.networks.lifting.moving import as_map
from ngcore.networks.lifting.nodes import Node


def named(**parameters: Node | None) -> dict[str, Node]:
    """The parameters that there are."""
    return {name: node for name, node in parameters.items() if node is not None}


def expect_constant(node: Node, *names: str) -> list[Node | None]:
    """What a node reads after its first tensor, all of which must be numbers of the network itself.

    Raises:
        UnsupportedError: If something of it depends on the input.
    """
    found = [node.operand(index + 1) for index in range(len(names))]
    for name, read in zip(names, found, strict=True):
        if read is not None and not read.is_constant:
            raise UnsupportedError(f"its {name} depends on the input")
    return found


def without_repeats(lifter: Lifter, traced: Traced, run: Run) -> Traced:
    """The tensor, in full if something on an axis is only repeated."""
    if any(lifter.builder.is_repeated(traced.value, factor) for factor in run):
        return lifter.builder.whole(traced)
    return traced


def lift_linear(lifter: Lifter, node: Node) -> Traced:
    """W x + b on the last axis."""
    weight, bias = expect_constant(node, "weight", "bias")
    assert weight is not None
    traced = lifter.read(node)
    run = lifter.axes(traced)[-1]
    if lifter.batch in run:
        raise UnsupportedError("samples of the batch are combined with one another")
    traced = without_repeats(lifter, traced, run)
    value = lifter.builder.with_channels(traced.value, run)
    out = lifter.run_of(weight.shape[0])
    made = linear_of(lifter, value, weight, bias, out, path=node.path)
    return Traced(made, (*lifter.axes(traced)[:-1], out))


def linear_of(lifter: Lifter, value: Value, weight: Node, bias: Node | None, out: Run, *, path: str) -> Value:
    """A Linear layer, its bias apart where the weight is shared with layers that have another."""
    layout = (out, *lifter.builder.layout(value)[1:])
    is_apart = bias is not None and identity(weight) in lifter.split_biases
    layer = Linear(weight.shape[1], weight.shape[0], bias is not None and not is_apart)
    parameters = named(weight=weight, bias=None if is_apart else bias)
    made = lifter.builder.emit(layer, [value], layout, path=path, parameters=parameters)
    if bias is None or not is_apart:
        return made
    shift = Constant(bias.shape, is_learned=bias.is_learned)
    added = lifter.builder.emit(shift, [], (out,), path=path, parameters={"value": bias})
    return lifter.builder.emit(Add(), [made, added], layout)


def lift_matmul(lifter: Lifter, node: Node) -> Traced:
    """A product of tensors that both depend on the input: numbers multiplied and summed."""
    one, other = node.reads
    assert one is not None
    assert other is not None
    return lifter.lift(summed_product(lifter.graph, one, other, node.shape, path=node.path))


def summed_product(graph: ForeignGraph, one: Node, other: Node, shape: tuple[int, ...], *, path: str) -> Node:
    """A matrix product of that shape as a product and a sum."""
    left = graph.apply("reshape", one, shape=(*one.shape, 1) if len(one.shape) > 1 else (1, *one.shape, 1))
    right_shape = other.shape if len(other.shape) > 1 else (*other.shape, 1)
    right = graph.apply("reshape", other, shape=(*right_shape[:-2], 1, *right_shape[-2:]))
    made = graph.apply("multiply", left, right, path=path)
    made = graph.apply("reduce", made, reduction="sum", axes=(-2,), path=path)
    return graph.apply("reshape", made, shape=shape)


def lift_embedding(lifter: Lifter, node: Node) -> Traced:
    """Rows of a table."""
    (table,) = expect_constant(node, "table")
    assert table is not None
    tokens = lifter.read(node)
    if tokens.value.layer is not None or size_of(lifter.builder.layout(tokens.value)[0]) != table.shape[0]:
        raise UnsupportedError("its tokens are computed, or read by tables of other sizes as well")
    width = lifter.run_of(table.shape[1])
    layout = (width, *lifter.builder.layout(tokens.value)[1:])
    layer = Embedding(table.shape[0], table.shape[1])
    made = lifter.builder.emit(layer, [tokens.value], layout, path=node.path, parameters={"weight": table})
    return Traced(made, (*lifter.axes(tokens), width))


CONVOLUTIONS: Mapping[tuple[int, bool], type[Convolution]] = {
    (1, False): Conv1d,
    (2, False): Conv2d,
    (3, False): Conv3d,
    (1, True): ConvTranspose1d,
    (2, True): ConvTranspose2d,
    (3, True): ConvTranspose3d,
}


def lift_convolution(lifter: Lifter, node: Node) -> Traced:
    """A convolution, transposed where there is an output padding.

    Of maps that go along with the batch (those of a film) it is one of an axis more, with a kernel of one there.
    """
    weight, bias = expect_constant(node, "weight", "bias")
    assert weight is not None
    traced = lifter.builder.whole(lifter.read(node))
    first, channels, *positions = lifter.axes(traced)
    if first[:1] != (lifter.batch,):
        raise UnsupportedError("the first axis is not the batch")
    apart = (first[1:],) if len(first) > 1 else ()
    value = lifter.builder.arranged(traced.value, (channels, *apart, *positions))
    settings = {key: tuple(node.attrs[key]) for key in ("stride", "padding", "dilation")}
    if node.attrs.get("output_padding") is not None:
        settings["output_padding"] = tuple(node.attrs["output_padding"])
    kernel = tuple(weight.shape[2:])
    if apart:
        kernel = (1, *kernel)
        settings = {key: (int(key in ("stride", "dilation")), *numbers) for key, numbers in settings.items()}
        weight = lifter.graph.apply("reshape", weight, shape=(*weight.shape[:2], *kernel))
    kind = CONVOLUTIONS.get((len(kernel), "output_padding" in settings))
    if kind is None:
        raise UnsupportedError("a convolution over more than three axes")
    groups = node.attrs.get("groups", 1)
    layer = kind(value.shape[0], node.shape[1], kernel, groups=groups, bias=bias is not None, **settings)
    sizes = zip(positions, node.shape[2:], strict=True)
    made = [run if size_of(run) == size else lifter.run_of(size) for run, size in sizes]
    out, parameters = lifter.run_of(node.shape[1]), named(weight=weight, bias=bias)
    result = lifter.builder.emit(layer, [value], (out, *apart, *made), path=node.path, parameters=parameters)
    return Traced(result, (first, out, *made))


def _normed(lifter: Lifter, node: Node, traced: Traced, axis: int, layer: Layer, parameters: dict[str, Node]) -> Traced:
    """A norm of the channels that lie on a foreign axis."""
    traced = without_repeats(lifter, traced, lifter.axes(traced)[axis])
    value = lifter.builder.with_channels(traced.value, lifter.axes(traced)[axis])
    layout = lifter.builder.layout(value)
    return Traced(lifter.builder.emit(layer, [value], layout, path=node.path, parameters=parameters), traced.axes)


def lift_batch_norm(lifter: Lifter, node: Node) -> Traced:
    """Batch norm at inference."""
    mean, variance, weight, bias = expect_constant(node, "mean", "variance", "weight", "bias")
    count, graph = node.shape[1], lifter.graph
    if (weight is None) != (bias is None):
        ones = graph.apply("affine", mean or variance, factor=0.0, shift=1.0)
        weight, bias = weight or ones, bias or graph.apply("affine", ones, factor=0.0)
    layer = BatchNorm(count, node.attrs["eps"], weight is not None)
    parameters = named(weight=weight, bias=bias, running_mean=mean, running_var=variance)
    return _normed(lifter, node, lifter.read(node), 1, layer, parameters)


def lift_layer_norm(lifter: Lifter, node: Node) -> Traced:
    """Layer norm over the last axes."""
    weight, bias = expect_constant(node, "weight", "bias")
    rank, traced = node.attrs["rank"], lifter.read(node)
    if rank > 1:
        return _map_norm(lifter, node, weight, bias)
    layer = LayerNorm(node.shape[-1], node.attrs["eps"], weight is not None, bias is not None or weight is None)
    if weight is None and bias is not None:
        raise UnsupportedError("a layer norm with a bias and no weight")
    return _normed(lifter, node, traced, -1, layer, named(weight=weight, bias=bias))


def _map_norm(lifter: Lifter, node: Node, weight: Node | None, bias: Node | None) -> Traced:
    rank, traced = node.attrs["rank"], lifter.builder.whole(lifter.read(node))
    runs, before = lifter.axes(traced)[-rank:], lifter.axes(traced)[:-rank]
    if [factor for run in before for factor in run if factor is not lifter.batch]:
        graph, count = lifter.graph, size_of([factor for run in runs for factor in run])
        flat = graph.apply("reshape", node.reads[0], shape=(*node.shape[:-rank], count))
        own = [part and graph.apply("reshape", part, shape=(count,)) for part in (weight, bias)]
        normal = graph.apply("layer_norm", flat, *own, rank=1, eps=node.attrs["eps"], path=node.path)
        return lifter.lift(graph.apply("reshape", normal, shape=node.shape))
    value = lifter.builder.arranged(traced.value, runs)
    layer = MapNorm(value.shape, node.attrs["eps"], weight is not None, bias is not None or weight is None)
    parameters = named(weight=weight, bias=bias)
    return Traced(lifter.builder.emit(layer, [value], runs, path=node.path, parameters=parameters), traced.axes)


def lift_rms_norm(lifter: Lifter, node: Node) -> Traced:
    """RMS norm over the last axis."""
    (weight,) = expect_constant(node, "weight")
    layer = RMSNorm(node.shape[-1], node.attrs["eps"], weight is not None)
    return _normed(lifter, node, lifter.read(node), -1, layer, named(weight=weight))


def lift_norm_of_maps(lifter: Lifter, node: Node) -> Traced:
    """Group, instance or local response norm."""
    weight, bias = expect_constant(node, "weight", "bias") if node.op != "local_response_norm" else (None, None)
    traced, count = lifter.read(node), node.shape[1]
    value, layout = as_map(lifter, traced, with_samples=False)
    layer: Layer
    if node.op == "group_norm":
        layer = GroupNorm(node.attrs["groups"], count, node.attrs["eps"], weight is not None)
    elif node.op == "instance_norm":
        layer = InstanceNorm(count, node.attrs["eps"], weight is not None)
    else:
        layer = LocalResponseNorm(**node.attrs)
    made = lifter.builder.emit(layer, [value], layout, path=node.path, parameters=named(weight=weight, bias=bias))
    return Traced(made, ((lifter.batch,), *layout))


def lift_prelu(lifter: Lifter, node: Node) -> Traced:
    """A leaky ReLU with learned slopes."""
    (weight,) = expect_constant(node, "slope")
    assert weight is not None
    count = weight.value.numel() if weight.value is not None else 1
    weight = lifter.graph.apply("reshape", weight, shape=(count,)) if weight.shape != (count,) else weight
    return _normed(lifter, node, lifter.read(node), 1, PReLU(count), {"weight": weight})
