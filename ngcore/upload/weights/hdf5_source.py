"""The datasets of HDF5 files (`.h5`, `.hdf5`) and of Keras archives (`.keras`), as data: no Keras, no HDF5 library.

The C library of HDF5 is not made for hostile files, and Keras can run code that a file names. So the few structures
that hold weights are walked by hand, in Python, where the worst that a damaged file can do is to be refused.
"""

from ngcore.errors import UnknownFormatError, UnsupportedNetworkError
from ngcore.text import clean_text
from ngcore.upload.archive import first_name
from ngcore.upload.limits import MAX_METADATA_BYTES, Limits
from ngcore.upload.recipes import CONVERT, KERAS_TO_NPZ
from ngcore.upload.refused import KERAS_ENTRIES
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.hdf5_data import NotRead, read_dataset
from ngcore.upload.weights.hdf5_groups import links_of
from ngcore.upload.weights.hdf5_objects import DATASPACE, DATATYPE, LAYOUT, SIGNATURE, Hdf5
from ngcore.upload.weights.source import Stored, WeightFormat
from ngcore.upload.weights.tensor import WeightTensor
from ngcore.upload.weights.tree import natural_key
from ngcore.upload.weights.zipped import list_entries

WEIGHTS, CONFIG = "model.weights.h5", "config.json"
CONFIG_KEY = "keras_config"
NOT_FOLLOWED = "a link elsewhere, which is not followed"
MAX_DEPTH = 32


def list_tensors(buffer: Buffer, limits: Limits) -> Stored:
    """The datasets of an HDF5 file, groups in the natural order of their names.

    Raises:
        UploadError: If it is damaged, too large, or refers to other files.
    """
    return _walk(buffer.take(0, len(buffer)), limits)


def list_keras_tensors(buffer: Buffer, limits: Limits) -> Stored:
    """The datasets in the archive that Keras writes, and its configuration as a text, unread.

    Raises:
        UploadError: If the archive breaks a rule or holds no weights.
    """
    entries = list_entries(buffer, is_compressible=True, max_bytes=limits.stored_bytes)
    if WEIGHTS not in entries or (entries[WEIGHTS].is_deflated and entries[WEIGHTS].size > limits.unpacked_bytes):
        raise UnsupportedNetworkError(
            f"Expected {WEIGHTS} in the archive of a Keras model. {CONVERT}", recipe=KERAS_TO_NPZ
        )
    content = entries[WEIGHTS].content()
    if bytes(content[: len(SIGNATURE)]) != SIGNATURE:
        raise UnknownFormatError(f"This Keras archive is damaged: its {WEIGHTS} is no HDF5 file.")
    stored = _walk(content, limits)
    config = entries.get(CONFIG)
    if config is None or config.size > MAX_METADATA_BYTES:
        return stored
    text = bytes(config.content()).decode("utf-8", errors="replace")
    return Stored(stored.tensors, stored.aside, {CONFIG_KEY: text}, stored.notes, stored.is_ordered)


def _walk(data: memoryview, limits: Limits) -> Stored:
    """Every object that hard links lead to, once."""
    file = Hdf5(data)
    tensors: dict[str, WeightTensor] = {}
    aside: dict[str, str] = {}
    seen: set[int] = set()
    waiting: list[tuple[str, int]] = [("", file.root)]
    while waiting:
        path, address = waiting.pop()
        if address in seen or path.count("/") > MAX_DEPTH:
            continue
        seen.add(address)
        messages = file.messages(address)
        kinds = {message.kind for message in messages}
        if kinds.issuperset({DATASPACE, DATATYPE, LAYOUT}):
            try:
                dataset = read_dataset(file, messages, max_unpacked=limits.unpacked_bytes)
            except NotRead as reason:
                aside[path] = str(reason)
            else:
                tensors[path] = WeightTensor(path, dataset.shape, dataset.dtype, dataset.read)
            continue
        links = [(f"{path}/{name}" if path else name, target) for name, target in links_of(file, messages)]
        aside |= {name: NOT_FOLLOWED for name, target in links if target is None}
        inner = [(name, target) for name, target in links if target is not None]
        waiting += sorted(inner, key=lambda link: natural_key(link[0]), reverse=True)
    if not tensors:
        what = f" but {clean_text(next(iter(aside)))!r}, {next(iter(aside.values()))}" if aside else ""
        raise UnsupportedNetworkError(
            f"Expected an HDF5 file with weights, got one without any that is read{what}. {CONVERT}",
            recipe=KERAS_TO_NPZ,
        )
    return Stored(tensors, aside, is_ordered=False)


KERAS_FORMAT = WeightFormat("keras", lambda head: first_name(head) in KERAS_ENTRIES, list_keras_tensors)
FORMAT = WeightFormat("hdf5", lambda head: head.startswith(SIGNATURE), list_tensors)
