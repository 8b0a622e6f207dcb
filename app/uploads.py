"""Files that were brought along, each read and converted once for all pages, reruns and answers, within a few bytes."""

import copy
import dataclasses
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.byte_cache import ByteCache
from ngcore.errors import BusyError, NeuralGraphError

if TYPE_CHECKING:
    from ngcore.upload import Hints, OpenedFile, Upload

MAX_OPENED_BYTES = 256 * 1024 * 1024
MAX_BUILT_BYTES = 256 * 1024 * 1024
_opened, _built = ByteCache(MAX_OPENED_BYTES), ByteCache(MAX_BUILT_BYTES)


def open_once(data: bytes, *, filename: str = "", public: bool = False) -> "OpenedFile":
    """`ngcore.upload.open_file`, for bytes that were not opened yet; a refusal is remembered, too.

    Args:
        data: The whole file.
        filename: What its sender calls it; the same bytes may come under several names.
        public: Whether strangers may upload.

    Raises:
        UploadError: If it will not be read.
    """
    from ngcore.text import clean_text
    from ngcore.upload import open_file

    key = (hashlib.sha256(data).hexdigest(), public)
    file = _once(_opened, key, lambda: open_file(data, filename=filename, public=public))
    return dataclasses.replace(file, filename=clean_text(filename))


def build_once(file: "OpenedFile", hints: "Hints | None" = None) -> "Upload":
    """`ngcore.upload.build_network`, for answers about a file that were not given yet; do not change its tensors.

    Raises:
        UploadError: If it is no network, or one about which more must be said.
    """
    from ngcore.upload import build_network

    key = (file.sha256, file.limits, hints)
    upload = _once(_built, key, lambda: build_network(file, hints))
    return dataclasses.replace(upload, filename=file.filename)


def read_once(data: bytes, *, filename: str = "", public: bool = False) -> "Upload":
    """The network in a file that leaves nothing open: `open_once`, then `build_once`.

    Raises:
        UploadError: As both.
    """
    return build_once(open_once(data, filename=filename, public=public))


def _once(cache: ByteCache, key: Any, make: Callable[[], Any]) -> Any:
    """A result, or the error in its place, from the cache; a reader that is busy is asked again."""

    def outcome() -> Any:
        try:
            return make()
        except BusyError:
            raise
        except NeuralGraphError as error:
            return _Refusal(error.with_traceback(None))

    found = cache.get(key, outcome)
    if isinstance(found, _Refusal):
        raise copy.copy(found.error)
    return found


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """Why there is no result."""

    error: NeuralGraphError
