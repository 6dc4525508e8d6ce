"""What the user says of each row: its kind, or a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from narrows.report.figures import CLASSES


@dataclass(frozen=True, eq=False)
class Labels:
    """``values`` (n,): of categories numbers into ``levels``, the most frequent first where there are many;
    of numbers they themselves.  NaN where a row has none."""

    values: np.ndarray
    levels: tuple[str, ...] | None

    def take(self, rows: np.ndarray) -> Labels:
        return Labels(self.values[rows], self.levels)

    @property
    def drawn(self) -> np.ndarray:
        """As figures take them, (n,): numbers, or names of which there are no more than colours."""
        if self.levels is None:
            return self.values
        many = len(self.levels) > CLASSES
        names = np.array([*self.levels[: CLASSES - 2 if many else None], "others", "none"])
        last = len(names) - 1
        return names[np.where(np.isnan(self.values), last, np.fmin(self.values, last - 1)).astype(int)]

    def said(self, row: int) -> str:
        value = self.values[row]
        if np.isnan(value):
            return "none"
        return f"{value:.4g}" if self.levels is None else self.levels[int(value)]


def read(labels: Any, rows: int) -> Labels:
    """Labels of ``rows`` rows from whatever holds one for each: a list, an array, a series of any library.

    Text, booleans and up to 20 different whole numbers are categories; other numbers are numbers.

    >>> read(["b", "a", None], 3).levels, read([0.1, 2.5], 2).levels
    (('a', 'b'), None)
    """
    found = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
    found = found.reshape(-1) if found.ndim == 2 and found.shape[1] == 1 else found
    if found.shape != (rows,):
        raise ValueError(
            f"labels have shape {found.shape}, but there are {rows} rows: pass one label for each row, in their order."
        )
    if found.dtype.kind == "O" and all(isinstance(x, Real) or x is None for x in found):  # numbers, and gaps
        found = np.array([np.nan if x is None else x for x in found], np.float64)
    if found.dtype.kind in "fiub":
        kinds = np.unique(found[np.isfinite(found.astype(float))])
        if found.dtype.kind != "b" and (len(kinds) > CLASSES or not (kinds == np.rint(kinds)).all()):
            return Labels(found.astype(np.float64), None)
        names = [str(bool(k)) if found.dtype.kind == "b" else str(int(k)) for k in kinds]
        return _numbered(found, dict(zip(kinds.tolist(), names, strict=True)))
    words = {word: str(word) for word in {w for w in found.tolist() if not _absent(w)}}
    return _numbered(found, words)


def _numbered(found: np.ndarray, names: dict[Any, str]) -> Labels:
    """Categories in their own order, or, where there are more of them than colours, by how many rows have them."""
    rows = found.tolist()
    order: Sequence[Any] = sorted(names, key=lambda word: (isinstance(word, str), word))
    if len(order) > CLASSES:
        often = dict.fromkeys(order, 0)
        for word in rows:
            if word in often:
                often[word] += 1
        order = sorted(order, key=lambda word: -often[word])
    number = {word: float(i) for i, word in enumerate(order)}
    values = [np.nan if _absent(word) else number.get(word, np.nan) for word in rows]
    return Labels(np.array(values, np.float64), tuple(names[word] for word in order))


def _absent(word: Any) -> bool:
    """None, NaN or an empty text."""
    return word is None or word == "" or bool(word != word)
