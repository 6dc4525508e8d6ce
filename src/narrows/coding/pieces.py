"""Small parts that every payload is put together from: numbers of a few bytes, and pieces with their lengths."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 10  # bytes of a number below 2⁶⁴, seven bits in each


class MalformedError(ValueError):
    """Coded data that no encoder of this version writes."""


def malformed(reason: str) -> MalformedError:
    """The one sentence about it."""
    return MalformedError(
        f"the coded data is malformed ({reason}), expected what the encoder wrote: copy it again."
    )


def number(value: int) -> bytes:
    """A whole number in 0…2⁶⁴−1, seven bits to the byte, lowest first (LEB128).

    >>> number(5), number(300)
    (b'\\x05', b'\\xac\\x02')
    """
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def take_number(data: bytes, at: int) -> tuple[int, int]:
    """The number that stands at byte ``at``, and the byte after it."""
    value = 0
    for count, byte in enumerate(data[at : at + LONGEST]):
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            if value >> 64:
                raise malformed("a number in it is too large")
            return value, at + count + 1
    raise malformed("a number in it does not end")


def signed(value: int) -> int:
    """A signed number as one that :func:`number` takes: 0, −1, 1, −2 … become 0, 1, 2, 3 …"""
    return 2 * value if value >= 0 else -2 * value - 1


def unsigned(value: int) -> int:
    """The way back from :func:`signed`."""
    return value >> 1 if value % 2 == 0 else -(value >> 1) - 1


def join(pieces: Sequence[bytes]) -> bytes:
    """All pieces in a row, each but the last behind its length.

    >>> split(join([b"ab", b"", b"c"]), 3)
    [b'ab', b'', b'c']
    """
    return b"".join([number(len(piece)) + piece for piece in pieces[:-1]]) + pieces[-1]


def split(data: bytes, count: int) -> list[bytes]:
    """The ``count`` pieces that :func:`join` put together."""
    found, at = [], 0
    for _ in range(count - 1):
        length, at = take_number(data, at)
        if length > len(data) - at:
            raise malformed(f"a piece of {length} bytes is said to stand where {len(data) - at} are left")
        found.append(data[at : at + length])
        at += length
    return [*found, data[at:]]
