"""How far a row is from the training rows nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.encode import encode
from narrows.tasks.explain import by_feature, coordinates, through_code

SPACES = ("input", "code")
ROWS, ENTRIES = 50_000, 1 << 24  # training rows that are kept, and numbers in them, at most


@dataclass(frozen=True)
class Neighbours:
    """The mean squared distance to the ``k`` nearest training rows, in "input" space (scaled units) or
    between their "code"s.

    Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets"; Angiulli &
    Pizzuti 2002, for the mean over the neighbours.  A feature contributes its own part of the squared
    distance; of codes, what :func:`narrows.tasks.explain.through_code` gives it.

    >>> Neighbours(k=5)
    Neighbours(k=5, space='input')
    """

    k: int = 5
    space: str = "input"
    distance = True

    def __post_init__(self) -> None:
        if not (isinstance(self.k, (int, np.integer)) and self.k >= 1):
            raise ValueError(
                f"Neighbours got k={self.k!r}, but needs a number of rows: pass a whole number ≥ 1."
            )
        if self.space not in SPACES:
            raise ValueError(
                f"Neighbours got space={self.space!r}, but expected one of {', '.join(map(repr, SPACES))}."
            )

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        most = max(1, min(ROWS, ENTRIES // max(1, int(np.prod(rows.shape[1:])))))
        if len(rows) > most:
            rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]
        points = self._points(fitted, np.asarray(rows[:]))
        return {"points": points.astype(np.float32)}

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        distances, _ = self._nearest(self._points(fitted, rows), learned)
        return np.square(distances).mean(1)

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        points = self._points(fitted, rows)
        _, which = self._nearest(points, learned)
        near = learned["points"].astype(np.float64)
        if self.space == "code":
            same = np.eye(points.shape[1])
            return sum(through_code(fitted, rows, near[i], same) for i in which.T) / which.shape[1]
        apart = sum(np.square(points - near[i]) for i in which.T) / which.shape[1]
        return by_feature(apart, fitted.schema.levels)

    def _points(self, fitted: Fitted, rows: np.ndarray) -> np.ndarray:
        if self.space == "code":
            return encode(fitted, rows).astype(np.float64)
        return coordinates(fitted, rows)

    def _nearest(self, points: np.ndarray, learned: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.neighbors import NearestNeighbors

        known = learned["points"].astype(np.float64)
        tree = NearestNeighbors(n_neighbors=min(self.k, len(known))).fit(known)
        return tree.kneighbors(points)
