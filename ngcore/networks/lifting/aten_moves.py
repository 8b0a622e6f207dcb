"""What torch's own operations that only move, repeat or cut numbers are in terms of a foreign graph."""

import math
from types import SimpleNamespace

from ngcore.networks.lifting.aten import Handler, Made, listed
from ngcore.networks.lifting.graph import ForeignGraph
from ngcore.networks.lifting.nodes import Node


def permute(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes in another order."""
    rank = len(a.self.shape)
    return graph.apply("permute", a.self, order=tuple(axis % rank for axis in a.dims), path=path)


def transpose(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Two axes exchanged."""
    order = list(range(len(a.self.shape)))
    if len(order) > 1:
        one, other = (a.dim0, a.dim1) if hasattr(a, "dim0") else (-2, -1)
        order[one], order[other] = order[other], order[one]
    return graph.apply("permute", a.self, order=tuple(order), path=path)


def reverse(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """All axes in reverse order."""
    return graph.apply("permute", a.self, order=tuple(reversed(range(len(a.self.shape)))), path=path)


def move_axes(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes moved elsewhere."""
    source, target = (listed(x) for x in (a.source, a.destination))
    rank = len(a.self.shape)
    places = {t % rank: s % rank for s, t in zip(source, target, strict=True)}
    left = iter(axis for axis in range(rank) if axis not in places.values())
    return graph.apply(
        "permute", a.self, order=tuple(places[i] if i in places else next(left) for i in range(rank)), path=path
    )


def view(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Another shape for the same numbers."""
    asked = list(a.size if hasattr(a, "size") else a.shape)
    known = math.prod(size for size in asked if size != -1)
    shape = tuple(math.prod(a.self.shape) // known if size == -1 else size for size in asked)
    return graph.apply("reshape", a.self, shape=shape, path=path)


def view_like(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The shape of another tensor."""
    return graph.apply("reshape", a.self, shape=a.other.shape, path=path)


def flatten(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes joined."""
    shape, rank = a.self.shape, len(a.self.shape)
    start, end = a.start_dim % rank, a.end_dim % rank
    joined = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    return graph.apply("reshape", a.self, shape=joined, path=path)


def unflatten(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """An axis divided."""
    shape, axis = a.self.shape, a.dim % len(a.self.shape)
    known = math.prod(size for size in a.sizes if size != -1)
    sizes = tuple(shape[axis] // known if size == -1 else size for size in a.sizes)
    return graph.apply("reshape", a.self, shape=(*shape[:axis], *sizes, *shape[axis + 1 :]), path=path)


def unsqueeze(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A new axis of one entry."""
    axis = a.dim % (len(a.self.shape) + 1)
    return graph.apply("reshape", a.self, shape=(*a.self.shape[:axis], 1, *a.self.shape[axis:]), path=path)


def pixels_from_channels(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Pixel shuffle: r² channels as r × r pixels of one."""
    r, (*lead, channels, height, width) = a.upscale_factor, a.self.shape
    count = len(lead)
    apart = graph.apply("reshape", a.self, shape=(*lead, channels // r**2, r, r, height, width))
    order = (*range(count + 1), *(count + i for i in (3, 1, 4, 2)))
    shape = (*lead, channels // r**2, height * r, width * r)
    return graph.apply("reshape", graph.apply("permute", apart, order=order), shape=shape, path=path)


def channels_from_pixels(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The reverse of pixel shuffle."""
    r, (*lead, channels, height, width) = a.downscale_factor, a.self.shape
    count = len(lead)
    apart = graph.apply("reshape", a.self, shape=(*lead, channels, height // r, r, width // r, r))
    order = (*range(count + 1), *(count + i for i in (2, 4, 1, 3)))
    shape = (*lead, channels * r**2, height // r, width // r)
    return graph.apply("reshape", graph.apply("permute", apart, order=order), shape=shape, path=path)


def shuffled_channels(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Channels of all groups by turns."""
    batch, channels, *positions = a.self.shape
    apart = graph.apply("reshape", a.self, shape=(batch, a.groups, channels // a.groups, *positions))
    order = (0, 2, 1, *range(3, len(apart.shape)))
    return graph.apply("reshape", graph.apply("permute", apart, order=order), shape=a.self.shape, path=path)


def squeeze(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes of one entry left out."""
    shape, rank = a.self.shape, len(a.self.shape)
    asked = range(rank) if not hasattr(a, "dim") else [axis % rank for axis in listed(a.dim)]
    left = tuple(size for axis, size in enumerate(shape) if size != 1 or axis not in asked)
    return graph.apply("reshape", a.self, shape=left, path=path)


def expand(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Axes of one entry repeated."""
    asked = list(a.size) if hasattr(a, "size") else list(a.other.shape)
    own = (1,) * (len(asked) - len(a.self.shape)) + a.self.shape
    shape = tuple(old if size == -1 else size for size, old in zip(asked, own, strict=True))
    return graph.apply("expand", graph.apply("reshape", a.self, shape=own), shape=shape, path=path)


def repeat(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """The tensor several times along each axis."""
    shape = (1,) * (len(a.repeats) - len(a.self.shape)) + a.self.shape
    apart = graph.apply("reshape", a.self, shape=tuple(n for size in shape for n in (1, size)))
    wide = graph.apply("expand", apart, shape=tuple(n for pair in zip(a.repeats, shape, strict=True) for n in pair))
    joined = tuple(count * size for count, size in zip(a.repeats, shape, strict=True))
    return graph.apply("reshape", wide, shape=joined, path=path)


def repeat_each(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Each entry of an axis several times."""
    if not isinstance(a.repeats, int) or a.dim is None:
        return graph.unknown("repeats that differ", a.self.shape, a.self.dtype, [a.self], path)
    shape, axis = a.self.shape, a.dim % len(a.self.shape)
    apart = graph.apply("reshape", a.self, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :]))
    wide = graph.apply("expand", apart, shape=(*shape[: axis + 1], a.repeats, *shape[axis + 1 :]))
    joined = (*shape[:axis], shape[axis] * a.repeats, *shape[axis + 1 :])
    return graph.apply("reshape", wide, shape=joined, path=path)


def cut(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Some entries of an axis."""
    axis = a.dim % len(a.self.shape)
    start, stop, step = slice(a.start, a.end, a.step).indices(a.self.shape[axis])
    return graph.apply("slice", a.self, axis=axis, start=start, stop=max(stop, start), step=step, path=path)


def narrow(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """A run of entries."""
    axis = a.dim % len(a.self.shape)
    return graph.apply("slice", a.self, axis=axis, start=a.start, stop=a.start + a.length, path=path)


def select(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One entry of an axis, which goes."""
    shape, axis = a.self.shape, a.dim % len(a.self.shape)
    index = a.index % shape[axis]
    one = graph.apply("slice", a.self, axis=axis, start=index, stop=index + 1, path=path)
    return graph.apply("reshape", one, shape=(*shape[:axis], *shape[axis + 1 :]), path=path)


def split(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Runs of entries of given sizes."""
    axis = a.dim % len(a.self.shape)
    total = a.self.shape[axis]
    if hasattr(a, "chunks"):
        size = -(-total // a.chunks)
        sizes = [min(size, total - start) for start in range(0, total, size)]
    else:
        asked = a.split_size if hasattr(a, "split_size") else a.split_sizes
        sizes = [min(asked, total - i) for i in range(0, total, asked)] if isinstance(asked, int) else list(asked)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    runs = [(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    return [graph.apply("slice", a.self, axis=axis, start=start, stop=stop, path=path) for start, stop in runs]


def unbind(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Every entry of an axis by itself."""
    count = a.self.shape[a.dim]
    parts = [select(graph, SimpleNamespace(self=a.self, dim=a.dim, index=i), path) for i in range(count)]
    return [part for part in parts if isinstance(part, Node)]


def concat(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """One after the other."""
    parts = [part for part in a.tensors if math.prod(part.shape)]
    if len(parts) == 1:
        return parts[0]
    return graph.apply("concat", *parts, axis=a.dim % len(parts[0].shape), path=path)


def stack(graph: ForeignGraph, a: SimpleNamespace, path: str) -> Made:
    """Side by side along a new axis."""
    axis = a.dim % (len(a.tensors[0].shape) + 1)
    parts = [unsqueeze(graph, SimpleNamespace(self=part, dim=axis), path) for part in a.tensors]
    return graph.apply("concat", *parts, axis=axis, path=path)  # type: ignore[arg-type]


MOVES: dict[str, Handler] = {
    "_unsafe_view": view,
    "cat": concat,
    "chunk": split,
    "channel_shuffle": shuffled_channels,
    "expand": expand,
    "expand_as": expand,
    "flatten": flatten,
    "movedim": move_axes,
    "mT": transpose,
    "narrow": narrow,
    "numpy_T": reverse,
    "permute": permute,
    "pixel_shuffle": pixels_from_channels,
    "pixel_unshuffle": channels_from_pixels,
    "repeat": repeat,
    "repeat_interleave": repeat_each,
    "reshape": view,
    "reshape_as": view_like,
    "select": select,
    "slice": cut,
    "split": split,
    "split_with_sizes": split,
    "squeeze": squeeze,
    "stack": stack,
    "swapaxes": transpose,
    "t": transpose,
    "transpose": transpose,
    "unbind": unbind,
    "unflatten": unflatten,
    "unsqueeze": unsqueeze,
    "view": view,
    "view_as": view_like,
}
