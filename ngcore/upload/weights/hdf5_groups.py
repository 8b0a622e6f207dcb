"""Groups of HDF5 files: their links, in tables of the older kind, in the header, or in a heap of the newer kind."""

import dataclasses
from collections.abc import Iterator, Sequence

from ngcore.upload.weights.hdf5_objects import LINK, LINK_INFO, SYMBOLS, UNDEFINED, Hdf5, Message, damaged, number

MAX_NAME_BYTES = 4_096
HARD_LINK = 0
CACHED_SOFT_LINK = 2
NAME_INDEX = 5  # the kind of tree that finds links by their names
HASH_BYTES = 4  # before the heap id in each of its records
NODE_HEAD, NODE_FRAME = 6, 10  # bytes before the records of a node, and with the checksum behind them
MAX_DEPTH = 8
Link = tuple[str, int | None]


def links_of(file: Hdf5, messages: Sequence[Message]) -> Iterator[Link]:
    """Names and addresses of what a group holds; None as the address of what is not followed.

    Raises:
        UploadError: If the group is damaged.
    """
    for message in messages:
        if message.kind == SYMBOLS:
            yield from _symbols(file, number(message.content, 0, 8), number(message.content, 8, 8))
        elif message.kind == LINK:
            yield _link(message.content)
        elif message.kind == LINK_INFO:
            start = 10 if number(message.content, 1, 1) & 1 else 2
            heap, tree = number(message.content, start, 8), number(message.content, start + 8, 8)
            if heap != UNDEFINED:
                yield from _dense(file, heap, tree)


def _symbols(file: Hdf5, tree: int, heap: int) -> Iterator[Link]:
    """The links of a group of the older kind: a tree of tables, and a heap with the names."""
    if bytes(file.take(heap, 4)) != b"HEAP":
        raise damaged("the names of a group are missing")
    size, names = file.number(heap + 8, 8), file.number(heap + 24, 8)
    for table, _ in file.leaves(tree, kind=0, key_size=8):
        if bytes(file.take(table, 4)) != b"SNOD":
            raise damaged("a table of a group is missing")
        for i in range(file.number(table + 6, 2)):
            file.step()
            at = table + 8 + 40 * i
            offset, cached = file.number(at, 8), file.number(at + 16, 4)
            if offset >= size:
                raise damaged("a name lies outside its group")
            raw = bytes(file.take(names + offset, min(size - offset, MAX_NAME_BYTES)))
            name = raw.partition(b"\0")[0].decode("utf-8", errors="replace")
            yield name, None if cached == CACHED_SOFT_LINK else file.number(at + 8, 8)


