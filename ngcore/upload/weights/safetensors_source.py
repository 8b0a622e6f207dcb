"""The tensors of a safetensors file: only its header is read, the numbers stay where they are."""

from ngcore.errors import TooLargeError
from ngcore.upload import safetensors_format
from ngcore.upload.limits import MAX_HEADER_BYTES, Limits
from ngcore.upload.safetensors_format import PREFIX_BYTES, Entry, check_offsets, parse_entry, parse_header
from ngcore.upload.weights.buffer import Buffer
from ngcore.upload.weights.source import NOT_READ, Stored, WeightFormat
from ngcore.upload.weights.tensor import WeightTensor, item_bytes, numbers

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
ITEM_BYTES = {kind: item_bytes(dtype) for kind, dtype in DTYPES.items()}


def list_tensors(buffer: Buffer, _: Limits) -> Stored:
    """The tensors that the header describes.

    Raises:
        UploadError: If the header is damaged, or offsets overlap, leave gaps or do not fit the shapes.
    """
    start = safetensors_format.start_of_numbers(buffer.head(PREFIX_BYTES))
    if start > MAX_HEADER_BYTES:
        raise TooLargeError(f"Expected a safetensors header of at most {MAX_HEADER_BYTES:,} bytes, got {start:,}.")
    header, metadata = parse_header(buffer.head(start))
    entries = {name: parse_entry(name, entry) for name, entry in header.items()}
    check_offsets(entries, len(buffer) - start, ITEM_BYTES)
    tensors = {name: _tensor(name, entry, buffer, start) for name, entry in entries.items() if entry.dtype in DTYPES}
    aside = {name: NOT_READ.format(entry.dtype) for name, entry in entries.items() if entry.dtype not in DTYPES}
    return Stored(tensors, aside, metadata, is_ordered=False)


def _tensor(name: str, entry: Entry, buffer: Buffer, start: int) -> WeightTensor:
    dtype = DTYPES[entry.dtype]
    return WeightTensor(
        name,
        entry.shape,
        dtype,
        lambda: numbers(buffer.take(start + entry.begin, start + entry.end), dtype, entry.shape),
    )


FORMAT = WeightFormat("safetensors", safetensors_format.matches, list_tensors)
