"""What the reader of a format of weights hands on."""

import dataclasses
from collections.abc import Callable, Mapping

from ngcore.upload.limits import Limits
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.tensor import WeightTensor


@dataclasses.dataclass(frozen=True)
class Stored:
    """Tensors as a file names them, with nothing of their numbers read.

    Attributes:
        tensors: By their names in the file, in its order.
        aside: For the name of what is no readable tensor why it is none.
        metadata: Texts that came with them.
        notes: What the reader had to decide, in plain words.
        is_ordered: Whether the order is the one in which the tensors were saved, and so informative.
    """

    tensors: dict[str, WeightTensor]
    aside: Mapping[str, str] = dataclasses.field(default_factory=dict)
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    is_ordered: bool = True


@dataclasses.dataclass(frozen=True)
class WeightFormat:
    """One format whose tensors are shown.

    Attributes:
        name: Its human-readable name.
        matches: Whether the first bytes of a file are of this format.
        list_tensors: Lists the tensors of a file within limits; raises `UploadError` and nothing else.
        is_pickle: Whether its structure is a pickle, which public servers do not read.
    """

    name: str
    matches: Callable[[bytes], bool]
    list_tensors: Callable[[Buffer, Limits], Stored]
    is_pickle: bool = False


NOT_READ = "numbers of type {}, which are not read"
