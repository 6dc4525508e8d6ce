"""Chunks of coded rows in one ``.nrw`` file, written in one go and read in any order."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from google_crc32c import value as crc32c

from narrows.atomic import atomic_path
from narrows.coding import layout
from narrows.coding.layout import Damaged, Entry, Head, Prefix


class Chunk(NamedTuple):
    """Rows ``start`` … ``stop`` − 1 as they were stored: ``method`` is the caller's own number, 0…255."""

    number: int
    start: int
    stop: int
    method: int
    payload: bytes
    content: int  # CRC32C of the bytes of the rows that the payload decodes to

    def check(self, content: bytes) -> None:
        """Raise :class:`Damaged` where the decoded bytes are not those that were compressed."""
        if crc32c(content) != self.content:
            raise self.damaged("what it decodes to is not what was compressed")

    def damaged(self, reason: str) -> Damaged:
        """The error that names this chunk."""
        return Damaged(self.number, self.start, self.stop, reason)


class Writer(AbstractContextManager["Writer"]):
    """Write an ``.nrw`` file chunk by chunk: to a path, complete or not at all, or to an open binary file.

    ``header`` needs ``dtype`` (a ``dtype.str``) and ``shape`` (of a row), and may hold what else the caller
    wants to find again, as JSON. ``model`` goes into the file, and its hash into the header's ``model``.

    >>> import io
    >>> target = io.BytesIO()
    >>> with Writer(target, {"dtype": "<f4", "shape": [2]}) as writer:
    ...     writer.append(3, 1, b"payload", checksum(b"24 bytes of decoded rows"))
    >>> reader = Reader(target.getvalue())
    >>> reader.rows, reader.chunk(0).payload, reader.covering(1, 2)
    (3, b'payload', range(0, 1))
    """

    def __init__(
        self, target: str | os.PathLike[str] | BinaryIO, header: Mapping[str, Any], model: bytes = b""
    ):
        document = dict(header)
        if model and document.setdefault("model", model_hash(model)) != model_hash(model):
            raise ValueError(
                "the header's 'model' is not the hash of the model that was given: leave it out, or pass that model."
            )
        dtype, shape = layout.row_of(document)
        self._row_bytes = dtype.itemsize
        for size in shape:
            self._row_bytes *= size
        written = layout.written(document)
        self._stack, self._entries = ExitStack(), list[Entry]()
        if isinstance(target, (str, os.PathLike)):
            path = self._stack.enter_context(atomic_path(target))
            self._file: BinaryIO = self._stack.enter_context(path.open("wb"))
        else:
            self._file = target
        self._start = self._file.tell()
        self._prefix = Prefix(len(written), len(model), 0, 0, 0, crc32c(written), crc32c(model))
        self._length = layout.PREFIX_LENGTH + len(written) + len(model)
        self._file.write(self._prefix.packed() + written)
        self._file.write(model)

    @property
    def length(self) -> int:
        """The bytes that were written so far; the index will add 16 a chunk, and 4."""
        return self._length

    def append(self, rows: int, method: int, payload: bytes, content: int) -> None:
        """A chunk of the next ``rows`` rows; ``content`` is the :func:`checksum` of what it decodes to."""
        if not layout.fits(rows, self._row_bytes) or not 0 <= method <= 255:
            raise ValueError(
                f"a chunk of {rows} rows of {self._row_bytes} bytes with method {method} was given, expected 1 to"
                f" {layout.MOST_ROWS} rows of {layout.LARGEST} bytes together, method 0 to 255: pass other chunks."
            )
        self._file.write(Head(method, rows, len(payload), crc32c(payload), content).packed())
        self._file.write(payload)
        self._entries.append(Entry(rows, method, len(payload)))
        self._length += layout.CHUNK_LENGTH + len(payload)

    def close(self) -> None:
        """Write the index, and the totals at the beginning."""
        index = layout.packed_index(self._entries)
        self._file.write(index)
        rows = sum(entry.rows for entry in self._entries)
        self._file.seek(self._start)
        self._file.write(
            self._prefix._replace(rows=rows, end=self._length, chunks=len(self._entries)).packed()
        )
        self._length += len(index)
        self._file.seek(self._start + self._length)
        self._stack.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)


