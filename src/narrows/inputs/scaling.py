"""The affine map between the user's units and the network's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

FILLED = 0.5  # data within [0, 1] that reach at least so far are left as they are
SCALES = (None, "auto", "standard", "minmax", "robust")


@dataclass(frozen=True, eq=False)
class Affine:
    """scaled = (x − shift) / scale; both float64, of a shape that broadcasts against a row."""

    shift: np.ndarray
    scale: np.ndarray

    @cached_property
    def identity(self) -> bool:
        return bool((self.shift == 0).all() and (self.scale == 1).all())

    def forward(self, rows: np.ndarray, dtype: torch.dtype) -> Tensor:
        """Rows in the user's units to a tensor in scaled ones.

        float64 and wide integers are shifted before they are rounded to ``dtype``: a column
        around 1e9 keeps its digits.
        """
        wide = (
            dtype == torch.float64
            or rows.dtype == np.float64
            or (rows.dtype.kind in "ui" and rows.itemsize > 2)
        )
        x = torch.from_numpy(np.require(rows, requirements="CW" if not rows.flags.writeable else "C"))
        x = x.to(torch.float64 if wide else torch.float32)
        if not self.identity:
            shift, scale = (torch.as_tensor(a, dtype=x.dtype) for a in (self.shift, self.scale))
            x = (x - shift).div_(scale)
        return x.to(dtype)

    def inverse(self, x: Tensor) -> np.ndarray:
        """Scaled tensor to an array in the user's units; float64, so that a large shift costs no digits."""
        rows = x.cpu().numpy()
        return rows if self.identity else rows * self.scale + self.shift

    def log_jacobian(self, row: tuple[int, ...], rows: np.ndarray | None = None) -> float | np.ndarray:
        """Σ ln scale over a row's entries: what a density gains, in nats, going back to user units.
        Of ``rows`` with gaps, (n,): over the entries that each of them has."""
        logs = np.log(np.broadcast_to(self.scale, row))
        return (
            float(logs.sum())
            if rows is None
            else np.where(np.isnan(rows), 0.0, logs).reshape(len(rows), -1).sum(1)
        )


