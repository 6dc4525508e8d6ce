"""Rows that are patches of large photographs, and the way back to photographs."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks
from narrows.inputs.images import channels_back, channels_second, check_channels, look, nonempty, several
from narrows.inputs.lazy import is_lazy
from narrows.inputs.tiles import Tiles


@dataclass(frozen=True)
class Patches:
    """Each row is a patch of a photograph, (channels, size, size) to the network.

    ``size``  pixels along each side of a patch.
    ``step``  pixels from one patch to the next; half a patch if None.
    ``channels``  where those of photographs stand: "first", "last", or None to find the axis that alone
                  has 1, 3 or 4 entries.

    Photographs are an array (n, height, width), (n, height, width, channels) or (n, channels, height,
    width), a list of such arrays without their first axis, of any sizes, or those of a
    ``sources.ImageFolder``, which are read when their patches are needed.  They are cut into overlapping
    patches, the last ones aligned to the far edges, so that every pixel is covered.  Answers for patches
    are blended where they overlap, weighted by a hill over each patch, which gives back photographs
    without seams.  Arrays that have the size of a patch are patches as they are.

    >>> schema = Patches(size=8).learn([np.zeros((20, 30, 3)), np.zeros((16, 8, 3))])
    >>> schema.row, schema.step, schema.rows(np.zeros((2, 12, 12, 3))).shape
    ((3, 8, 8), 4, (8, 3, 8, 8))
    """

    size: int = 32
    step: int | None = None
    channels: str | None = None

    def __post_init__(self) -> None:
        for name in ("size", "step"):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
            if not whole and (name == "size" or value is not None):
                raise ValueError(
                    f"Patches got {name}={value!r}, but needs a number of pixels: pass a whole number ≥ 1."
                )
        if self.step is not None and self.step > self.size:
            raise ValueError(
                f"Patches got step={self.step} and size={self.size}, which would leave pixels out: pass a step ≤ size."
            )
        check_channels("Patches", self.channels)

    def learn(self, X: Any) -> PatchesSchema:
        """What the training photographs look like; of those in files, what their headers say."""
        shape, layout, whole = look(
            X,
            self.channels,
            "Patches",
            "photographs were expected, (n, height, width) or (n, height, width, channels) or a list of them: pass [X]"
            " if it is one photograph",
        )
        channels = 1 if layout == "none" else shape[1] if layout == "first" else shape[3]
        size = int(self.size)
        schema = PatchesSchema(size, int(self.step or max(1, size // 2)), channels, layout, whole)
        schema.rows(X)  # checks the rest
        return schema

    def build(self, shapes: Shapes) -> nn.Module:
        """Nothing stands between pixels and the encoder."""
        return nn.Identity()


@dataclass(frozen=True)
class PatchesSchema:
    """Patches of ``size`` × ``size`` pixels of ``channels``, ``step`` pixels apart; where the channels stand
    in photographs, and whether pixels are whole numbers 0…255."""

    size: int
    step: int
    channels: int
    layout: str
    whole: bool

    levels = None
    missing = False
    shared_scale = True  # a pixel is a pixel: one scale for all
    names = None

    @property
    def row(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        return (self.channels, self.size, self.size)

    @property
    def features(self) -> int:
        return math.prod(self.row)

    @property
    def shape(self) -> tuple[int, ...]:
        """One patch as the user has photographs."""
        return self._of(self.size, self.size)

    def _of(self, height: Any, width: Any) -> tuple[Any, ...]:
        if self.layout == "none":
            return (height, width)
        return (self.channels, height, width) if self.layout == "first" else (height, width, self.channels)

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Tiles:
        """(n, channels, size, size) in the user's units: patches that are cut when they are asked for, photograph
        by photograph, from top left to bottom right; or an array of what are patches already, also flat ones.
        Always checked in full, except what is read on demand: that is checked as it is read."""
        if is_lazy(X):
            dtype = _checks.numeric(np.zeros(1, X.dtype)).dtype
            return self._tiles(_Photos(X, self), self._sizes(X), dtype, on_demand=True)
        if several(X):
            arrays = [_checks.numeric(x, f"X[{i}]") for i, x in enumerate(X)]
            for i, array in enumerate(arrays):
                self._fits(array.shape, f"X[{i}]")
                _checks.finite(array, name=f"X[{i}]")
            return self._tiles_of(arrays)
        array = _checks.numeric(X)
        if array.ndim == 2 and array.shape[1] == self.features:
            array = array.reshape(-1, *self.shape)
        if array.ndim != len(self.shape) + 1:
            raise ValueError(
                f"X has shape {array.shape}, but photographs were expected, {self._wanted('n, ')}, or rows of"
                f" {self.features} numbers: pass [X] if it is one photograph."
            )
        nonempty(array.shape)
        self._fits(array.shape[1:], "X[0]")
        _checks.finite(array)
        if array.shape[1:] == self.shape:
            return channels_second(array, self.layout)
        return self._tiles_of(list(array))

    def _tiles_of(self, arrays: list[np.ndarray]) -> Tiles:
        photos = [self.channels_last(array) for array in arrays]
        sizes = np.array([photo.shape[:2] for photo in photos])
        return self._tiles(photos, sizes, np.result_type(*{photo.dtype for photo in photos}))

    def _tiles(self, photos: Any, sizes: np.ndarray, dtype: Any, on_demand: bool = False) -> Tiles:
        return Tiles(photos, sizes, self.channels, dtype, self.size, self.step, on_demand)

    def _sizes(self, X: Any) -> np.ndarray:
        """Heights and widths of photographs that are read on demand."""
        nonempty(X.shape)
        if not hasattr(X, "sizes"):
            self._fits(X.shape[1:], "X[0]")
            return np.tile(self._sides(X.shape[1:]), (len(X), 1))
        sizes = X.sizes()
        if len(X.shape) - 1 != len(self.shape):
            self._fits(X.shape[1:], "X[0]")
        for i in [0, *np.flatnonzero(sizes.min(1) < self.size)]:
            self._fits(self._of(*map(int, sizes[i])), X.names[i])
        return sizes

    def _sides(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[-2:] if self.layout == "first" else shape[:2]

    def _wanted(self, before: str = "") -> str:
        return f"({before}{', '.join(map(str, self._of('height', 'width')))})"

    def _fits(self, shape: tuple[int, ...], name: str) -> None:
        """Refuse unless a photograph of this shape has the fitted axes, and room for a patch."""
        if len(shape) != len(self.shape) or shape != self._of(*self._sides(shape)):
            raise ValueError(
                f"{name} has shape {shape}, but photographs of shape {self._wanted()} were expected: pass such as the"
                " model was fitted on."
            )
        height, width = self._sides(shape)
        if min(height, width) < self.size:
            raise ValueError(
                f"{name} is {height} × {width} pixels, but patches of {self.size} × {self.size} are to be cut: pass"
                " larger photographs, or fit with a smaller Patches(size=…)."
            )

    def channels_last(self, photo: np.ndarray) -> np.ndarray:
        """A photograph as (height, width, channels), a view."""
        if self.layout == "none":
            return photo[..., None]
        return photo.transpose(1, 2, 0) if self.layout == "first" else photo

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Patches blended to the photographs of ``like``: an array of its shape, or a list where its sizes
        differ or it is a list; without ``like`` patches, in the user's axes, flat where ``like`` is flat.
        uint8 again where that went in."""
        tiles = None if like is None else self.rows(like)
        if isinstance(tiles, Tiles):
            parts = [self._back(photo[None], rows.dtype)[0] for photo in tiles.blend(rows)]
            return _stacked(parts, like)
        patches = self._back(rows, rows.dtype)
        return patches.reshape(len(patches), -1) if like is not None and np.ndim(like) == 2 else patches

    def _back(self, array: np.ndarray, dtype: Any) -> np.ndarray:
        """(n, channels, height, width) in the user's axes."""
        if self.whole:
            array, dtype = np.rint(array), np.uint8
            np.clip(array, 0, 255, out=array)
        elif np.dtype(dtype).kind != "f":
            array = np.rint(array)  # a mean of equal whole numbers need not be one to the last bit
        return np.ascontiguousarray(channels_back(array, self.layout), dtype=dtype)

    def per_pixel(self, values: np.ndarray, like: Any) -> Any:
        """What patches say of their pixels, (n, …, size, size), blended to those of ``like``: one array
        (…, height, width) per photograph, stacked where they are of one size and ``like`` is no list."""
        tiles = self.rows(like)
        return _stacked(list(tiles.blend(values)), like) if isinstance(tiles, Tiles) else values

    def patch_index(self, X: Any) -> np.ndarray:
        """(rows, 3): of each patch its photograph, and the pixel at its top left: photo, top, left."""
        rows = self.rows(X)
        if isinstance(rows, Tiles):
            return rows.index
        return np.stack([np.arange(len(rows)), *np.zeros((2, len(rows)), int)], 1)

    def split(self, rows: Any, fraction: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Numbers of the rows to train on and of those held out, which share no pixels; None for an array of
        patches, any of which may be held out."""
        return rows.split(fraction) if isinstance(rows, Tiles) else None

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Patches", **dataclasses.asdict(self)}


class _Photos:
    """Photographs (height, width, channels) that are read on demand, one at a time: the last one is kept, for
    patches of one photograph are mostly asked for one after another."""

    def __init__(self, source: Any, schema: PatchesSchema):
        self.source, self.schema = source, schema
        self._last: tuple[int, np.ndarray] | None = None

    def __getitem__(self, i: int) -> np.ndarray:
        last = self._last
        if last is None or last[0] != i:
            read = getattr(self.source, "picture", None)
            photo = _checks.numeric(self.source[i : i + 1][0] if read is None else read(i))
            _checks.finite(photo, name=f"X[{i}]")
            self._last = last = (i, self.schema.channels_last(photo))
        return last[1]


def _stacked(parts: list[np.ndarray], like: Any) -> Any:
    alike = not several(like) and len({part.shape for part in parts}) == 1
    return np.stack(parts) if alike else parts
