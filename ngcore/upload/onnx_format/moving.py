"""Operators of ONNX that move, cut, repeat and reduce."""

import itertools
import math
import operator
from collections.abc import Sequence

import torch

from ngcore.networks.lifting.layout import UnsupportedError
from ngcore.networks.lifting.nodes import Node
from ngcore.upload.onnx_format.call import Call, Made, Operator

MAX_PICKED = 256  # entries that are picked one by one


def reshape(call: Call) -> Made:
    """Another shape for the same numbers; 0 keeps a size, −1 is what is left."""
    asked = [int(size) for size in call.list("shape", 1) or ()]
    shape = call.x.shape
    if not call.attrs.get("allowzero", 0):
        if any(size == 0 and axis >= len(shape) for axis, size in enumerate(asked)):
            raise UnsupportedError("it keeps the size of an axis that is not there")
        asked = [shape[axis] if size == 0 else size for axis, size in enumerate(asked)]
    return call.apply("reshape", call.x, shape=_shape(call, call.x, asked))


def _shape(call: Call, x: Node, asked: list[int]) -> tuple[int, ...]:
    """The shape that is asked for; where it was written down for one sample, that for the batch."""
    total = math.prod(x.shape)
    is_literal = not any(size > 0 and size % call.batch == 0 for size in asked)
    if x.is_constant or call.literal_batch != 1 or total % call.batch or not is_literal:
        return _filled(asked, total)
    wanted, before = list(_filled(asked, total // call.batch)), _slower_than_batch(x, call.batch)
    products = list(itertools.accumulate(wanted, operator.mul, initial=1))
    place = next((axis for axis in range(len(wanted)) if products[axis] == before), None)
    if place is None:
        return _filled(asked, total)
    if 0 < place == len(wanted) - 1 and wanted[place] > 1:
        place -= 1  # the last axis is that of features
    wanted[place] *= call.batch
    return tuple(wanted)


def _slower_than_batch(x: Node, batch: int) -> int:
    """How many entries of a tensor lie one after the other for every sample of the batch."""
    inside, node = 1, x
    while True:
        place = next((axis for axis, size in enumerate(node.shape) if size % batch == 0), None)
        if place is None or node.shape[place] == batch:
            return inside * math.prod(node.shape[: place or 0])
        before, first = math.prod(node.shape[:place]), node.operand(0)
        if first is None or first.is_constant or first.op == "input":
            return inside * before
        if node.op != "reshape":
            if len(first.shape) != len(node.shape) or first.shape[place] != node.shape[place]:
                return inside * before
            inside = inside * before // max(math.prod(first.shape[:place]), 1)
        node = first


def _filled(asked: Sequence[int], total: int) -> tuple[int, ...]:
    known = math.prod(size for size in asked if size != -1)
    return tuple(total // max(known, 1) if size == -1 else size for size in asked)


def transpose(call: Call) -> Made:
    """Axes in another order, the reverse one by default."""
    order = call.attrs.get("perm", tuple(range(call.rank))[::-1])
    return call.apply("permute", call.x, order=tuple(call.axis(axis) for axis in order))


def flatten(call: Call) -> Made:
    """All axes before one, and all from it on, joined."""
    axis = int(call.attrs.get("axis", 1))
    sizes = list(call.x.shape)
    axis = axis + call.rank if axis < 0 else axis
    return call.apply("reshape", call.x, shape=(math.prod(sizes[:axis]), math.prod(sizes[axis:])))


def squeeze(call: Call) -> Made:
    """Axes of one entry left out."""
    axes, shape = call.list("axes", 1), call.x.shape
    gone = [axis for axis, size in enumerate(shape) if size == 1] if axes is None else list(map(call.axis, axes))
    if any(shape[axis] != 1 for axis in gone):
        raise UnsupportedError("the batch is left out")
    return call.apply("reshape", call.x, shape=tuple(n for axis, n in enumerate(shape) if axis not in gone))


def unsqueeze(call: Call) -> Made:
    """New axes of one entry."""
    axes = call.list("axes", 1) or []
    rank = call.rank + len(axes)
    new, left = {call.axis(axis, rank) for axis in axes}, iter(call.x.shape)
    return call.apply("reshape", call.x, shape=tuple(1 if axis in new else next(left) for axis in range(rank)))


def expand(call: Call) -> Made:
    """Repeated to the shape that both have together."""
    asked = [int(size) for size in call.list("shape", 1) or ()]
    try:
        shape = torch.broadcast_shapes(call.x.shape, asked)
    except RuntimeError as error:
        raise UnsupportedError(f"shapes {call.x.shape} and {tuple(asked)} do not fit") from error
    return repeated(call, call.x, shape)


def repeated(call: Call, x: Node, shape: Sequence[int]) -> Node:
    """A tensor repeated along axes of one entry, and new ones before them."""
    own = (1,) * (len(shape) - len(x.shape)) + x.shape
    return call.apply("expand", call.apply("reshape", x, shape=own), shape=tuple(shape))


def tile(call: Call) -> Made:
    """The tensor several times along each axis."""
    return call.aten("repeat", self=call.x, repeats=[int(count) for count in call.list("repeats", 1) or ()])


def concat(call: Call) -> Made:
    """One after the other; what was written down for one sample is repeated for the batch."""
    parts = [read for read in call.reads if read is not None and 0 not in read.shape]
    if not parts:
        raise UnsupportedError("nothing is joined")
    axis = call.axis(call.attrs.get("axis", 0), len(parts[0].shape))
    likes = [part for part in parts if not part.is_constant]
    for place, part in enumerate(parts):
        if likes and part.is_constant and len(part.shape) == len(likes[0].shape):
            shape: list[int] = list(part.shape)
            for other, size in enumerate(likes[0].shape):
                if other != axis and shape[other] == call.literal_batch == 1 and size == call.batch:
                    shape[other] = size
            parts[place] = part if tuple(shape) == part.shape else repeated(call, part, shape)
    return call.apply("concat", *parts, axis=axis)


def split(call: Call) -> Made:
    """Runs of entries."""
    axis = call.axis(call.attrs.get("axis", 0))
    total, asked = call.x.shape[axis], call.list("split", 1)
    if asked is None:
        count = int(call.attrs.get("num_outputs", call.num_outputs))
        each = -(-total // max(count, 1))
        asked = [min(each, total - each * part) for part in range(min(count, call.num_outputs))]
    if sum(asked) != total or min(asked, default=1) < 0:
        raise UnsupportedError(f"an axis of {total} is divided into {asked}")
    ends = list(itertools.accumulate(int(size) for size in asked))
    return [_run(call, call.x, axis, end - int(size), end) for size, end in zip(asked, ends, strict=True)]


def _run(call: Call, x: Node, axis: int, start: int, stop: int, step: int = 1) -> Node:
    return call.apply("slice", x, axis=axis, start=start, stop=stop, step=step)


def cut(call: Call) -> Made:
    """Some entries of some axes."""
    starts, ends = call.list("starts", 1) or [], call.list("ends", 2) or []
    axes = call.list("axes", 3) or list(range(len(starts)))
    steps = call.list("steps", 4) or [1] * len(starts)
    x = call.x
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = call.axis(axis)
        if step <= 0:
            x = _backwards(call, x, place, slice(int(start), int(end), int(step)))
            continue
        begin, stop, stride = slice(int(start), int(end), int(step)).indices(x.shape[place])
        x = _run(call, x, place, begin, max(stop, begin), stride)
    return x


def _backwards(call: Call, x: Node, axis: int, entries: slice) -> Node:
    """Entries from the last to the first."""
    size = x.shape[axis]
    if not entries.step:
        raise UnsupportedError("a step of 0")
    start = min(max(entries.start + size if entries.start < 0 else entries.start, 0), size - 1)
    stop = entries.stop + size if -size <= entries.stop < 0 else max(entries.stop, -1)
    return picked(call, x, axis, list(range(start, stop, entries.step)))


def picked(call: Call, x: Node, axis: int, places: Sequence[int]) -> Node:
    """Entries of an axis in any order: as runs, where they come in runs."""
    if not places:
        raise UnsupportedError("nothing is left of an axis")
    if x.value is not None:
        call.graph.spend(math.prod(x.shape) // max(x.shape[axis], 1) * len(places))
        return call.constant(x.value.index_select(axis, torch.tensor(places)), x)
    if len(places) > MAX_PICKED:
        raise UnsupportedError(f"more than {MAX_PICKED} entries picked one by one")
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1][1] += 1
        else:
            runs.append([place, place + 1])
    parts = [_run(call, x, axis, start, stop) for start, stop in runs]
    return parts[0] if len(parts) == 1 else call.apply("concat", *parts, axis=axis)


def gather(call: Call) -> Made:
    """Rows of a table by tokens, or fixed entries of an axis."""
    data, indices = call.read(0), call.read(1)
    axis = call.axis(call.attrs.get("axis", 0), len(data.shape))
    if indices.value is None:
        if not data.is_constant or axis != 0 or len(data.shape) != 2:
            raise UnsupportedError("entries are picked by what depends on the input")
        return call.apply("embed", indices, data)
    size = data.shape[axis]
    if indices.value.numel() > size * MAX_PICKED * MAX_PICKED:
        raise UnsupportedError("more entries are picked than there are")
    places = [int(place) + size if place < 0 else int(place) for place in indices.value.reshape(-1).tolist()]
    if not all(0 <= place < size for place in places):
        raise UnsupportedError(f"entries beyond the {size} of an axis")
    is_run = places == list(range(places[0], places[0] + len(places))) if places else False
    made = _run(call, data, axis, places[0], places[-1] + 1) if is_run else picked(call, data, axis, places)
    shape = (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])
    return call.apply("reshape", made, shape=shape)


def depth_to_space(call: Call) -> Made:
    """Channels become positions."""
    batch, channels, height, width = call.x.shape
    block = int(call.attrs["blocksize"])
    depth = channels // block**2
    if call.attrs.get("mode", "DCR") == "CRD":
        apart, order = (batch, depth, block, block, height, width), (0, 1, 4, 2, 5, 3)
    else:
        apart, order = (batch, block, block, depth, height, width), (0, 3, 4, 1, 5, 2)
    moved = call.apply("permute", call.apply("reshape", call.x, shape=apart), order=order)
    return call.apply("reshape", moved, shape=(batch, depth, height * block, width * block))


def space_to_depth(call: Call) -> Made:
    """Positions become channels."""
    batch, channels, height, width = call.x.shape
    block = int(call.attrs["blocksize"])
    apart = (batch, channels, height // block, block, width // block, block)
    moved = call.apply("permute", call.apply("reshape", call.x, shape=apart), order=(0, 3, 5, 1, 2, 4))
    return call.apply("reshape", moved, shape=(batch, channels * block**2, height // block, width // block))


MOVING: dict[str, Operator] = {
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "Reshape": reshape,
    "Slice": cut,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": tile,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
