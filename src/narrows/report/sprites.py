"""Many small pictures as one."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, features

LARGEST = 96  # pixels along the side of a thumbnail
SIDES = (LARGEST, 64, 48, 32, 28, 24, 20, 16, 12)
QUALITIES = (80, 55, 35)
TRIED = 1024  # thumbnails from which the size of all is told


@dataclass(frozen=True)
class Sheet:
    """Tiles ``width`` × ``height`` pixels, ``columns`` beside each other, as one file of the type ``mime``."""

    file: bytes
    mime: str
    width: int
    height: int
    columns: int

    def to_json(self) -> dict[str, Any]:
        source = f"data:{self.mime};base64,{base64.b64encode(self.file).decode('ascii')}"
        return {"src": source, "width": self.width, "height": self.height, "columns": self.columns}


def sheet(images: np.ndarray, most: int, columns: int | None = None) -> Sheet:
    """Images (n, height, width, 1, 3 or 4) of uint8 as one picture of at most about ``most`` bytes: as they are
    if that is enough room, else with losses, then smaller.

    >>> sheet(np.zeros((5, 8, 8, 1), np.uint8), 10_000).columns
    3
    """
    columns = columns or max(1, math.ceil(math.sqrt(len(images))))
    some = images[np.linspace(0, len(images) - 1, min(TRIED, len(images))).astype(int)]
    share = len(images) / len(some)
    lossy = "WEBP" if features.check("webp") else "JPEG"
    side = max(images.shape[1:3])
    for target in [s for s in (side, *SIDES) if s <= min(side, LARGEST)]:
        small = _resized(some, target)
        width = math.ceil(math.sqrt(len(small)))
        for form, quality in (("PNG", 0), *((lossy, q) for q in QUALITIES)):
            if len(_file(_joined(small, width), form, quality)) * share <= most:
                return _whole(_resized(images, target), columns, form, quality)
    return _whole(_resized(images, min(side, SIDES[-1])), columns, lossy, QUALITIES[-1])


def _whole(images: np.ndarray, columns: int, form: str, quality: int) -> Sheet:
    height, width = images.shape[1:3]
    file = _file(_joined(images, columns), form, quality)
    return Sheet(file, f"image/{form.lower()}", width, height, columns)


def _resized(images: np.ndarray, side: int) -> np.ndarray:
    """Images whose longer side is ``side``, each new pixel a mean of those that it covers."""
    height, width = images.shape[1:3]
    share = side / max(height, width)
    if share >= 1:
        return images
    size = (max(1, round(width * share)), max(1, round(height * share)))
    shrunk = [np.asarray(Image.fromarray(_plain(x)).resize(size, Image.Resampling.BOX)) for x in images]
    return np.stack(shrunk).reshape(len(images), size[1], size[0], images.shape[3])


def _joined(images: np.ndarray, columns: int) -> np.ndarray:
    n, height, width, channels = images.shape
    lines = math.ceil(n / columns)
    full = np.zeros((lines * columns, height, width, channels), np.uint8)
    full[:n] = images
    grid = full.reshape(lines, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(lines * height, columns * width, channels)


def _file(image: np.ndarray, form: str, quality: int) -> bytes:
    stream = io.BytesIO()
    picture = Image.fromarray(_plain(image))
    if form == "JPEG" and picture.mode == "RGBA":
        picture = picture.convert("RGB")
    picture.save(stream, form, **({"optimize": True} if form == "PNG" else {"quality": quality}))
    return stream.getvalue()


def _plain(image: np.ndarray) -> np.ndarray:
    """Without an axis of one channel, as Pillow has it."""
    return image[..., 0] if image.shape[-1] == 1 else image
