"""How far a row is from the training rows nearest to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.inputs.design import undesign
from narrows.tasks.encode import encode
from narrows.tasks.explain import by_feature, coordinates, spread, through_code

SPACES = ("input", "code", "joint")
COMPARED = 2000  # training rows among which the nearest in all but one feature is looked for
AT_ONCE = 1 << 22  # numbers that are compared together
ROWS, ENTRIES = 50_000, 1 << 24  # training rows that are kept, and numbers in them, at most
TINY = 1e-12  # stands for the spread of codes that are all the same
SHARED = 2000  # training rows that are kept where k is a share of them: more would not change it


@dataclass(frozen=True)
class Neighbours:
    """The mean squared distance to the ``k`` nearest training rows, in "input" space (scaled units),
    between their "code"s, or "joint": the mean square over an input's coordinates plus that over a code's,
    these in standard deviations of the training codes.  ``k`` in (0, 1) is a share of the training rows: then
    clumps of fewer rows, as anomalies among them may be, do not make each other usual.

    Ramaswamy et al. 2000, "Efficient algorithms for mining outliers from large data sets"; Angiulli &
    Pizzuti 2002, for the mean over the neighbours.  A feature contributes its own part of the squared
    distance; of codes, what :func:`narrows.tasks.explain.through_code` gives it.

    >>> Neighbours(k=5)
    Neighbours(k=5, space='input')
    """

    k: int | float = 5
    space: str = "input"
    distance = True

    def __post_init__(self) -> None:
        whole = isinstance(self.k, (int, np.integer)) and self.k >= 1
        if not whole and not (isinstance(self.k, float) and 0 < self.k < 1):
            raise ValueError(
                f"Neighbours got k={self.k!r}, but needs a number of rows: pass a whole number ≥ 1, or a share of them"
                " between 0 and 1."
            )
        if self.space not in SPACES:
            raise ValueError(
                f"Neighbours got space={self.space!r}, but expected one of {', '.join(map(repr, SPACES))}."
            )

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        most = max(1, min(ROWS if self.k >= 1 else SHARED, ENTRIES // max(1, int(np.prod(rows.shape[1:])))))
        if len(rows) > most:
            rows = rows[np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))]
        rows = np.asarray(rows[:])
        if self.space != "joint":
            return {"points": self._points(fitted, rows, {}).astype(np.float32)}
        codes = encode(fitted, rows).astype(np.float64)
        width = coordinates(fitted, rows[:1]).shape[1]
        unit = np.maximum(codes.std(0), TINY) * codes.shape[1] ** 0.5
        weights = {"weights": np.concatenate([np.full(width, width**-0.5), 1 / unit])}
        return weights | {"points": self._points(fitted, rows, weights).astype(np.float32)}

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        distances, _ = self._nearest(self._points(fitted, rows, learned), learned)
        return np.square(distances).mean(1)

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        points = self._points(fitted, rows, learned)
        _, which = self._nearest(points, learned)
        near = learned["points"].astype(np.float64)
        weights = learned.get("weights", np.ones(points.shape[1]))
        # An input's coordinates come first, then a code's.
        own = {"input": points.shape[1], "code": 0, "joint": points.shape[1] - fitted.latent_dim}[self.space]
        found = np.zeros((len(rows), fitted.net.shapes.features))
        for i in which.T:
            if own:
                found += by_feature(np.square(points - near[i])[:, :own], fitted.schema.levels)
            if own < points.shape[1]:
                metric = np.diag(weights[own:] ** 2)
                found += through_code(fitted, rows, near[i, own:] / weights[own:], metric)
        return found / which.shape[1]

    def mended(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        """(n, features, \\*row): of each row, for each feature, the row with that feature as it is in the
        training row nearest to it in all other features, of up to ``COMPARED``."""
        points = coordinates(fitted, rows)
        known = learned["points"][:: -(-len(learned["points"]) // COMPARED), : points.shape[1]]
        known = known.astype(np.float64) / learned.get("weights", np.ones(points.shape[1]))[: points.shape[1]]
        levels, row = fitted.schema.levels, fitted.net.shapes.row
        scaled = undesign(known * spread(levels, known.shape[1]), levels, row)
        values = fitted.affine.inverse(torch.from_numpy(scaled)).reshape(len(known), -1)
        features = values.shape[1]
        found = np.repeat(rows.reshape(len(rows), 1, features), features, 1)
        block = max(1, AT_ONCE // known.size)
        for start in range(0, len(rows), block):
            part = points[start : start + block]
            whole = np.square(part[:, None] - known)  # (block, known, width)
            parts = by_feature(whole.reshape(-1, whole.shape[-1]), levels).reshape(*whole.shape[:2], features)
            apart = parts.sum(2, keepdims=True) - parts
            nearest = apart.argmin(1)  # (block, features)
            every = np.arange(features)
            found[start : start + block, every, every] = values[nearest, every]
        return found.reshape(len(rows), features, *row)

    def _points(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, Any]) -> np.ndarray:
        if self.space == "input":
            return coordinates(fitted, rows)
        codes = encode(fitted, rows).astype(np.float64)
        if self.space == "code":
            return codes
        return np.concatenate([coordinates(fitted, rows), codes], 1) * learned["weights"]

    def _nearest(self, points: np.ndarray, learned: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.neighbors import NearestNeighbors

        known = learned["points"].astype(np.float64)
        k = self.k if self.k >= 1 else max(1, round(self.k * len(known)))
        tree = NearestNeighbors(n_neighbors=min(k, len(known))).fit(known)
        return tree.kneighbors(points)
