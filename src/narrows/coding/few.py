"""Whole numbers few of which occur: those that do, and the place of each among them.

So are readings of an instrument, prices and grey levels: as floats, or in steps finer than their own, they leave most
numbers out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from narrows.coding import integers
from narrows.coding.pieces import malformed, number, take_number

LEAST = 1 << 12  # numbers, from which on a table is worth its bytes
LOOK = 1 << 12  # of them that are looked at first
MOSTLY = 3 / 4  # of these may be different ones
MOST = 1 << 16  # in a table
SPARE = 4  # numbers up to the largest, for each that occurs,
BYTE = 256  # unless so many are different, whose places are bytes

Places = NDArray[Any]


def table(numbers: NDArray[Any]) -> tuple[NDArray[Any], Places] | None:
    """The different ones of unsigned numbers, rising, and places of 1 or 2 bytes among them, in their shape; None where
    there is little in it.

    >>> found = table(np.tile(np.array([7, 70_000, 7], np.uint32), 2000))
    >>> found[0].tolist(), found[1][:3].tolist(), found[1].dtype
    ([7, 70000], [0, 1, 0], dtype('uint8'))
    """
    flat = numbers.ravel()
    if numbers.itemsize == 1 or flat.size < LEAST:
        return None
    largest, some = int(flat.max()), flat[:: -(-flat.size // LOOK)]
    seen = len(np.unique(some))
    if seen > MOSTLY * some.size or not _worth(seen, largest):
        return None
    values = np.unique(flat)
    if len(values) > min(MOST, flat.size // 8) or not _worth(len(values), largest):
        return None
    places = np.searchsorted(values, flat).astype(width(values))
    return values, places.reshape(numbers.shape)


def _worth(different: int, largest: int) -> bool:
    return different <= BYTE or SPARE * different <= largest + 1


def encode(values: NDArray[Any]) -> bytes:
    """The bytes of a table."""
    gaps = np.diff(values.astype(np.uint64), prepend=np.uint64(0)).view(np.int64)
    return number(len(values)) + integers.encode(gaps)


def decode(data: bytes, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers of a table, of an unsigned type.

    Raises:
        ValueError: the bytes are no table of such numbers.
    """
    count, at = take_number(data, 0)
    if not 0 < count <= MOST:
        raise malformed(f"a table of {count} numbers is said to stand in it")
    gaps = integers.decode(data[at:], count).view(np.uint64)
    values = np.cumsum(gaps, dtype=np.uint64)
    if (values[1:] <= values[:-1]).any() or values[-1] > np.iinfo(dtype).max:
        raise malformed("the numbers of a table do not rise")
    return values.astype(dtype)


def restored(values: NDArray[Any], places: Places) -> NDArray[Any]:
    """The numbers at these places.

    Raises:
        ValueError: a place is behind the table's end.
    """
    if places.size and int(places.max()) >= len(values):
        raise malformed("a number stands behind the end of its table")
    return values[places]


def width(values: NDArray[Any]) -> np.dtype[Any]:
    """The type of places among these."""
    return np.dtype(np.uint8 if len(values) <= BYTE else np.uint16)
