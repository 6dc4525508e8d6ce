"""Chunks of what a user has as rows of a network, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.fitted import Fitted

FAR = 1e4  # scaled units: what lies beyond is no use to a network, and left to what is stored beside it


class Form:
    """How chunks of what a user has, arrays (n, …), are rows of a network, and back."""

    def __init__(self, fitted: Fitted, unit: float = 1.0):
        self.schema, self.affine, self.unit = fitted.schema, fitted.affine, unit

    def count(self, n: int) -> int:
        return n

    def cut(self, x: np.ndarray) -> np.ndarray:
        """Rows (n, \\*row) near what the network knows: numbers, none of them far off."""
        return near(self.schema.rows(x, finite=False), self.affine)

    def joined(self, rows: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        like = np.broadcast_to(np.zeros((), dtype), shape)  # which takes no memory
        return np.asarray(self.schema.restore(rows, like=like), np.float64).reshape(shape)


class Typed(Form):
    """A table's columns as numbers (n, columns), which the caller has read."""

    def cut(self, x: np.ndarray) -> np.ndarray:
        sizes = np.array([column.size or np.inf for column in self.schema.columns])
        strange = x >= sizes  # categories of the file alone
        return near(np.where(strange, np.nan, x) if strange.any() else x, self.affine)

    def joined(self, rows: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        return self.schema.rounded(rows)


class Series(Form):
    """A long series (time, channels), in windows that touch; the last is filled up with the last sample.  ``unit``:
    what 1 of its numbers is in the network's."""

    def count(self, n: int) -> int:
        return -(-n // self.schema.window)

    def cut(self, x: np.ndarray) -> np.ndarray:
        lacking = -len(x) % self.schema.window
        x = np.concatenate([x, np.repeat(x[-1:], lacking, axis=0)]) if lacking else x
        x = x if self.unit == 1.0 else x.astype(np.float32) * np.float32(self.unit)
        windows = x.reshape(-1, self.schema.window, x[0].size).transpose(0, 2, 1)
        return near(np.ascontiguousarray(windows), self.affine)

    def joined(self, rows: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        samples = rows.transpose(0, 2, 1).reshape(-1, *shape[1:])[: shape[0]]
        return samples if self.unit == 1.0 else samples / self.unit


def near(rows: np.ndarray, affine: Any) -> np.ndarray:
    """Rows with what is no number, or far from all that was seen, put where it can do no harm."""
    rows = np.asarray(rows)
    low, high = affine.shift - FAR * affine.scale, affine.shift + FAR * affine.scale
    if rows.dtype.kind == "b":
        return rows.astype(np.float32)
    ends = rows.min(), rows.max()  # NaN, if there is one
    if (
        ends[0] >= np.min(low)
        and ends[1] <= np.max(high)
        and np.ptp(affine.scale) == 0 == np.ptp(affine.shift)
    ):
        return rows
    with np.errstate(invalid="ignore"):
        return np.clip(np.where(np.isfinite(rows), rows, affine.shift), low, high)


def form_of(fitted: Fitted, unit: float = 1.0) -> Form:
    """That of what the model was fitted on; ``unit``: what 1 of the numbers of a chunk is in the user's units."""
    if hasattr(fitted.schema, "columns"):
        return Typed(fitted)
    return Series(fitted, unit) if getattr(fitted.schema, "windowed", False) else Form(fitted)
