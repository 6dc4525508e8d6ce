"""Rows that are pictures: arrays of images, their channel axis first, last or absent."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.sources.image_folder import check_size
from narrows.sources.pictures import resize

CHANNELS = (1, 3, 4)  # grey, RGB, RGB with opacity


@dataclass(frozen=True)
class Images:
    """Each row is an image: an array (n, height, width), (n, height, width, channels) or
    (n, channels, height, width), or such rows read on demand, as those of ``sources.ImageFolder``.

    ``channels``: "first", "last" or None; None finds the axis that alone has 1, 3 or 4 entries.

    ``size``: (height, width) that every image is resized to by Pillow, each new pixel a mean of all that it
    covers (:func:`narrows.sources.pictures.resize`); answers have that size too.  Then images may differ
    in size: those of a folder, or arrays in a list.  None: images are of one size, and keep it.

    >>> Images().learn(np.zeros((5, 28, 28))).row
    (1, 28, 28)
    >>> Images(size=(8, 8)).learn([np.zeros((30, 20, 3)), np.zeros((40, 50, 3))]).row
    (3, 8, 8)
    """

    channels: str | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_channels("Images", self.channels)
        if self.size is not None:
            object.__setattr__(self, "size", check_size("Images", self.size))

    def learn(self, X: Any) -> ImagesSchema:
        """What the training images look like; of those that are read on demand, their shape and type, whether
        whole numbers go beyond 1, and the headers of a folder's files."""
        if self.size is None and several(X):
            alike(X)
        shape, layout, whole = look(
            X,
            self.channels,
            "Images",
            "images were expected, (n, height, width) or (n, height, width, channels): reshape flat rows first, as in"
            " X.reshape(-1, 28, 28)",
        )
        if is_lazy(X) and self.size is None and hasattr(X, "check"):
            X.check()
        image = shape[1:] if self.size is None else with_size(shape[1:], layout, self.size)
        return ImagesSchema(image, layout, whole, self.size)

    def build(self, shapes: Shapes) -> nn.Module:
        """Nothing stands between pixels and the encoder."""
        return nn.Identity()


