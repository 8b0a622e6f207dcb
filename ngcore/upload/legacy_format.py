"""Files that torch wrote before 1.6: their tensors as networks are made of them."""

from ngcore.upload.contents import Contents, Format
from ngcore.upload.limits import Limits
from ngcore.upload.refused import LEGACY_TORCH
from ngcore.upload.shapes import check_bytes


def matches(head: bytes) -> bool:
    """Whether the first bytes are those of a legacy torch file."""
    return head.startswith(LEGACY_TORCH)


def read(data: bytes, limits: Limits) -> Contents:
    """Read the tensors of the state dict in a file, by the reader of weights without structure.

    Raises:
        UploadError: If a rule is broken or the file is damaged.
    """
    from ngcore.upload.weights import open_weights  # which needs the formats of this package

    file = open_weights(data)
    check_bytes(sum(tensor.num_bytes for tensor in file.tensors.values()), limits)
    return Contents(file.state_dict(), notes=file.notes, aside=tuple(one.name for one in file.aside))


FORMAT = Format("legacy torch", matches, read, is_pickle=True)
