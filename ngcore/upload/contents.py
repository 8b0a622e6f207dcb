"""What a file format hands on, and what makes a file format."""

import dataclasses
from collections.abc import Callable

from torch import Tensor

from ngcore.networks import Network
from ngcore.upload.limits import Limits


@dataclasses.dataclass(frozen=True)
class Contents:
    """Tensors as a file names them, none of it trusted yet.

    Attributes:
        tensors: Tensors by name, in the order of the file.
        metadata: Texts that came with them.
        notes: What the reader had to decide, in plain words.
        is_ordered: Whether the order is the one in which the tensors were saved, and so informative.
        aside: Names of what stood beside the tensors and is none.
        network: The network itself, where the file tells its structure; a stack of one.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_ordered: bool = True
    aside: tuple[str, ...] = ()
    network: Network | None = None


@dataclasses.dataclass(frozen=True)
class Format:
    """One readable file format.

    Attributes:
        name: Its human-readable name.
        matches: Whether the first bytes of a file are of this format.
        read: Reads a whole file within limits; raises `UploadError` and nothing else.
        is_pickle: Whether its structure is a pickle, which public servers do not read.
    """

    name: str
    matches: Callable[[bytes], bool]
    read: Callable[[bytes, Limits], Contents]
    is_pickle: bool = False


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """A row of the table of tensors.

    Attributes:
        name: Name in the file, cleaned of control characters; still untrusted text, so escape it in HTML.
        shape: Its shape.
        dtype: Its data type in the file, such as "float16".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