@dataclass(frozen=True)
class ImagesSchema:
    """``shape`` of one image as the user has it, where its channels stand, and whether pixels
    are whole numbers 0…255; ``resized``: the (height, width) that images are resized to, antialiased,
    before they are rows, None where they are not."""

    shape: tuple[int, ...]
    layout: str
    whole: bool
    resized: tuple[int, int] | None = None

    levels = None
    missing = False
    shared_scale = True  # a pixel is a pixel: one scale for all
    names = None

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    @property
    def row(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        if self.layout == "none":
            return (1, *self.shape)
        return self.shape if self.layout == "first" else (self.shape[2], *self.shape[:2])

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Pictures:
        """(n, channels, height, width) in the user's units; flat rows of the right length too.

        Always checked in full: beside a convolution that costs nothing.  What is read on demand is checked,
        and resized, as it is read."""
        X = self.sized(X)
        if not is_lazy(X):
            return self.checked(_checks.numeric(X))
        nonempty(X.shape)
        if len(X.shape) == 2:
            _checks.width(X.shape[1], self.features)
        else:
            self._right(with_size(X.shape[1:], self.layout, self.resized) if self.resized else X.shape[1:])
        return Pictures(X, self)

    def sized(self, X: Any) -> Any:
        """X with images of the size that this model resizes to, if it does; a folder of files stays one,
        and whatever is not resized here is looked at by ``rows``."""
        if self.resized is None:
            if several(X):
                alike(X)
            return X
        if is_lazy(X):
            return X.resized(self.resized) if hasattr(X, "resized") else X
        if several(X):
            return np.stack([self._resize(_checks.numeric(x, f"X[{i}]")) for i, x in enumerate(X)])
        array = _checks.numeric(X)
        ready = array.ndim != len(self.shape) + 1 or array.shape[1:] == self.shape or not len(array)
        return array if ready else np.stack([self._resize(x) for x in array])

    def _resize(self, image: np.ndarray) -> np.ndarray:
        self._right(with_size(image.shape, self.layout, self.resized))
        if self.layout != "first":
            return resize(image, self.resized)
        return resize(image.transpose(1, 2, 0), self.resized).transpose(2, 0, 1)

    def checked(self, array: np.ndarray, first: int = 0) -> np.ndarray:
        """(n, channels, height, width) of an array as the user has it; its rows are counted from ``first``."""
        if array.ndim == 2:
            _checks.nonempty(array)
            _checks.width(array.shape[1], self.features)
            array = array.reshape(-1, *self.shape)
        self._right(tuple(array.shape[1:]))
        _checks.nonempty(array)
        _checks.finite(array, first=first)
        return channels_second(array, self.layout)

    def _right(self, shape: tuple[int, ...]) -> None:
        if shape != self.shape:
            raise ValueError(
                f"X has images of shape {shape}, but Autoencoder is expecting {self.shape}:"
                " resize or crop them to the shape it was fitted on."
            )

    def restore(self, rows: np.ndarray, like: Any = None) -> np.ndarray:
        """Back to the user's axes; uint8 again where that went in; flat where ``like`` is flat."""
        array = channels_back(rows, self.layout)
        if self.whole:
            array = array.round().clip(0, 255).astype(np.uint8)
        flat = like is not None and not several(like) and np.ndim(like) == 2
        return np.ascontiguousarray(array.reshape(len(array), -1) if flat else array)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Images", **dataclasses.asdict(self)}


class Pictures:
    """Images that are read, resized and checked when they are asked for: :class:`narrows.contracts.Rows`
    (n, channels, height, width) of ``source``, whose images are as the user has them."""

    def __init__(self, source: Any, schema: ImagesSchema):
        self.source, self.schema = source, schema
        self.shape, self.block = (len(source), *schema.row), source.block
        one = np.zeros((1, *source.shape[1:]), source.dtype)  # becomes what the others will
        self.dtype = schema.sized(_checks.numeric(one)).dtype
        if getattr(source, "spans", None) is not None:
            self.spans = source.spans

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        array = self.schema.sized(_checks.numeric(self.source[which]))
        if not len(array):
            return np.empty((0, *self.shape[1:]), self.dtype)
        first = which.indices(len(self))[0] if isinstance(which, slice) else 0
        return self.schema.checked(array, first)


def look(X: Any, channels: str | None, owner: str, wanted: str) -> tuple[tuple[int, ...], str, bool]:
    """Shape (n, …) of pictures, where their channels stand, and whether pixels are whole numbers 0…255.  Of
    a list the shape is that of the first; rows on demand are read, if of uint8, until one goes beyond 1."""
    lazy, apart = is_lazy(X), several(X)
    arrays = [_checks.numeric(x, f"X[{i}]") for i, x in enumerate(X)] if apart else [X]
    if not (lazy or apart):
        arrays = [_checks.numeric(X)]
    shape = (len(arrays), *arrays[0].shape) if apart else tuple(arrays[0].shape)
    if len(shape) not in (3, 4):
        raise ValueError(f"X has shape {shape}, but {wanted}.")
    nonempty(shape)
    layout = layout_of(shape, channels, owner)
    whole = all(x.dtype == np.uint8 for x in arrays) and (_bright(X) if lazy else any(map(_above_1, arrays)))
    return shape, layout, bool(whole)


def _bright(X: Any) -> bool:
    """Whether pixels that are read on demand go beyond 1, as in memory: mostly seen in the first few.  Those
    of picture files, which may differ in size, are 0…255 by their format."""
    if hasattr(X, "check"):
        return True
    return any(_above_1(X[a : a + X.block]) for a in range(0, len(X), X.block))


def _above_1(array: np.ndarray) -> bool:
    return bool(array.size) and bool(array.max() > 1)


def channels_second(array: np.ndarray, layout: str) -> np.ndarray:
    """Pictures as the user has them, as (n, channels, height, width), a view."""
    if layout == "none":
        return array[:, None]
    return array if layout == "first" else array.transpose(0, 3, 1, 2)


def channels_back(array: np.ndarray, layout: str) -> np.ndarray:
    """The inverse of :func:`channels_second`."""
    if layout == "none":
        return array[:, 0]
    return array if layout == "first" else array.transpose(0, 2, 3, 1)


def check_channels(owner: str, channels: str | None) -> None:
    if channels not in (None, "first", "last"):
        raise ValueError(f"{owner} got channels={channels!r}, but expected 'first', 'last' or None.")


def layout_of(shape: tuple[int, ...], channels: str | None, owner: str = "Images") -> str:
    """Where the channels of images (n, …) stand: "none", "first" or "last"."""
    if len(shape) == 3:
        return "none"
    if channels is not None:
        return channels
    first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
    if first == last:
        raise ValueError(
            f"X has shape {shape}, in which {'both the second and the last' if first else 'no'} axis could be the"
            f" channels (1, 3 or 4 entries): say which with input={owner}(channels='first') or 'last'."
        )
    return "first" if first else "last"


def with_size(shape: tuple[int, ...], layout: str, size: tuple[int, int]) -> tuple[int, ...]:
    """The shape of one image, but of ``size``; one that is no image's stays as it is."""
    if len(shape) not in (2, 3):
        return shape
    if layout == "first":
        return (*shape[:-2], *size)
    return (*size, *shape[2:])


def several(X: Any) -> bool:
    """Whether X is a list of images, each an array of its own."""
    return isinstance(X, (list, tuple)) and any(isinstance(x, np.ndarray) and x.ndim > 1 for x in X)


def nonempty(shape: tuple[int, ...]) -> None:
    """At least one image, and one pixel."""
    _checks.nonempty(np.broadcast_to(np.zeros(()), shape))  # takes no memory


def alike(X: list[np.ndarray]) -> None:
    """Refuse a list of images of different shapes, which make no array."""
    shapes = [np.shape(x) for x in X]
    if odd := [shape for shape in shapes if shape != shapes[0]]:
        raise ValueError(
            f"X holds images of shapes {shapes[0]} and {odd[0]}, but one size was expected: pass"
            " input=Images(size=(h, w)) to resize all of them, or input=Patches() to cut them up."
        )
