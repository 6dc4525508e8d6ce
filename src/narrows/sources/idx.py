"""The idx format, in which MNIST and its kin are published: a big-endian header, then unsigned bytes.

Header: two zero bytes, the type (8 = unsigned byte), the number of axes, then one 32-bit length per axis.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTE = 8
LARGEST = 1 << 28  # bytes unpacked; five times the largest file published, far below a decompression bomb


def unpack(packed: bytes, sha256: str, name: str) -> np.ndarray:
    """Decompress a ``.gz`` idx file, check it and return its array.

    The checksum is that of the *unpacked* bytes: the same images are distributed under several
    compressions, and it is the images that must be right.

    Raises:
        ValueError: in one sentence, when the bytes are damaged or are not the published ones.
    """
    try:
        reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: a gzip header and trailer
        raw = reader.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ValueError(f"'{name}' is not a complete gzip file ({error}); fetch it again.") from None
    found = hashlib.sha256(raw).hexdigest()
    if not reader.eof or found != sha256:
        raise ValueError(
            f"'{name}' has sha256 {found[:12]}…, expected {sha256[:12]}…: it is damaged; fetch it again."
        )
    return parse(raw, name)


def parse(raw: bytes, name: str) -> np.ndarray:
    """The array in the bytes of an unpacked idx file; a writable copy, uint8.

    >>> parse(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]), "three").tolist()
    [7, 8, 9]
    """
    axes = raw[3] if len(raw) >= 4 and raw[:3] == bytes([0, 0, UNSIGNED_BYTE]) else 0
    start = 4 + 4 * axes
    if not axes or len(raw) < start:
        raise ValueError(f"'{name}' is not an idx file of unsigned bytes; give one as MNIST is published.")
    shape = struct.unpack(f">{axes}I", raw[4:start])
    if len(raw) - start != math.prod(shape):
        raise ValueError(
            f"'{name}' holds {len(raw) - start} values, expected {math.prod(shape)} for shape {shape}: "
            "it is cut short or damaged; fetch it again."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()


def read(path: Path, sha256: str) -> np.ndarray:
    """The array in a ``.gz`` idx file on disk, checked against ``sha256`` of its unpacked bytes."""
    return unpack(path.read_bytes(), sha256, str(path))
