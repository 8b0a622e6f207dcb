"""Untrusted bytes → a network: the only entry point for uploaded files, and the order of its checks."""

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Iterator

import torch
from torch import Tensor

from ngcore.errors import TooLargeError, UnknownFormatError, UnsafeFileError, UnsupportedNetworkError, UploadError
from ngcore.networks import Network
from ngcore.text import clean_text
from ngcore.upload import keras_format, legacy_format, npz_format, safetensors_format, torch_format
from ngcore.upload.contents import Contents, Format, TensorInfo
from ngcore.upload.conventions import Convention, convert, is_image
from ngcore.upload.export import ARCHITECTURE_KEY, check_parameters, parse_architecture
from ngcore.upload.folding import fold_tensors
from ngcore.upload.hints import HINTS_KEY, Hints
from ngcore.upload.infer import Inferred, infer_architecture
from ngcore.upload.limits import LOCAL, PUBLIC, Limits
from ngcore.upload.onnx_format import format as onnx_format
from ngcore.upload.pt2_format import format as pt2_format
from ngcore.upload.recipes import CONVERT, KERAS_TO_NPZ, TORCH_TO_NPZ
from ngcore.upload.refused import REFUSED
from ngcore.upload.schemes import keras
from ngcore.upload.schemes.recognise import recognise, with_tensors
from ngcore.upload.schemes.structure import Recognition, Structure
from ngcore.upload.shapes import check_architecture, check_graph, check_shapes
from ngcore.upload.structures import as_float32, structure_notes
from ngcore.upload.tensors import aside_notes, clean_tensors, set_counters_aside, tensor_table

FORMATS: tuple[Format, ...] = (
    safetensors_format.FORMAT,
    npz_format.FORMAT,
    torch_format.FORMAT,
    legacy_format.FORMAT,
    *keras_format.FORMATS,
    onnx_format.FORMAT,
    pt2_format.FORMAT,
)
KERAS_FORMATS = tuple(file_format.name for file_format in keras_format.FORMATS)
WITHOUT_STRUCTURE = "So its structure is not known; a file written by ngcore.upload.export_network says its own."
HEAD_BYTES = 4_096  # enough for every magic number and for the name of the first entry of an archive
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def _only_refusals() -> Iterator[None]:
    """Turn every error that no reader foresaw, of parsers of others or by mistakes of ours, into a refusal.

    It stands in the log, where tests look for it and fail.
    """
    try:
        yield
    except UploadError:
        raise
    except Exception:
        _log.exception("A file could not be read for a reason that no reader foresaw.")
        raise UnknownFormatError("This file is damaged, or of a kind that is not known here.") from None


@dataclasses.dataclass(frozen=True)
class Upload:
    """A network from a file, and what there is to show about the file.

    Attributes:
        network: A stack of one.
        format: Name of the file format.
        sha256: Digest of the file, in hex.
        size: Bytes of the file.
        tensors: The table of tensors as the file has them.
        notes: What was inferred or converted, in plain words.
        filename: The name of the file, cleaned of control characters.
    """

    network: Network
    format: str
    sha256: str
    size: int
    tensors: tuple[TensorInfo, ...]
    notes: tuple[str, ...]
    filename: str