class Reader(AbstractContextManager["Reader"]):
    """Read an ``.nrw`` file: from its bytes or a path; header and index at once, chunks when they are asked for.

    With ``recover=True`` a file whose end or index is lost is read as far as chunk follows chunk; ``rows`` are
    then those that were found, and ``lost`` says how many the file once had beyond them.

    Raises:
        ValueError: this is no such file, or what it begins or ends with is damaged.
    """

    def __init__(
        self, source: str | os.PathLike[str] | bytes | bytearray | memoryview, recover: bool = False
    ):
        self._bytes = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else b""
        self._file = None if isinstance(source, (bytes, bytearray, memoryview)) else _opened(source)
        try:
            self._open(recover)
        except BaseException:
            self.close()
            raise

    def _open(self, recover: bool) -> None:
        length = len(self._bytes) if self._file is None else os.fstat(self._file.fileno()).st_size
        self._length = length
        self._prefix = found = layout.prefix(self._read(0, layout.PREFIX_LENGTH))
        if not recover:
            layout.complete(found, length)
        elif length < layout.PREFIX_LENGTH + found.header:
            raise layout.broken("it ends in its header")
        self.header = layout.header(self._read(layout.PREFIX_LENGTH, found.header), found.header_crc)
        self.dtype, self.shape = layout.row_of(self.header)
        self._row_bytes = self.dtype.itemsize
        for size in self.shape:
            self._row_bytes *= size
        if recover:
            self.entries = self._scan(length)
        else:
            index = self._read(found.end, found.chunks * layout.ENTRY.size + layout.CRC.size)
            self.entries = layout.index(index, found, self._row_bytes)
        self._rows = list(accumulate((entry.rows for entry in self.entries), initial=0))
        sizes = (layout.CHUNK_LENGTH + entry.stored for entry in self.entries)
        self._places = list(accumulate(sizes, initial=self._first))
        self.rows = self._rows[-1]
        self.lost = found.rows - self.rows
        self.model_length = found.model

    def __len__(self) -> int:
        """The number of chunks."""
        return len(self.entries)

    def model(self) -> bytes:
        """The model's bytes; none where the file holds no model."""
        found = self._read(layout.PREFIX_LENGTH + self._prefix.header, self._prefix.model)
        if crc32c(found) != self._prefix.model_crc or len(found) != self._prefix.model:
            raise layout.broken("the checksum of its model is wrong")
        return found

    def covering(self, start: int, stop: int) -> range:
        """The numbers of the chunks that hold rows ``start`` … ``stop`` − 1."""
        if not 0 <= start <= stop <= self.rows:
            raise ValueError(
                f"rows {start} to {stop} were asked for, but the file has {self.rows}: pass 0 ≤ start ≤ stop ≤"
                f" {self.rows}."
            )
        if start == stop:
            return range(0)
        return range(bisect_right(self._rows, start) - 1, bisect_right(self._rows, stop - 1))

    def span(self, number: int) -> tuple[int, int]:
        """The first row of a chunk, and the one after its last."""
        return self._rows[number], self._rows[number + 1]

    def chunk(self, number: int) -> Chunk:
        """A chunk as it was stored.

        Raises:
            Damaged: its bytes are not those that were written.
        """
        if not 0 <= number < len(self.entries):
            raise ValueError(
                f"chunk {number} was asked for, but the file has {len(self)}: pass a number below."
            )
        entry, (start, stop) = self.entries[number], self.span(number)
        place = self._places[number]
        try:
            head = layout.head(self._read(place, layout.CHUNK_LENGTH))
        except ValueError as error:
            raise Damaged(number, start, stop, str(error)) from None
        payload = self._read(place + layout.CHUNK_LENGTH, entry.stored)
        if (head.rows, head.method, head.stored) != entry:
            raise Damaged(number, start, stop, "the index says something else about it")
        if crc32c(payload) != head.crc or len(payload) != head.stored:
            raise Damaged(number, start, stop, "the checksum of its bytes is wrong")
        return Chunk(number, start, stop, head.method, payload, head.content)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _first(self) -> int:
        """Where the chunks begin."""
        return layout.PREFIX_LENGTH + self._prefix.header + self._prefix.model

    def _scan(self, length: int) -> list[Entry]:
        """The chunks that follow each other from the first on, as far as their heads are whole."""
        found, place = list[Entry](), self._first
        while place + layout.CHUNK_LENGTH <= length and len(found) < self._prefix.chunks:
            try:
                head = layout.head(self._read(place, layout.CHUNK_LENGTH))
            except ValueError:
                break
            place += layout.CHUNK_LENGTH + head.stored
            if place > length or not layout.fits(head.rows, self._row_bytes):
                break
            found.append(Entry(head.rows, head.method, head.stored))
        return found

    def _read(self, start: int, length: int) -> bytes:
        length = max(
            0, min(length, self._length - start)
        )  # memory for what is there, not for what is claimed
        if self._file is None:
            return self._bytes[start : start + length]
        self._file.seek(start)
        return self._file.read(length)


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file '{path}': pass an .nrw file, or its bytes.") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"'{path}' is a folder, expected an .nrw file: pass one.") from None


def checksum(content: bytes) -> int:
    """CRC32C (RFC 3720, appendix B.4) of decoded rows, or of anything else that has bytes.

    >>> hex(checksum(b"123456789"))
    '0xe3069283'
    """
    return int(crc32c(content))


def model_hash(model: bytes) -> str:
    """What a header says about the model it needs: SHA-256 of its file, in hexadecimal digits."""
    return hashlib.sha256(model).hexdigest()
