"""Long series as overlapping windows, and windows averaged back to series.

A series is (time, channels), its windows (n, channels, window): the rows of a network that reads
signals.  Everything here is exact: the windows of x, averaged, give x back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from narrows.inputs import _checks

BLOCK = 1 << 20  # bytes of windows that are made together
MOST_BLOCKS = 10  # that a held-out share is spread over


def starts(length: int, window: int, step: int) -> np.ndarray:
    """Where windows begin, (n,): every ``step`` samples, the last one aligned to the end.

    >>> starts(10, 4, 3)
    array([0, 3, 6])
    >>> starts(11, 4, 3)
    array([0, 3, 6, 7])
    """
    at = np.arange(0, length - window + 1, step)
    return at if at[-1] == length - window else np.append(at, length - window)


def cut(series: np.ndarray, at: np.ndarray, window: int) -> np.ndarray:
    """The windows of (time, channels) that begin ``at`` (n,): (n, channels, window), a copy.

    >>> cut(np.arange(4)[:, None], np.array([0, 2]), 2).tolist()
    [[[0, 1]], [[2, 3]]]
    """
    return sliding_window_view(series, window, axis=0)[at]


def overlap_average(windows: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    """Each sample the mean of what the windows (n, …, window) that hold it say: (length, …) float64;
    NaN where there is none.

    The inverse of :func:`cut`, and the least-squares answer where windows disagree (Griffin & Lim
    1984, equation 6, for a window of ones).

    >>> overlap_average(np.array([[1.0, 2.0], [4.0, 3.0]]), np.array([0, 1]), 3)
    array([1., 3., 3.])
    """
    n, *inner, window = windows.shape
    total, count = np.zeros((length, *inner)), np.zeros((length, *(1 for _ in inner)))
    # Windows begin at different samples, so their j-th samples are different ones: each line of either
    # loop touches no sample twice.
    if n < window:
        for one, start in zip(windows, at, strict=True):
            total[start : start + window] += np.moveaxis(one, -1, 0)
            count[start : start + window] += 1
    else:
        for j in range(window):
            total[at + j] += windows[..., j]
            count[at + j] += 1
    with np.errstate(invalid="ignore"):
        return total / count


class Windows:
    """The windows of one or several series (time, channels), cut when they are asked for; a
    :class:`narrows.contracts.Rows` of shape (n, channels, window).  No window spans two series.
    A series is an array, or gives one for a slice: of what stays in a file, no more is read than is cut.

    ``index``  (n, 2): of each window its series and the sample at which it begins.

    >>> rows = Windows([np.zeros((10, 2)), np.ones((7, 2))], window=4, step=3)
    >>> rows.shape, rows.index[3:].tolist(), rows[3:4].tolist()
    ((5, 2, 4), [[1, 0], [1, 3]], [[[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]])
    """

    def __init__(self, series: Sequence[np.ndarray], window: int, step: int):
        self.series, self.window, self.step = list(series), window, step
        begins = [starts(len(x), window, step) for x in self.series]
        self.stops = np.cumsum([len(at) for at in begins])  # of each series in the windows
        owners = np.repeat(np.arange(len(begins)), [len(at) for at in begins])
        self.index = np.stack([owners, np.concatenate(begins)], 1)
        self.dtype = np.result_type(*{x.dtype for x in self.series})
        self.shape = (len(self.index), self.series[0].shape[1], window)
        self.block = max(1, BLOCK // (self.shape[1] * window * self.dtype.itemsize))

    @property
    def ndim(self) -> int:
        return 3

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Windows of a slice or an array of numbers, (k, channels, window)."""
        owners, at = self.index[which].T
        found = np.empty((len(at), *self.shape[1:]), self.dtype)
        order = np.lexsort((at, owners))
        # Runs of windows that touch, one after the other: what lies between them is not read.
        ends = np.diff(owners[order], append=-1).astype(bool) | (np.diff(at[order], append=0) > self.window)
        for mine in np.split(order, np.flatnonzero(ends) + 1)[:-1]:
            first, last = int(at[mine[0]]), int(at[mine[-1]]) + self.window
            found[mine] = cut(self._read(int(owners[mine[0]]), first, last), at[mine] - first, self.window)
        return found

    def _read(self, i: int, first: int, last: int) -> np.ndarray:
        """Samples of the i-th series; of one in a file they are seen for the first time."""
        series = self.series[i]
        found = series[first:last]
        if not isinstance(series, np.ndarray):
            _checks.finite(
                found, name=f"'{series.path}'" if hasattr(series, "path") else f"X[{i}]", first=first
            )
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "Windows are cut when they are asked for, so they must be copied: pass copy=None."
            )
        return self[:].astype(dtype or self.dtype, copy=False)

    def average(self, windows: np.ndarray) -> list[np.ndarray]:
        """Windows like these, (n, …, window), back to one array (time, …) for each series; float64."""
        spans = zip([0, *self.stops], self.stops, self.series, strict=False)
        return [overlap_average(windows[a:b], self.index[a:b, 1], len(x)) for a, b, x in spans]

    def split(self, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the windows to train on and of those held out, about ``fraction`` of them.

        Held out are up to 10 contiguous blocks at equal distances, the last of which is the end of
        the last series; windows that share samples with them are left out of both.  Short data give
        one block: then the model is judged by what comes after what it has seen.

        >>> train, valid = Windows([np.zeros((40, 1))], window=4, step=2).split(0.25)
        >>> train, valid
        (array([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13]), array([15, 16, 17, 18]))
        """
        n = len(self)
        held = int(n * fraction)
        if not held:
            return np.arange(n), np.arange(0)
        # A line on which windows of different series lie apart.
        offsets = np.cumsum([0, *(len(x) + self.window for x in self.series[:-1])])
        place = offsets[self.index[:, 0]] + self.index[:, 1]
        overlapping = -(-self.window // self.step)
        blocks = max(1, min(MOST_BLOCKS, held // (4 * overlapping)))
        cuts = np.arange(blocks + 1)
        stops, sizes = cuts[1:] * n // blocks, np.diff(cuts * held // blocks)
        valid = np.concatenate([np.arange(b - k, b) for b, k in zip(stops, sizes, strict=True)])
        # Of each window the distances to the held-out ones before and behind it.
        there = np.concatenate([[place[0] - self.window], place[valid], [place[-1] + self.window]])
        behind = np.searchsorted(place[valid], place) + 1
        near = np.minimum(there[behind] - place, place - there[behind - 1])
        train = np.flatnonzero(near >= self.window)
        if not len(train):
            raise ValueError(
                f"X makes {n} windows, and all of them share samples with the {held} that would be held out for"
                " early stopping: pass a longer series, a shorter window, or validation_fraction=0."
            )
        return train, valid
