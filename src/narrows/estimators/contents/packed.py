"""What a header has to say at length, as few bytes: names of files, categories, types of columns."""

from __future__ import annotations

import base64
import json
from typing import Any

import pyarrow as pa

LONGEST = 1 << 26  # bytes of JSON
LEVEL = 15  # of zstd


def packed(value: Any) -> list[Any]:
    """JSON as [its length in bytes, its zstd frame in the digits of :func:`base64.b85encode`].

    >>> unpacked(packed({"names": ["a.wav", "b.wav"]}))
    {'names': ['a.wav', 'b.wav']}
    """
    text = json.dumps(value, separators=(",", ":")).encode()
    if len(text) > LONGEST:
        raise ValueError(
            f"Names and categories of X take {len(text)} bytes, but at most {LONGEST} can be stored: leave columns out"
            " that hold another text in each row, or compress fewer files at a time."
        )
    frame = pa.Codec("zstd", compression_level=LEVEL).compress(text, asbytes=True)
    return [len(text), base64.b85encode(frame).decode("ascii")]


def unpacked(found: Any) -> Any:
    """The inverse.

    Raises:
        ValueError: it is no such thing.
    """
    try:
        length, digits = found
        if not 0 <= length <= LONGEST:
            raise ValueError("too long")
        return json.loads(pa.Codec("zstd").decompress(base64.b85decode(digits), length, asbytes=True))
    except (ValueError, TypeError, OverflowError, RecursionError, OSError, pa.ArrowException):
        raise wrong("names and categories cannot be read") from None


def wrong(reason: str) -> ValueError:
    """The one sentence about a header whose checksum is right, and that says what cannot be."""
    return ValueError(
        f"The header of the file is no codec's ({reason}): copy the file again, or compress anew."
    )