@dataclasses.dataclass(frozen=True)
class OpenedFile:
    """A file whose bytes were read and checked once, so that it can be read as a network again and again.

    Attributes:
        tensors: Finite float32 tensors under clean names, in the order of the file.
        metadata: Texts that came with them; nothing of them is trusted yet.
        is_ordered: Whether the order is that in which the tensors were saved.
        format: Name of the file format.
        sha256: Digest of the file, in hex.
        size: Bytes of the file.
        table: The table of tensors as the file has them.
        notes: What was converted, in plain words.
        filename: The name of the file, cleaned of control characters.
        limits: What a network in it may cost.
        network: The network itself, where the file tells its structure.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    is_ordered: bool
    format: str
    sha256: str
    size: int
    table: tuple[TensorInfo, ...]
    notes: tuple[str, ...]
    filename: str
    limits: Limits
    network: Network | None = None


def read_network(data: bytes, *, filename: str = "", hints: Hints | None = None, public: bool = False) -> Upload:
    """Read a network from the bytes of a file: `open_file`, then `build_network`.

    Args:
        data: The whole file.
        filename: What its sender calls it; shown, and not used otherwise.
        hints: What is known about the network beyond the file; None if nothing.
        public: Whether strangers may upload; limits are lower then, and torch files are not read at all.

    Raises:
        UploadError: One of its kinds; no other error leaves this function.
    """
    return build_network(open_file(data, filename=filename, public=public), hints)


@_only_refusals()
def open_file(data: bytes, *, filename: str = "", public: bool = False) -> OpenedFile:
    """Read and check the bytes of a file.

    The format is decided by the first bytes, never by the name. Sizes are checked before anything is read, declared
    shapes before a tensor is made, the graph that would be built before a network is.

    Args:
        data: This and the others: see `read_network`.

    Raises:
        UploadError: One of its kinds; no other error leaves this function.
    """
    limits = PUBLIC if public else LOCAL
    if not data:
        raise UnknownFormatError("Expected a file with the weights of a network, got an empty one.")
    if len(data) > limits.file_bytes:
        raise TooLargeError(f"Expected a file of at most {limits.file_bytes:,} bytes, got {len(data):,}.")
    file_format = find_format(data[:HEAD_BYTES])
    if file_format.is_pickle and not limits.allows_pickle:
        raise UnsafeFileError(f"Torch files are not read on a public server. {CONVERT}", recipe=TORCH_TO_NPZ)
    contents = file_format.read(data, limits)
    if contents.network is not None:
        notes = (*contents.notes, *structure_notes(contents.network))
        return _opened(data, file_format, contents, {}, notes, filename=filename, limits=limits)
    check_shapes({name: tuple(tensor.shape) for name, tensor in contents.tensors.items()})
    weights, counters = set_counters_aside(contents.tensors)
    whole, fold_notes = fold_tensors(weights)
    tensors, notes = clean_tensors(whole)
    check_graph({name: tuple(tensor.shape) for name, tensor in tensors.items()}, limits)
    all_notes = (*contents.notes, *aside_notes((*counters, *contents.aside)), *fold_notes, *notes)
    return _opened(data, file_format, contents, tensors, all_notes, filename=filename, limits=limits)


def _opened(
    data: bytes,
    file_format: Format,
    contents: Contents,
    tensors: dict[str, Tensor],
    notes: tuple[str, ...],
    *,
    filename: str,
    limits: Limits,
) -> OpenedFile:
    return OpenedFile(
        tensors=tensors,
        metadata=contents.metadata,
        is_ordered=contents.is_ordered,
        format=file_format.name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        table=tensor_table(contents.tensors),
        notes=notes,
        filename=clean_text(filename),
        limits=limits,
        network=contents.network,
    )


@_only_refusals()
def build_network(file: OpenedFile, hints: Hints | None = None) -> Upload:
    """The network in a file that was read and checked.

    Args:
        file: What `open_file` returned.
        hints: What is known about the network beyond the file; None if nothing.

    Raises:
        UploadError: If it is no network, or one about which more must be said.
    """
    try:
        return _build(file, (hints or Hints()).over(_own_hints(file)))
    except UnsupportedNetworkError as error:
        if file.format not in KERAS_FORMATS or error.recipe:
            raise
        raise UnsupportedNetworkError(f"{error} {CONVERT}", recipe=KERAS_TO_NPZ) from None


def _build(file: OpenedFile, said: Hints) -> Upload:
    if file.network is not None:
        check_architecture(file.network.architecture, file.limits)
        network, converted = _in_own_convention(as_float32(file.network), said)
        return _upload(file, network, converted)
    recognition = _recognise(file, said)
    if recognition.structure is not None:
        return _whole(file, recognition.structure.settled())
    if recognition.is_chain and keras.is_keras(file.tensors):
        return _whole(file, keras.chain_of(file.tensors, said))
    inferred = _architecture(file, said, recognition)
    check_architecture(inferred.architecture, file.limits)
    network, converted = _in_own_convention(_network(inferred, file.tensors), said)
    return _upload(file, network, (*inferred.notes, *recognition.near_misses, *converted))


def _upload(file: OpenedFile, network: Network, notes: tuple[str, ...]) -> Upload:
    return Upload(
        network=network,
        format=file.format,
        sha256=file.sha256,
        size=file.size,
        tensors=file.table,
        notes=(*file.notes, *notes),
        filename=file.filename,
    )


def _recognise(file: OpenedFile, hints: Hints) -> Recognition:
    """The naming scheme of a file that does not say its architecture; none where the user says how a chain is read."""
    if ARCHITECTURE_KEY in file.metadata or hints.part is not None or hints.order is not None:
        return Recognition(None)
    shapes = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
    return recognise(
        shapes,
        hints,
        metadata=file.metadata,
        are_equal=lambda one, other: torch.equal(file.tensors[one], file.tensors[other]),
    )


def _whole(file: OpenedFile, structure: Structure) -> Upload:
    """The network of a known library."""
    check_architecture(structure.architecture, file.limits)
    origin = with_tensors(structure, file.tensors, {row.name: row.dtype for row in file.table})
    network = origin.network(structure.architecture, file.tensors)
    return _upload(file, network, structure.notes)


def find_format(head: bytes) -> Format:
    """The format whose files start like `head`.

    Raises:
        UnknownFormatError: If there is none, or one that is known and not read; the message says how to convert it.
    """
    for file_format in FORMATS:
        if file_format.matches(head):
            return file_format
    for refused in REFUSED:
        if refused.matches(head):
            raise refused.error
    names = ", ".join(file_format.name for file_format in FORMATS)
    raise UnknownFormatError(f"Expected a file of one of the formats {names}, got one that starts like none of them.")


def _architecture(file: OpenedFile, hints: Hints, recognition: Recognition) -> Inferred:
    if ARCHITECTURE_KEY not in file.metadata:
        if not recognition.is_chain:
            raise UnsupportedNetworkError(f"{' '.join(recognition.near_misses)} {WITHOUT_STRUCTURE}")
        try:
            return infer_architecture(file.tensors, hints, is_ordered=file.is_ordered)
        except UnsupportedNetworkError as error:
            raise UnsupportedNetworkError(" ".join((*recognition.near_misses, str(error)))) from None
    architecture = parse_architecture(file.metadata[ARCHITECTURE_KEY])
    check_parameters(architecture, {name: tuple(tensor.shape) for name, tensor in file.tensors.items()})
    notes = ("The architecture was read from the file itself.",)
    return Inferred(architecture, {name: name for name in architecture.parameter_shapes}, notes)


def says_its_convention(file: OpenedFile) -> bool:
    """Whether a file says what coordinates and outputs of an implicit representation mean, as exported ones do."""
    return ARCHITECTURE_KEY in file.metadata or _own_hints(file).spoken_convention is not None


def _own_hints(file: OpenedFile) -> Hints:
    return Hints.from_json(file.metadata[HINTS_KEY]) if HINTS_KEY in file.metadata else Hints()


def _in_own_convention(network: Network, hints: Hints) -> tuple[Network, tuple[str, ...]]:
    """An implicit representation of an image in this project's convention, and a note if that changed its weights."""
    convention = hints.spoken_convention
    if convention is None or not is_image(network.architecture):
        return network, ()
    if convention.is_own:
        return network, (f"Its inputs and outputs are {convention.described}, as stated.",)
    note = (
        f"Its inputs and outputs were {convention.described}, as stated; the first and the last layer were changed "
        f"so that it computes the same image with {Convention().described}."
    )
    return convert(network, convention), (note,)


def _network(inferred: Inferred, tensors: dict[str, Tensor]) -> Network:
    shapes = inferred.architecture.parameter_shapes
    parameters = {}
    for name, source in inferred.sources.items():
        is_filled = isinstance(source, float)
        tensor = torch.full(shapes[name], source) if is_filled else tensors[source]  # type: ignore[index, arg-type]
        parameters[name] = tensor[None]
    return Network(inferred.architecture, parameters)
