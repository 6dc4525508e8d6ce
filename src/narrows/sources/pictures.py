"""One picture file by Pillow: what its header says, its pixels, and pictures of another size.

Pixels are bytes 0…255, grey (height, width), RGB (…, 3) or RGBA with opacity (…, 4).  Palettes are looked
up, print colours (CMYK) become RGB, and a picture stands upright as its camera says (EXIF orientation).
Whatever would lose something without a word is refused: 16 bits per pixel, and files of several pictures.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from narrows.atomic import atomic_path

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
WRITTEN = ".png"  # what answers are written as: it loses nothing
MODES = {"L": (), "RGB": (3,), "RGBA": (4,)}  # Pillow's words for grey, colour, and both with opacity
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")  # and no others, whatever a file is called
# What each of Pillow's modes is read as; the rest has more than 8 bits, or colours it cannot convert.
READ_AS = {
    "1": "L", "L": "L", "LA": "RGBA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB",
    "RGBa": "RGBA", "CMYK": "RGB", "YCbCr": "RGB",
}  # fmt: skip
DEEP = {"I": "whole numbers", "F": "fractions", "I;16": "16 bits", "I;16B": "16 bits", "I;16L": "16 bits"}
ROTATIONS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip  # by the EXIF tag's value
ORIENTATION = 0x0112
MARGIN = 2  # a JPEG is decoded at the smallest of its own scales that has so many times the wanted size
# What a decoder raises on bytes that are not what they say.
_DAMAGED = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class DamagedError(ValueError):
    """A file that cannot be read; ``reason`` says why in a few words."""

    def __init__(self, path: str, reason: str):
        self.path, self.reason = path, reason
        super().__init__(
            f"'{path}' cannot be read as a picture ({reason}), expected a complete {', '.join(ENDINGS)} file: write it"
            " again, or pass sources.ImageFolder(folder, skip_damaged=True) to leave such files out."
        )

    def __reduce__(self) -> tuple[Any, ...]:  # the default would call it with the message alone
        return type(self), (self.path, self.reason)


class _RefusedError(ValueError):
    """A file that is whole, but not what can be read here."""


def header(path: str) -> tuple[int, int, str]:
    """Height, width and mode (a key of ``MODES``) of a picture file, upright; its pixels are not read.

    Raises:
        DamagedError: it is no picture.
        ValueError: it has more than 8 bits per pixel and channel, several pictures, or unknown colours.
    """
    with _opened(path) as image:
        width, height = image.size
        mode = _mode(path, image)
        return (width, height, mode) if _orientation(image) >= 5 else (height, width, mode)


def decode(path: str, size: tuple[int, int] | None = None, mode: str | None = None) -> np.ndarray:
    """The pixels of a file, (height, width[, channels]) uint8: resized to ``size`` (height, width) and
    converted to ``mode`` if asked to.

    A large JPEG is decoded at a fraction of its size where that is enough for ``size``.

    Raises:
        DamagedError, ValueError: as :func:`header`, and where the pixels are cut short.
    """
    with _opened(path) as image:
        natural = _mode(path, image)
        turn = ROTATIONS.get(_orientation(image))
        if size is not None:
            image.draft(None, (MARGIN * max(size),) * 2)  # both ways, for it may lie on its side
        image.load()
        if turn is not None:
            image = image.transpose(getattr(pillow().Transpose, turn))
        for wanted in (natural, mode or natural):
            if image.mode != wanted:
                image = image.convert(wanted)
        return np.array(image if size is None else _resized(image, size))


def write(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """Write (height, width[, channels]) bytes as a PNG, which loses nothing; one channel is grey."""
    if picture.dtype != np.uint8:
        raise ValueError(
            f"The answers are pictures of {picture.dtype}, but files hold bytes 0…255: give a .npy name for numbers, or"
            " use a model that was fitted on bytes."
        )
    if picture.shape[2:] == (1,):
        picture = picture[..., 0]
    pillow().fromarray(np.ascontiguousarray(picture)).save(path, format="PNG")


def save(path: str | os.PathLike[str], picture: np.ndarray) -> None:
    """:func:`write`, complete in the end, or not there at all."""
    with atomic_path(path) as temporary:
        write(temporary, picture)


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (height, width[, channels]) of another ``size`` (height, width).

    Every new pixel is the mean of the old ones under a triangle as wide as two new pixels (Pillow's
    BILINEAR), so that nothing is skipped in shrinking and no value leaves the range of the old ones.
    Bytes stay bytes, colours weighted by their opacity; floats keep their type; other numbers become
    float32.

    >>> resize(np.array([[0, 0, 8, 8]], np.uint8), (1, 2)).tolist()
    [[1, 7]]
    """
    if picture.shape[:2] == tuple(size):
        return picture
    image = pillow()
    if picture.dtype == np.uint8 and (picture.ndim == 2 or picture.shape[2] in (3, 4)):
        return np.array(_resized(image.fromarray(np.ascontiguousarray(picture)), size))
    if picture.ndim == 3:
        return np.stack([resize(picture[..., i], size) for i in range(picture.shape[2])], -1)
    plane = image.fromarray(np.ascontiguousarray(picture, dtype=np.float32))
    return np.array(_resized(plane, size)).astype(picture.dtype if picture.dtype.kind == "f" else np.float32)


def pillow() -> Any:
    """``PIL.Image``, imported where it is needed."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(
            "Pillow is not installed, but reading and resizing pictures needs it: pip install narrows[images]."
        ) from None
    return Image


def _resized(image: Any, size: tuple[int, int]) -> Any:
    if image.size == (size[1], size[0]):
        return image
    return image.resize((size[1], size[0]), pillow().Resampling.BILINEAR)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    Image = pillow()
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except _RefusedError:
        raise
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise DamagedError(path, _reason(error)) from None


def _reason(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "none of the known formats"
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    return text.partition(". ")[0].rstrip(".")


def _mode(path: str, image: Any) -> str:
    """What the picture is read as, a key of ``MODES``."""
    # Pillow would drop the lower byte of colours without a word; the bits stand in a decoder's arguments.
    deep = image.format in ("PNG", "TIFF") and any(";16" in str(tile[3]) for tile in image.tile)
    if deep or image.mode in DEEP:
        bits = "16 bits" if deep else DEEP[image.mode]
        raise _RefusedError(
            f"'{path}' holds {bits} per pixel and channel, but pictures of 8 bits were expected: convert it, or load"
            " such pictures yourself and pass an array (n, height, width) of numbers."
        )
    if image.mode not in READ_AS:
        raise _RefusedError(
            f"'{path}' has colours of mode '{image.mode}', but grey, RGB or RGBA were expected: convert it to RGB."
        )
    # An MPO is what cameras write: a JPEG with previews of it behind.
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise _RefusedError(
            f"'{path}' holds {image.n_frames} pictures, but one per file was expected: use a file for each of them."
        )
    return "RGBA" if "transparency" in image.info else READ_AS[image.mode]


def _orientation(image: Any) -> int:
    """The EXIF value, 1 for upright.  Pillow turns TIFFs itself."""
    if image.format == "TIFF" or "exif" not in image.info:
        return 1
    try:
        return image.getexif().get(ORIENTATION, 1)
    except _DAMAGED:  # notes of a camera are no reason to lose a picture
        return 1
