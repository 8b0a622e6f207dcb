"""The tensors of an exported program (`.pt2`): only its lists are read, the numbers stay where they are."""

import math

import numpy as np

from ngcore.upload.limits import Limits
from ngcore.upload.pt2_format.listing import entries_of, listed, matches
from ngcore.upload.torch_format import Described, check_view, view_of
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import Stored, WeightFormat
from ngcore.upload.weights.tensor import STORED_AS, WeightTensor
from ngcore.upload.weights.torch_source import REPEATS
from ngcore.upload.weights.zipped import ZipEntry


def list_tensors(buffer: Buffer, limits: Limits) -> Stored:
    """The parameters, buffers and constants of a program.

    Raises:
        UploadError: If the archive breaks a rule, or a tensor does not lie within its storage.
    """
    parts = entries_of(buffer, limits.stored_bytes)
    listing = listed(parts)
    repeating = {one.name: REPEATS for one in listing.tensors if math.prod(one.shape) > one.numel}
    tensors = {one.name: _tensor(one, parts[one.key]) for one in listing.tensors if one.name not in repeating}
    return Stored(tensors, {**listing.aside, **repeating})


def _tensor(described: Described, entry: ZipEntry) -> WeightTensor:
    check_view(described, entry.size)

    def read() -> np.ndarray:
        return view_of(described, np.frombuffer(entry.content(), f"<{STORED_AS[described.dtype]}"))

    return WeightTensor(described.name, described.shape, described.dtype, read)


FORMAT = WeightFormat("torch.export", matches, list_tensors)
