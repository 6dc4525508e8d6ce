"""The bytes of an ``.nrw`` file, version 1: what stands where (docs/format.md) and whether it can be true."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from google_crc32c import value as crc32c

MAGIC = b"\x89NRW\r\n\x1a\n"  # as PNG's: a transfer as text, or seven bits, would break it
VERSION = 1
LONGEST_HEADER = 1 << 24  # bytes of JSON
LARGEST = 1 << 28  # bytes that the rows of one chunk may take: no chunk asks for more memory
MOST_ROWS = (1 << 31) - 1  # in one chunk
AXES = 32

PREFIX = struct.Struct("<8sHHIQQQIII")
CHUNK = struct.Struct("<4sB3xIQII")
ENTRY = struct.Struct("<IB3xQ")
CRC = struct.Struct("<I")
PREFIX_LENGTH = PREFIX.size + CRC.size
CHUNK_LENGTH = CHUNK.size + CRC.size
MARK = b"CHNK"


class Damaged(ValueError):  # noqa: N818
    """A chunk that does not hold what was written: number ``chunk``, rows ``start`` … ``stop`` − 1."""

    def __init__(self, chunk: int, start: int, stop: int, reason: str):
        super().__init__(chunk, start, stop, reason)
        self.chunk, self.start, self.stop, self.reason = chunk, start, stop, reason

    def __str__(self) -> str:
        return (
            f"chunk {self.chunk} (rows {self.start} to {self.stop - 1}) is damaged: {self.reason}; other chunks may be"
            " whole, copy the file again to have all."
        )


class Prefix(NamedTuple):
    """What the file begins with: lengths and totals."""

    header: int  # bytes
    model: int  # bytes
    rows: int
    end: int  # of the chunks, where the index begins
    chunks: int
    header_crc: int
    model_crc: int

    def packed(self) -> bytes:
        found = PREFIX.pack(MAGIC, VERSION, 0, *self)
        return found + CRC.pack(crc32c(found))


class Entry(NamedTuple):
    """What the index says about a chunk."""

    rows: int
    method: int
    stored: int  # bytes of its payload


class Head(NamedTuple):
    """What stands before a chunk's payload."""

    method: int
    rows: int
    stored: int
    crc: int  # of the payload
    content: int  # of the rows' bytes that it decodes to

    def packed(self) -> bytes:
        found = CHUNK.pack(MARK, *self)
        return found + CRC.pack(crc32c(found))


def prefix(data: bytes) -> Prefix:
    """The prefix of a file that begins with ``data``."""
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise ValueError(
            "this is no .nrw file, or its first bytes are damaged: pass a file that narrows compressed."
        )
    if len(data) < PREFIX_LENGTH:
        raise broken(f"it ends after {len(data)} bytes, in its first {PREFIX_LENGTH}")
    _, version, reserved, *fields = PREFIX.unpack_from(data)
    if crc32c(data[: PREFIX.size]) != CRC.unpack_from(data, PREFIX.size)[0]:
        raise broken("the checksum of its first bytes is wrong")
    if version != VERSION or reserved:
        raise ValueError(
            f"the file has .nrw version {version}, but this narrows reads version {VERSION}: install the narrows that"
            " wrote it."
        )
    found = Prefix(*fields)
    start = PREFIX_LENGTH + found.header + found.model
    if found.end == 0:
        raise broken("it was never finished")
    if found.header > LONGEST_HEADER or not start + found.chunks * CHUNK_LENGTH <= found.end:
        raise broken("the lengths in it contradict each other")
    return found


def complete(found: Prefix, length: int) -> None:
    """Raise where a file of ``length`` bytes is not as long as its prefix says."""
    wanted = found.end + found.chunks * ENTRY.size + CRC.size
    if length < wanted:
        raise broken(
            f"it ends after {length} of {wanted} bytes, so its index is lost and maybe chunks, of which recover=True"
            " reads what is there"
        )
    if length > wanted:
        raise broken(f"{length - wanted} bytes follow its end")


