"""An array without any model: zstd of its bytes, or the bytes themselves, whichever is shorter."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from narrows.coding.pieces import malformed

RAW, PLAIN, SHUFFLED, ROWS, COLUMNS = 0, 1, 2, 4, 8  # the first byte: raw, or PLAIN and any of the others
LEVEL = 3  # of zstd
TRIAL = 1
LOOK = 1 << 17  # bytes by which the arrangement is chosen


def encode(array: NDArray[Any], level: int = LEVEL) -> bytes:
    """An array of any type without objects, exactly: a byte that names the arrangement, and its bytes.  A higher
    ``level`` of zstd takes longer.

    Arrangements: bytes shuffled, so that the first of all entries stand together, then the second (Alted
    2010, "Why modern CPUs are starving"); differences of successive rows, as 0, −1, 1, −2 …; column by column.

    >>> data = encode(np.arange(1000.0))
    >>> len(data) < 1500, bool((decode(data, np.dtype(float), (1000,)) == np.arange(1000)).all())
    (True, True)
    """
    _check(array.dtype)
    if not array.nbytes:
        return bytes([RAW])
    array = np.ascontiguousarray(array)
    count = max(2, LOOK // max(1, array[:1].nbytes)) if array.ndim else 1
    middle = (len(array) - count) // 2 if array.ndim and len(array) > count else 0
    part = array[middle : middle + count] if array.ndim else array
    trial = pa.Codec("zstd", compression_level=TRIAL)
    kinds = _kinds(array)
    costs = [len(trial.compress(_arranged(part, kind), asbytes=True)) for kind in kinds]
    kind = kinds[int(np.argmin(costs))]
    found = pa.Codec("zstd", compression_level=level).compress(_arranged(array, kind), asbytes=True)
    return bytes([kind]) + found if len(found) < array.nbytes else raw(array)


def raw(array: NDArray[Any]) -> bytes:
    """The array's bytes as they are, behind the byte that says so; :func:`decode` reads it."""
    _check(array.dtype)
    return bytes([RAW]) + array.tobytes()


def decode(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of this type and shape.

    Raises:
        ValueError: the bytes are not such a code.
    """
    _check(dtype)
    nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not data or data[0] not in (RAW, *range(PLAIN, 2 * COLUMNS, 2)):
        raise malformed("its arrangement of bytes is not known")
    kind, body = data[0], data[1:]
    if kind == RAW:
        if len(body) != nbytes:
            raise malformed(f"{len(body)} bytes stand where {nbytes} were expected")
        return np.frombuffer(body, dtype).reshape(shape).copy()
    if kind & (ROWS | COLUMNS) and (not shape or (kind & ROWS and dtype.itemsize not in (1, 2, 4, 8))):
        raise malformed("its arrangement of bytes does not go with the array")
    try:
        body = pa.Codec("zstd").decompress(body, decompressed_size=nbytes, asbytes=True)
    except (OSError, pa.ArrowException):
        raise malformed(f"zstd does not make {nbytes} bytes of it") from None
    width = dtype.itemsize
    bytes_ = np.frombuffer(body, np.uint8)
    if kind & SHUFFLED:
        bytes_ = bytes_.reshape(width, -1).T
    lines = np.ascontiguousarray(bytes_).view(f"V{width}").ravel()
    if kind & COLUMNS:
        lines = np.ascontiguousarray(lines.reshape(-1, shape[0]).T)
    if kind & ROWS:
        folded = lines.view(f"u{width}").reshape(shape[0], -1)
        steps = (folded >> 1) ^ (0 - (folded & 1))
        lines = np.cumsum(steps, axis=0, dtype=steps.dtype)
    return lines.ravel().view(dtype).reshape(shape)


def _kinds(array: NDArray[Any]) -> list[int]:
    """The arrangements worth a trial."""
    shuffles = (0, SHUFFLED) if array.itemsize > 1 else (0,)
    many = array.ndim and len(array) > 1
    rows = (0, ROWS) if many and array.dtype.kind in "iufb" and array.itemsize in (1, 2, 4, 8) else (0,)
    columns = (0, COLUMNS) if many and array.ndim > 1 else (0,)
    return [PLAIN | a | b | c for a, b, c in product(shuffles, rows, columns)]


def _arranged(array: NDArray[Any], kind: int) -> NDArray[np.uint8]:
    width = array.dtype.itemsize
    lines = np.ascontiguousarray(array).reshape(-1).view(f"V{width}")
    if kind & (ROWS | COLUMNS):
        lines = lines.reshape(len(array), -1)
    if kind & ROWS:
        whole = lines.view(f"i{width}")
        steps = np.diff(whole, axis=0, prepend=whole.dtype.type(0))
        lines = ((steps << 1) ^ (steps >> (8 * width - 1))).view(f"V{width}")
    if kind & COLUMNS:
        lines = np.ascontiguousarray(lines.T)
    bytes_ = lines.reshape(-1).view(np.uint8)
    return np.ascontiguousarray(bytes_.reshape(-1, width).T).ravel() if kind & SHUFFLED else bytes_


def _check(dtype: np.dtype[Any]) -> None:
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError(f"an array of {dtype} was given, expected entries of a fixed size: pass numbers.")
