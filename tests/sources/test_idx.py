"""The idx reader: what is published is read, anything else is refused."""

import gzip
import hashlib
import re

import numpy as np
import pytest

from narrows.sources import idx

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
RAW = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + IMAGES.tobytes()
SHA256 = hashlib.sha256(RAW).hexdigest()


@pytest.mark.parametrize("level", [1, 9])
def test_the_checksum_is_that_of_the_content(level, tmp_path):
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(RAW, level))
    images = idx.read(path, SHA256)
    np.testing.assert_array_equal(images, IMAGES)
    assert images.dtype == np.uint8 and images.flags.writeable


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"plain text", "not a complete gzip file"),
        (b"", "is damaged"),
        (gzip.compress(RAW)[:-12], "is damaged"),
        (gzip.compress(RAW + b"x"), "is damaged"),
    ],
)
def test_damaged_files_are_refused(packed, message):
    with pytest.raises(ValueError, match=message):
        idx.unpack(packed, SHA256, "images.gz")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not an idx file"),
        (b"\x00\x00\x0d" + RAW[3:], "not an idx file of unsigned bytes"),  # floats
        (RAW[:10], "not an idx file"),
        (RAW[:4], "not an idx file"),
        (RAW[:-1], "holds 23 values, expected 24 for shape (2, 3, 4)"),
        (RAW + b"x", "holds 25 values, expected 24"),
    ],
)
def test_wrong_bytes_are_refused(raw, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        idx.parse(raw, "images")