def _link(content: bytes) -> Link:
    """Name and address of one link of the newer kind."""
    flags, at, kind = number(content, 1, 1), 2, HARD_LINK
    if flags & 8:
        kind, at = number(content, at, 1), at + 1
    at += (8 if flags & 4 else 0) + (1 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    length = number(content, at, width)
    at += width
    name = content[at : at + min(length, MAX_NAME_BYTES)].decode("utf-8", errors="replace")
    return name, number(content, at + length, 8) if kind == HARD_LINK else None


def _dense(file: Hdf5, heap: int, tree: int) -> Iterator[Link]:
    """The links of a large group of the newer kind: a tree of ids, and a heap in which the links stand."""
    blocks = _Heap.read(file, heap)
    for record in _records(file, tree):
        yield _link(blocks.content(file, record[HASH_BYTES:]))


@dataclasses.dataclass(frozen=True)
class _Heap:
    """A fractal heap: blocks that double in size, row by row, of which one table lists the addresses.

    Attributes:
        width: Blocks in a row.
        first_size: Bytes of a block of the first and of the second row.
        offset_bytes: Bytes of an offset.
        length_bytes: Bytes of a length.
        root: Address of the only block, or of the table.
        num_rows: Rows of the table; 0 where there is one block.
    """

    width: int
    first_size: int
    offset_bytes: int
    length_bytes: int
    root: int
    num_rows: int

    @staticmethod
    def read(file: Hdf5, address: int) -> "_Heap":
        """The heap whose header stands at an address."""
        if bytes(file.take(address, 4)) != b"FRHP" or file.number(address + 7, 2):
            raise damaged("the links of a group are missing, or packed in a way that is not read")
        offset_bytes = -(-file.number(address + 128, 2) // 8)
        heap = _Heap(
            width=file.number(address + 110, 2),
            first_size=file.number(address + 112, 8),
            offset_bytes=offset_bytes,
            length_bytes=file.number(address + 5, 2) - 1 - offset_bytes,
            root=file.number(address + 132, 8),
            num_rows=file.number(address + 140, 2),
        )
        if not heap.width or not heap.first_size or not 0 < heap.length_bytes <= 8:
            raise damaged("the links of a group are kept in sizes that make no sense")
        return heap

    def content(self, file: Hdf5, heap_id: memoryview) -> bytes:
        """What stands in the heap under an id."""
        file.step()
        if number(heap_id, 0, 1) & 0x30:
            raise damaged("a link of a group is kept in a way that is not read")
        offset = number(heap_id, 1, self.offset_bytes)
        length = number(heap_id, 1 + self.offset_bytes, self.length_bytes)
        return bytes(file.take(self._address(file, offset), length))

    def _address(self, file: Hdf5, offset: int) -> int:
        """The address of an offset into the heap, in which the heads of its blocks count, too."""
        if not self.num_rows:
            return self.root + offset
        row, start, size = 0, 0, self.first_size
        while offset >= start + self.width * size:
            start += self.width * size
            size *= 1 if row == 0 else 2
            row += 1
            if row >= self.num_rows:
                raise damaged("a link of a group lies outside it")
        column, within = divmod(offset - start, size)
        entry = self.root + 13 + self.offset_bytes + 8 * (row * self.width + column)
        block = file.number(entry, 8)
        if bytes(file.take(block, 4)) != b"FHDB":
            raise damaged("a group has more links than are read")
        return block + within


def _records(file: Hdf5, address: int) -> Iterator[memoryview]:
    """The records of a tree of version 2 that finds links by their names."""
    if bytes(file.take(address, 4)) != b"BTHD" or file.number(address + 5, 1) != NAME_INDEX:
        raise damaged("the list of the links of a group is missing")
    node_size, record_size = file.number(address + 6, 4), file.number(address + 10, 2)
    depth, root, count = (file.number(address + at, width) for at, width in ((12, 2), (16, 8), (24, 2)))
    if depth > MAX_DEPTH or record_size <= HASH_BYTES or node_size <= NODE_FRAME + record_size:
        raise damaged("the list of the links of a group has sizes that make no sense")
    widths = _pointer_widths(node_size, record_size, depth)
    waiting = [(root, count, depth)] if root != UNDEFINED else []
    while waiting:
        node, count, level = waiting.pop()
        file.step()
        if bytes(file.take(node, 4)) != (b"BTIN" if level else b"BTLF"):
            raise damaged("the list of the links of a group has a part of another kind")
        for i in range(count):
            file.step()
            yield file.take(node + NODE_HEAD + record_size * i, record_size)
        if not level:
            continue
        count_bytes, total_bytes = widths[level]
        at = node + NODE_HEAD + record_size * count
        for _ in range(count + 1):
            waiting.append((file.number(at, 8), file.number(at + 8, count_bytes), level - 1))
            at += 8 + count_bytes + total_bytes


def _pointer_widths(node_size: int, record_size: int, depth: int) -> list[tuple[int, int]]:
    """For each level of a tree the bytes of two counts that stand behind each address: of a node, and below it."""
    most = (node_size - NODE_FRAME) // record_size
    count_bytes, total, total_bytes = _bytes_for(most), most, 0
    widths = [(0, 0)]
    for _ in range(depth):
        widths.append((count_bytes, total_bytes))
        pointer = 8 + count_bytes + total_bytes
        inner = (node_size - NODE_FRAME - pointer) // (record_size + pointer)
        total = (inner + 1) * total + inner
        total_bytes = _bytes_for(total)
    return widths


def _bytes_for(largest: int) -> int:
    return max(largest.bit_length() - 1, 0) // 8 + 1
