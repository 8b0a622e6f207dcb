"""Programs of `torch.export` as a format of uploads."""

import numpy as np
import torch
from torch import Tensor

from ngcore.errors import ArchitectureError, UnsupportedNetworkError, UploadError
from ngcore.text import clean_text
from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import MAX_PROGRAM_BYTES, Limits
from ngcore.upload.pt2_format.listing import damaged, entries_of, listed, matches, parsed
from ngcore.upload.shapes import check_bytes, check_count, check_shapes
from ngcore.upload.torch_format import DTYPES, Described, check_view, view_of
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.zipped import ZipEntry

PROGRAM = "models/model.json"
DAMAGED_ERRORS = (
    *(KeyError, TypeError, AttributeError, ValueError, IndexError, RuntimeError, OverflowError, ZeroDivisionError),
    *(StopIteration, AssertionError, RecursionError, NotImplementedError),
)
"""What reading a program raises where its JSON is of another form than torch writes."""


def read(data: bytes, limits: Limits) -> Contents:
    """The network in an exported program.

    Raises:
        UploadError: If the archive is damaged, too large, or holds no network, not even in part.
    """
    from ngcore.networks.lifting.assembly import Original, lifted  # the rules take a while to import
    from ngcore.networks.lifting.reading import as_chain
    from ngcore.upload.pt2_format.program import graph_of

    parts = entries_of(Buffer(data), limits.tensor_bytes)
    if PROGRAM not in parts:
        raise UnsupportedNetworkError(
            "Expected an archive with one exported program, got one without models/model.json."
        )
    listing = listed(parts)
    tensors = {one.name: _tensor(one, parts[one.key]) for one in _checked(listing.tensors, limits)}
    program = parsed(parts[PROGRAM], MAX_PROGRAM_BYTES)
    try:
        graph = graph_of(program, tensors, listing.learned)
        state = {clean_text(name): tensor for name, tensor in tensors.items()}
        original = Original(state, {}, frozenset(map(clean_text, listing.learned)))
        network = as_chain(lifted(graph, original, batch_size=graph.inputs[0].shape[0]))
    except UploadError:
        raise
    except ArchitectureError as error:
        raise UnsupportedNetworkError(f"This exported program cannot be read as a network: {error}") from error
    except DAMAGED_ERRORS as error:
        raise damaged("it is not of the form that torch writes") from error
    return Contents(tensors, aside=tuple(listing.aside), network=network)


def _checked(tensors: tuple[Described, ...], limits: Limits) -> tuple[Described, ...]:
    """The tensors, if they are few and small enough; those without numbers are left out."""
    held = tuple(tensor for tensor in tensors if 0 not in tensor.shape)
    check_count(len(held))
    check_shapes({tensor.name: tensor.shape for tensor in held})
    check_bytes(sum(int(np.prod(t.shape, dtype=object)) * DTYPES[t.dtype].itemsize for t in held), limits)
    return held


def _tensor(described: Described, entry: ZipEntry) -> Tensor:
    """A contiguous copy of a view of a storage."""
    dtype = DTYPES[described.dtype]
    check_view(described, entry.size)
    numbers = np.frombuffer(entry.content(), f"<i{dtype.itemsize}")
    own = torch.from_numpy(view_of(described, numbers).astype(f"i{dtype.itemsize}", order="C", copy=True))
    return own != 0 if dtype is torch.bool else own.view(dtype)


FORMAT = Format("torch.export", matches, read)