class Statistics:
    """What scaling needs to know of rows, in one pass over them, a piece at a time.

    The same rows in the same order give the same numbers, however they were cut into pieces.
    ``shared``: means and deviations of channels and not of entries; ``"channel"``: the ends too.
    ``missing``: rows may hold NaN.
    ``spread``: means and deviations, which cost more than the ends, are wanted too.
    ``again`` gives all the rows anew: means and deviations are then only taken when they are asked for.

    >>> seen = Statistics(shared=False).add(np.array([[0.0, 2.0]])).add(np.array([[4.0, 2.0]]))
    >>> seen.low, seen.high, seen.mean
    (array([0., 2.]), array([4., 2.]), array([2., 2.]))
    """

    CHUNK = 8192  # rows whose sums are taken together
    ENTRIES = 1 << 20  # unless they hold more numbers than that: each is copied, in float64

    def __init__(
        self,
        shared: bool | str,
        missing: bool = False,
        again: Callable[[], Iterable[np.ndarray]] | None = None,
        spread: bool = True,
    ):
        self.shared, self.missing, self.again, self.spread = shared, missing, again, spread
        self.low: np.ndarray | None = None
        self.high: np.ndarray | None = None
        self._count = self._mean = self._squares = np.zeros(())
        self._left: list[np.ndarray] = []  # rows that do not make a chunk yet
        self._open = 0

    def add(self, rows: np.ndarray) -> Statistics:
        """Look at some more rows, (n, \\*row)."""
        # Of a channel's samples, which share a scale, the ends over time too.
        over = (0, *range(2, rows.ndim)) if self.shared == "channel" else 0
        least, most = (np.fmin.reduce, np.fmax.reduce) if self.missing else (np.min, np.max)
        low, high = (f(rows, axis=over, keepdims=over != 0) for f in (least, most))
        if over:
            low, high = low[0], high[0]
        self.low = low if self.low is None else np.fmin(self.low, low)
        self.high = high if self.high is None else np.fmax(self.high, high)
        if self.again is None and self.spread:
            self._sums(rows)
        return self

    def _sums(self, rows: np.ndarray) -> None:
        chunk = max(1, min(self.CHUNK, self.ENTRIES // max(1, rows[:1].size)))
        while len(rows):
            taken = rows[: chunk - self._open]
            self._left.append(taken)
            self._open += len(taken)
            rows = rows[len(taken) :]
            if self._open == chunk:
                self._sum()

    def _close(self) -> None:
        if self.again is not None:
            pieces, self.again = self.again(), None
            for rows in pieces:
                self._sums(rows)
        if self._open:
            self._sum()

    def _sum(self) -> None:
        rows = np.concatenate(self._left) if len(self._left) > 1 else self._left[0]
        # Shared scales are those of a channel: its entries side by side.  In one layout whatever the
        # rows' own is, for sums along other strides round differently.
        over = 1 if self.shared else 0
        x = rows.swapaxes(0, 1).reshape(rows.shape[1], -1) if self.shared else rows.reshape(len(rows), -1)
        x = np.ascontiguousarray(x, dtype=np.float64)
        there = ~np.isnan(x) if self.missing else np.ones((), bool)
        count = np.broadcast_to(there, x.shape).sum(over)
        mean = (np.where(there, x, 0.0) if self.missing else x).sum(over) / np.maximum(count, 1)
        apart = x - np.expand_dims(mean, over)
        squares = np.square(np.where(there, apart, 0.0) if self.missing else apart).sum(over)
        # Two samples become one (Chan, Golub & LeVeque 1983, equation 2.1).
        total, apart = np.maximum(self._count + count, 1), mean - self._mean
        self._squares = self._squares + squares + apart**2 * self._count * count / total
        self._mean = self._mean + apart * count / total
        self._count = self._count + count
        self._left, self._open = [], 0

    @property
    def mean(self) -> np.ndarray:
        self._close()
        return self._mean

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviations; 1 where nothing varies."""
        self._close()
        n, eps = np.maximum(self._count, 1), np.finfo(np.float64).eps
        variance = self._squares / n
        # What rounding alone can make of a constant (the same paper's bound) is no variation.
        constant = variance <= n * eps * variance + (n * self._mean * eps) ** 2
        return np.sqrt(np.where(constant, 1.0, variance))


def learn_affine(
    how: str | None,
    seen: Statistics,
    sample: Callable[[], np.ndarray],
    *,
    unit: bool,
    levels: tuple[int, ...] | None = None,
) -> Affine:
    """The map that ``how`` asks for, learned from what was ``seen`` of the training rows.

    ``sample``  gives rows that quantiles are taken of, for "robust".
    ``unit``    the likelihood needs [0, 1], so "auto" must give that.
    ``levels``  of a table's columns: those with categories are left alone.

    Where ``seen.shared`` (images), "minmax" and "robust" use one pair of numbers for all entries,
    "standard" one pair per channel; where it is "channel" (signals), all use one pair per channel.
    """
    if how not in SCALES:
        raise ValueError(f"scale={how!r} is not known: expected one of {', '.join(map(repr, SCALES))}.")
    numbers = np.array([not k for k in levels]) if levels is not None else None
    low, high = (seen.low, seen.high) if numbers is None else (seen.low[numbers], seen.high[numbers])
    if how is None or not low.size:
        return Affine(np.zeros(()), np.ones(()))
    shared = seen.shared is True
    if how == "auto":
        within = low.min() >= 0 and high.max() <= 255
        if not (unit or shared or within):
            how = "standard"
        elif (shared or one_range(low, high)) and low.min() >= 0 and FILLED <= high.max() <= 1:
            how = None  # already there, and 0 and 1 mean something
        elif shared or one_range(low, high):
            return _of_numbers(_between(low.min(), high.max()), numbers)
        else:
            how = "minmax"
    if how is None:
        return Affine(np.zeros(()), np.ones(()))
    if how == "minmax":
        found = _between(low.min(), high.max()) if shared else _between(low, high)
        return _of_numbers(found, numbers)
    if how == "standard":
        shift, scale = seen.mean, seen.deviation
    else:
        from sklearn.preprocessing import RobustScaler

        rows = sample()
        flat = rows.reshape(-1, 1) if shared else rows.reshape(len(rows), -1)
        if seen.shared == "channel":
            flat = rows.swapaxes(0, 1).reshape(rows.shape[1], -1).T
        scaler = RobustScaler().fit(flat)
        shift, scale = scaler.center_, scaler.scale_
    shape = (-1, *(1,) * (seen.low.ndim - 1)) if seen.shared else seen.low.shape
    shift, scale = np.float64(shift).reshape(shape), np.float64(scale).reshape(shape)
    if numbers is not None:
        shift, scale = shift[numbers], scale[numbers]
    return _of_numbers(Affine(shift, scale), numbers)


def _of_numbers(affine: Affine, numbers: np.ndarray | None) -> Affine:
    """The map for all columns of a table, given that of its numbers."""
    if numbers is None or numbers.all():
        return affine
    shift, scale = np.zeros(len(numbers)), np.ones(len(numbers))
    shift[numbers], scale[numbers] = affine.shift, affine.scale
    return Affine(shift, scale)


def _between(low: np.ndarray, high: np.ndarray) -> Affine:
    low, high = np.float64(low), np.float64(high)
    span = high - low
    # A span that is only rounding noise is a constant: dividing by it would blow the noise up.
    constant = span <= 1e-12 * np.maximum(np.abs(low), np.abs(high))
    return Affine(np.asarray(low), np.asarray(np.where(constant, 1.0, span)))


def one_range(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the columns share a range, as flattened pixels do: half of those that vary cover
    at least half of the whole."""
    span = np.float64(high) - np.float64(low)
    varying = span[span > 0]
    whole = float(np.float64(high.max()) - np.float64(low.min()))
    return varying.size > 0 and math.isfinite(whole) and float(np.median(varying)) >= 0.5 * whole
