"""What a codec promises about errors, and the bytes that keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.coding import plain, residuals
from narrows.coding.pieces import join, malformed, split

ANY = 1e300  # a bound that no error reaches


@dataclass(frozen=True, eq=False)
class Promise:
    """How far from a row's entries (…, \\*row) their answer may be: by ``eps``, which broadcasts to them, by nothing
    where ``lossless``; with neither as far as the model errs.  Entries of whole numbers and NaN and infinite
    ones are never lost to a prediction."""

    eps: np.ndarray | None = None
    lossless: bool = False

    @property
    def bounds_all(self) -> bool:
        """Whether every entry has a bound."""
        return self.lossless or (self.eps is not None and bool(np.all(self.eps < ANY)))

    @property
    def bound(self) -> Any:
        """``eps``; 0 where there is none."""
        return 0.0 if self.eps is None else self.eps

    def keep(self, x: np.ndarray, guess: np.ndarray) -> tuple[bytes, np.ndarray]:
        """What has to be known beside ``guess`` of the same shape and type, and what comes of both."""
        if self.lossless or self.eps is not None:
            coded = residuals.encode(x, guess, self.bound, lossless=self.lossless)
            return coded.payload, coded.values
        odd = np.flatnonzero(~np.isfinite(x)) if x.dtype.kind == "f" else np.zeros(0, np.int64)
        if not len(odd):
            return b"", guess
        values = guess.copy()
        values.flat[odd] = x.flat[odd]
        return join([plain.encode(odd), plain.encode(x.flat[odd])]) + len(odd).to_bytes(8, "little"), values

    def kept(self, data: bytes, guess: np.ndarray) -> np.ndarray:
        """The inverse: what comes of a guess."""
        if self.lossless or self.eps is not None:
            return residuals.decode(data, guess, self.bound)
        if not data:
            return guess
        count = int.from_bytes(data[-8:], "little")
        if count > guess.size or guess.dtype.kind != "f":
            raise malformed("it holds more odd values than there are")
        places, odd = split(data[:-8], 2)
        where = plain.decode(places, np.dtype(np.int64), (count,))
        if len(where) and (where.min() < 0 or where.max() >= guess.size):
            raise malformed("an odd value lies beyond the chunk")
        values = guess.copy()
        values.flat[where] = plain.decode(odd, guess.dtype, (count,))
        return values

    def to_json(self) -> dict[str, Any]:
        return {"eps": None if self.eps is None else self.eps.tolist(), "lossless": self.lossless}

    @classmethod
    def from_json(cls, found: Any) -> Promise:
        try:
            eps = found["eps"]
            return cls(None if eps is None else np.asarray(eps, np.float64), bool(found["lossless"]))
        except (KeyError, TypeError, ValueError):
            raise malformed("it does not say what it promises") from None


def fitting(guess: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A prediction, float64, as entries of ``dtype``."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return guess.astype(dtype)
    if dtype.kind == "b":
        return guess > 0.5
    ends = np.iinfo(dtype)
    inside = np.clip(np.rint(guess), float(ends.min), float(ends.max))
    # The largest 64-bit numbers are no floats: what rounds beyond them stands for the last.
    top = inside >= float(ends.max)
    return np.where(top, ends.max, np.where(top, 0, inside).astype(dtype)).astype(dtype)


def away(x: np.ndarray, values: np.ndarray) -> float:
    """The largest error; of whole numbers exact."""
    if x.dtype.kind in "iu":
        apart = np.where(x > values, x - values, values - x)  # the difference fits where its sign is known
        return float(apart.astype(f"u{x.dtype.itemsize}").max(initial=0))
    with np.errstate(invalid="ignore"):
        return float(np.abs(x.astype(np.float64) - values).max(initial=0, where=np.isfinite(x)))
