"""Large photographs as overlapping patches, and patches blended back to photographs.

A photograph is (height, width, channels), its patches (n, channels, size, size): the rows of a network
that reads images.  Everything here is exact: the patches of x, blended, give x back.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from narrows.inputs.windows import starts

BLOCK = 1 << 20  # bytes of patches that are made together
BLOCKS = 3  # along each side of a photograph, at most, that a held-out share is spread over
PHOTOS = 4  # so many of them, or more, are held out whole
LEAST = 0.7  # of the patches that are not held out, so many at least must be left to train on


def hill(size: int) -> np.ndarray:
    """Weights (size, size) of a patch's pixels, largest in the middle, positive everywhere: the product
    of a raised cosine along each side, wᵢ = sin²(π(i + ½)/size).

    >>> hill(3).round(4).tolist()
    [[0.0625, 0.25, 0.0625], [0.25, 1.0, 0.25], [0.0625, 0.25, 0.0625]]
    """
    side = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    return np.outer(side, side)


class Tiles:
    """The patches of photographs, cut when they are asked for; a :class:`narrows.contracts.Rows` of shape
    (n, channels, size, size).  The last ones of a line and the last line end with the photograph.

    ``photos``  anything whose i-th item is an array (height, width, channels).
    ``sizes``   (number of photographs, 2): their heights and widths.
    ``index``   (n, 3): of each patch its photograph, and the pixel at its top left: photo, top, left.
    ``spans``   the patches of each photograph, where photographs are read ``on_demand``: those that are
                asked for together cost one reading.

    >>> rows = Tiles([np.arange(15).reshape(3, 5, 1)], np.array([[3, 5]]), 1, np.int64, size=2, step=2)
    >>> rows.shape, rows.index[:3].tolist(), rows[2:3].tolist()
    ((6, 1, 2, 2), [[0, 0, 0], [0, 0, 2], [0, 0, 3]], [[[[3, 4], [8, 9]]]])
    """

    def __init__(
        self,
        photos: Sequence[np.ndarray],
        sizes: np.ndarray,
        channels: int,
        dtype: Any,
        size: int,
        step: int,
        on_demand: bool = False,
    ):
        self.photos, self.sizes, self.size, self.step = photos, sizes, size, step
        self.dtype, self.on_demand = np.dtype(dtype), on_demand
        self.index = np.concatenate([self._grid(i, *map(int, sides)) for i, sides in enumerate(sizes)])
        self._row = (channels, size, size)
        self.block = max(1, BLOCK // (math.prod(self._row) * self.dtype.itemsize))

    def _grid(self, photo: int, height: int, width: int) -> np.ndarray:
        tops, lefts = starts(height, self.size, self.step), starts(width, self.size, self.step)
        top, left = np.meshgrid(tops, lefts, indexing="ij")
        return np.stack([np.full(top.size, photo), top.ravel(), left.ravel()], 1)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.index), *self._row)

    @property
    def ndim(self) -> int:
        return 4

    @property
    def spans(self) -> list[tuple[int, int]] | None:
        if not self.on_demand:
            return None
        edges = [0, *(np.flatnonzero(np.diff(self.index[:, 0])) + 1).tolist(), len(self)]
        return list(itertools.pairwise(edges))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Patches of a slice or an array of numbers, (k, channels, size, size)."""
        owners, tops, lefts = self.index[which].T
        found = np.empty((len(tops), *self._row), self.dtype)
        for mine in _groups(owners):
            photo = self.photos[int(owners[mine[0]])]
            found[mine] = sliding_window_view(photo, (self.size, self.size), (0, 1))[tops[mine], lefts[mine]]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "Patches are cut when they are asked for, so they must be copied: pass copy=None."
            )
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, which: slice | np.ndarray) -> Tiles:
        """Some of the patches, still to be cut."""
        some = copy.copy(self)
        some.index = self.index[which]
        return some

    def blend(self, patches: np.ndarray) -> Iterator[np.ndarray]:
        """Patches like these, (n, …, size, size), back to one array (…, height, width) for each photograph,
        float64: every pixel the mean of what the patches that hold it say, weighted by :func:`hill`; NaN
        where there is none."""
        if len(patches) != len(self):
            raise ValueError(
                f"Got {len(patches)} patches, but {len(self)} were expected for these photographs: pass one for each of"
                " their patches, in order."
            )
        return self._blended(patches)

    def _blended(self, patches: np.ndarray) -> Iterator[np.ndarray]:
        weights, inner, s = hill(self.size), patches.shape[1:-2], self.size
        weighted = np.empty((*inner, s, s))
        of = {int(self.index[mine[0], 0]): mine for mine in _groups(self.index[:, 0])}
        for photo, (height, width) in enumerate(self.sizes.tolist()):
            total, weight = np.zeros((*inner, height, width)), np.zeros((height, width))
            for k in of.get(photo, ()):
                _, top, left = self.index[k].tolist()
                total[..., top : top + s, left : left + s] += np.multiply(patches[k], weights, out=weighted)
                weight[top : top + s, left : left + s] += weights
            with np.errstate(invalid="ignore"):
                total /= weight
            yield total

    def split(self, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the patches to train on and of those held out, about ``fraction`` of them.

        Of many photographs some are held out whole.  Of few, rectangles in each: up to 3 × 3 at equal
        distances, the last at the bottom right; patches that share pixels with them are left out of both.

        >>> one = Tiles([np.zeros((64, 64, 1))], np.array([[64, 64]]), 1, float, size=8, step=4)
        >>> [len(part) for part in one.split(0.1)]
        [195, 20]
        """
        n, photos = len(self), np.unique(self.index[:, 0])
        if not int(n * fraction):
            return np.arange(n), np.arange(0)
        whole = min(round(len(photos) * fraction), len(photos) - 1)
        if whole >= PHOTOS:
            return self._photos_apart(photos, whole)
        train, valid = self._regions_apart(fraction)
        if len(valid) and len(train) >= LEAST * (n - len(valid)):
            return train, valid
        if len(photos) > 1:
            return self._photos_apart(photos, max(1, whole))
        if len(valid) and len(train):
            return train, valid
        raise ValueError(
            f"X makes {n} patches, and all of them share pixels with those that would be held out for early stopping:"
            " pass a larger photograph, smaller patches, or validation_fraction=0."
        )

    def _photos_apart(self, photos: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The last photograph of ``count`` equally long runs is held out."""
        held = photos[(np.arange(count) + 1) * len(photos) // count - 1]
        mine = np.isin(self.index[:, 0], held)
        return np.flatnonzero(~mine), np.flatnonzero(mine)

    def _regions_apart(self, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        held, near = np.zeros((2, len(self)), bool)
        for mine in _groups(self.index[:, 0]):
            top, left = self.index[mine, 1:].T
            tops, lefts = np.unique(top), np.unique(left)
            short, long = sorted((tops, lefts), key=len)
            across = min(max(1, round(len(short) * fraction**0.5)), len(short))
            if self._side(short, across)[1].all():  # nothing is left beside them, so let them be wider
                across = len(short)
            along = min(round(fraction * len(short) * len(long) / across), len(long))
            sides = self._side(short, across), self._side(long, along)
            # Rectangles: a patch shares pixels with one if it does so along both sides.
            (in_y, near_y), (in_x, near_x) = sides if short is tops else sides[::-1]
            y, x = np.searchsorted(tops, top), np.searchsorted(lefts, left)
            held[mine], near[mine] = in_y[y] & in_x[x], near_y[y] & near_x[x]
        return np.flatnonzero(~near), np.flatnonzero(held)

    def _side(self, at: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Which ``count`` of the lines that begin ``at`` are held out, and which overlap with those."""
        overlapping = -(-self.size // self.step)
        blocks = max(1, min(BLOCKS, count // (4 * overlapping)))
        cuts = np.arange(blocks + 1)
        held = np.zeros(len(at), bool)
        for stop, length in zip(cuts[1:] * len(at) // blocks, np.diff(cuts * count // blocks), strict=True):
            held[stop - length : stop] = True
        return held, (np.abs(at[:, None] - at[held]) < self.size).any(1)


def _groups(owners: np.ndarray) -> list[np.ndarray]:
    """Numbers of the entries that are equal, in their order, for each value."""
    order = np.argsort(owners, kind="stable")
    return [mine for mine in np.split(order, np.flatnonzero(np.diff(owners[order])) + 1) if len(mine)]