def header(data: bytes, crc: int) -> dict[str, Any]:
    """The JSON header, of which type and shape of a row are checked."""
    if crc32c(data) != crc:
        raise broken("the checksum of its header is wrong")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise broken("its header is not JSON") from None
    if not isinstance(found, dict):
        raise broken("its header is not an object")
    row_of(found)
    return found


def written(header: Mapping[str, Any]) -> bytes:
    """The bytes of a header, the same for equal ones."""
    row_of(header)
    found = json.dumps(header, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
    if len(found) > LONGEST_HEADER:
        raise ValueError(
            f"a header of {len(found)} bytes was given, expected at most {LONGEST_HEADER}: pass less beside the rows."
        )
    return found


def row_of(header: Mapping[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of a row, from the keys ``dtype`` (as numpy's ``dtype.str``) and ``shape``."""
    name, shape = header.get("dtype"), header.get("shape")
    dtype, sizes = _dtype(name), tuple(shape) if isinstance(shape, (list, tuple)) else (-1,)
    sound = len(sizes) <= AXES and all(type(size) is int and 0 <= size <= LARGEST for size in sizes)
    if dtype is None or not sound:
        raise ValueError(
            f"a header with dtype {str(name)[:40]!r} and shape {str(shape)[:80]} describes no rows: expected a type's"
            " dtype.str and the shape of a row."
        )
    row_bytes = dtype.itemsize
    for size in sizes:
        row_bytes *= size
    if row_bytes > LARGEST:
        raise ValueError(
            f"rows of {row_bytes} bytes were given, expected at most {LARGEST}: use smaller rows."
        )
    return dtype, sizes


def _dtype(name: object) -> np.dtype[Any] | None:
    try:
        found = np.dtype(name) if isinstance(name, str) else None
    except (TypeError, ValueError, SyntaxError):
        return None
    plain = found is not None and found.str == name and not found.hasobject and found.itemsize > 0
    return found if plain else None


def fits(rows: int, row_bytes: int) -> bool:
    """Whether a chunk may have so many rows."""
    return 1 <= rows <= MOST_ROWS and rows * row_bytes <= LARGEST


def index(data: bytes, found: Prefix, row_bytes: int) -> list[Entry]:
    """The entries of the index, which must add up to what the prefix says."""
    body = data[: -CRC.size]
    if crc32c(body) != CRC.unpack(data[-CRC.size :])[0]:
        raise broken("the checksum of its index is wrong, without which recover=True reads the chunks")
    entries = [Entry(*fields) for fields in ENTRY.iter_unpack(body)]
    if not all(fits(entry.rows, row_bytes) for entry in entries):
        raise broken(f"a chunk of it claims to hold more than {LARGEST} bytes of rows, or none")
    rows, stored = sum(entry.rows for entry in entries), sum(entry.stored for entry in entries)
    if rows != found.rows:
        raise broken(f"it claims {found.rows} rows, but its {found.chunks} chunks have {rows}")
    if PREFIX_LENGTH + found.header + found.model + found.chunks * CHUNK_LENGTH + stored != found.end:
        raise broken("its chunks do not fill the place between model and index")
    return entries


def packed_index(entries: list[Entry]) -> bytes:
    found = b"".join(ENTRY.pack(*entry) for entry in entries)
    return found + CRC.pack(crc32c(found))


def head(data: bytes) -> Head:
    """What stands before a payload; a plain ValueError where it is damaged."""
    if len(data) < CHUNK_LENGTH or crc32c(data[: CHUNK.size]) != CRC.unpack_from(data, CHUNK.size)[0]:
        raise ValueError("the checksum of its head is wrong")
    mark, *fields = CHUNK.unpack_from(data)
    if mark != MARK or data[5:8] != b"\0\0\0":
        raise ValueError("it does not begin like a chunk")
    return Head(*fields)


def broken(reason: str) -> ValueError:
    """The one sentence about a file that cannot be trusted."""
    return ValueError(
        f"the .nrw file is damaged or cut short ({reason}): copy it again or compress the data anew."
    )
