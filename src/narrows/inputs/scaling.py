"""The affine map between the user's units and the network's."""

from __future__ import annotations

import math
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


def learn_affine(
    rows: np.ndarray,
    how: str | None,
    *,
    unit: bool,
    shared: bool,
    levels: tuple[int, ...] | None = None,
    extremes: tuple[np.ndarray, np.ndarray] | None = None,
) -> Affine:
    """The map that ``how`` asks for, learned from training rows (n, \\*row).

    ``unit``    the likelihood needs [0, 1], so "auto" must give that.
    ``shared``  entries share one scale (images): "minmax" and "robust" then use one pair of
                numbers for all, "standard" one pair per channel.
    ``levels``  of a table's columns: those with categories are left alone.
    ``extremes``  least and greatest value of each entry, where they are known.
    """
    if how not in SCALES:
        raise ValueError(f"scale={how!r} is not known: expected one of {', '.join(map(repr, SCALES))}.")
    if levels is not None and any(levels):
        shift, scale = np.zeros(len(levels)), np.ones(len(levels))
        numbers = [i for i, k in enumerate(levels) if not k]
        if numbers:
            mine = None if extremes is None else (extremes[0][numbers], extremes[1][numbers])
            part = learn_affine(rows[:, numbers], how, unit=unit, shared=shared, extremes=mine)
            shift[numbers], scale[numbers] = part.shift, part.scale
        return Affine(shift, scale)
    if how in ("auto", "minmax"):
        low, high = extremes or (np.nanmin(rows, 0), np.nanmax(rows, 0))
    if how == "auto":
        within = low.min() >= 0 and high.max() <= 255
        if not (unit or shared or within):
            how = "standard"
        elif (shared or one_range(low, high)) and low.min() >= 0 and FILLED <= high.max() <= 1:
            how = None  # already there, and 0 and 1 mean something
        elif shared or one_range(low, high):
            return _between(low.min(), high.max())
        else:
            how = "minmax"
    if how is None:
        return Affine(np.zeros(()), np.ones(()))
    if how == "minmax":
        return _between(low.min(), high.max()) if shared else _between(low, high)
    # Imported here for the sake of `import narrows`'s time.
    from sklearn.preprocessing import RobustScaler, StandardScaler

    columns = rows.reshape(len(rows), -1)
    if shared and how == "standard":
        columns = rows.swapaxes(0, 1).reshape(rows.shape[1], -1).T
    elif shared:
        columns = columns.reshape(-1, 1)
    scaler = (StandardScaler() if how == "standard" else RobustScaler()).fit(columns)
    shift = scaler.mean_ if how == "standard" else scaler.center_
    shape = (-1, *(1,) * (rows.ndim - 2)) if shared else rows.shape[1:]
    return Affine(np.float64(shift).reshape(shape), np.float64(scaler.scale_).reshape(shape))


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
