"""The structure of HDF5 files, walked by hand: superblock, object headers and trees.

Of the format (https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html) this is the part that h5py writes by default, and
the groups of newer files. Nothing outside the file is ever looked at: external links are not followed. Every
step is counted, so that a file whose parts refer to each other in circles ends in a refusal.
"""

import dataclasses
from collections.abc import Iterator

from ngcore.errors import TooLargeError, UnknownFormatError
from ngcore.upload.limits import MAX_OBJECTS

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
MAX_HEADER_BLOCKS = 64  # continuations of one header
DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL, LAYOUT, FILTERS, CONTINUATION, SYMBOLS = 1, 2, 3, 6, 7, 8, 11, 16, 17
SHARED = 0x2  # the flag of a message whose content stands elsewhere


@dataclasses.dataclass(frozen=True)
class Message:
    """A part of an object's header: its kind, its content, and whether that stands elsewhere."""

    kind: int
    content: bytes
    is_shared: bool


class Hdf5:
    """The bytes of an HDF5 file, and the steps taken in it.

    Args:
        data: All its bytes.

    Raises:
        UnknownFormatError: If it does not begin as an HDF5 file with 8-byte addresses does.
    """

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._steps = 0
        version = self.number(8, 1)
        sizes = (13, 14) if version < 2 else (9, 10)
        if version > 3 or any(self.number(at, 1) != 8 for at in sizes):
            raise damaged("its superblock is of a version or size that is not known")
        self.is_new = version >= 2
        self._base_at = 12 if self.is_new else 24 if version == 0 else 28
        self._base = self.number(self._base_at, 8)

    @property
    def root(self) -> int:
        """Address of the header of the root group."""
        return self.number(self._base_at + (24 if self.is_new else 40), 8)

    def take(self, address: int, size: int) -> memoryview:
        """Bytes at an address.

        Raises:
            UnknownFormatError: If they do not lie within the file.
        """
        start = address + getattr(self, "_base", 0)
        if start + size > len(self._data) or address == UNDEFINED:
            raise damaged("it refers to bytes beyond its end")
        return self._data[start : start + size]

    def number(self, address: int, size: int) -> int:
        """The whole number at an address."""
        return int.from_bytes(self.take(address, size), "little")

    def step(self) -> None:
        """Count a visit to a part of the file.

        Raises:
            TooLargeError: If there were too many.
        """
        self._steps += 1
        if self._steps > MAX_OBJECTS:
            raise TooLargeError(f"Expected an HDF5 file of at most {MAX_OBJECTS:,} parts, got more.")

    def messages(self, address: int) -> list[Message]:
        """The messages of an object's header."""
        self.step()
        if bytes(self.take(address, 4)) == b"OHDR":
            return self._new_messages(address)
        if self.number(address, 1) != 1:
            raise damaged("the header of an object is of a version that is not known")
        blocks = [(address + 16, self.number(address + 8, 4))]
        found: list[Message] = []
        for start, size in _growing(blocks):
            at = start
            while at + 8 <= start + size:
                self.step()
                kind, length, flags = self.number(at, 2), self.number(at + 2, 2), self.number(at + 4, 1)
                self._keep(found, blocks, Message(kind, bytes(self.take(at + 8, length)), bool(flags & SHARED)), 0)
                at += 8 + length
        return found

    def _new_messages(self, address: int) -> list[Message]:
        flags = self.number(address + 5, 1)
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        head = 6 if flags & 4 else 4
        blocks = [(at + width, self.number(at, width))]
        found: list[Message] = []
        for start, size in _growing(blocks):
            at = start
            while at + head <= start + size:
                self.step()
                kind, length, own_flags = self.number(at, 1), self.number(at + 1, 2), self.number(at + 3, 1)
                content = bytes(self.take(at + head, length))
                self._keep(found, blocks, Message(kind, content, bool(own_flags & SHARED)), 4)
                at += head + length
        return found

    def _keep(self, found: list[Message], blocks: list[tuple[int, int]], message: Message, frame: int) -> None:
        """Keep a message, or note the block in which the header goes on, inside `frame` bytes at its ends."""
        if message.kind != CONTINUATION:
            found.append(message)
        elif len(blocks) < MAX_HEADER_BLOCKS:
            blocks.append((number(message.content, 0, 8) + frame, max(number(message.content, 8, 8) - 2 * frame, 0)))

    def leaves(self, address: int, *, kind: int, key_size: int) -> Iterator[tuple[int, memoryview]]:
        """Addresses at the leaves of a tree of version 1, each with the key before it.

        Args:
            address: The root of the tree.
            kind: 0 for a tree of groups, 1 for one of chunks.
            key_size: Bytes of a key.
        """
        if address == UNDEFINED:
            return
        waiting = [(address, -1)]
        while waiting:
            node, level_above = waiting.pop()
            self.step()
            if bytes(self.take(node, 4)) != b"TREE" or self.number(node + 4, 1) != kind:
                raise damaged("a tree in it has a part of another kind")
            level, count = self.number(node + 5, 1), self.number(node + 6, 2)
            if level_above >= 0 and level != level_above - 1:
                raise damaged("the levels of a tree in it are mixed up")
            stride = key_size + 8
            children = []
            for i in range(count):
                self.step()
                at = node + 24 + stride * i
                children.append((self.number(at + key_size, 8), self.take(at, key_size)))
            if level == 0:
                yield from children
            else:
                waiting += [(child, level) for child, _ in reversed(children)]


def number(content: bytes | memoryview, at: int, size: int) -> int:
    """The whole number at a place of some bytes.

    Raises:
        UnknownFormatError: If they end before.
    """
    if at + size > len(content):
        raise damaged("a part of it is cut off")
    return int.from_bytes(content[at : at + size], "little")


def _growing(blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Blocks of a header, those included that are found while it is read."""
    position = 0
    while position < len(blocks):
        yield blocks[position]
        position += 1


def damaged(reason: str) -> UnknownFormatError:
    """The refusal of a damaged file."""
    return UnknownFormatError(f"This HDF5 file is damaged: {reason}.")
