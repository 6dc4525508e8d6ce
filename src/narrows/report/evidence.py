"""What a page about a model is made from: its answers to some rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows import tasks
from narrows.baseline import principal
from narrows.fitted import Fitted
from narrows.inputs.design import design, undesign
from narrows.report.labels import Labels
from narrows.tasks.explain import nll_entries, residuals

ROWS = 20_000  # on a page, at most
ENTRIES = 1 << 26  # numbers in them, or in their codes
PIECE = 1 << 22  # numbers that are compared with PCA at a time
USUAL = 256  # rows that say what an entry usually contributes


@dataclass(frozen=True, eq=False)
class Evidence:
    """Rows (n, \\*row) in the user's units, those of the numbers ``index`` (n,) among ``total``, and what the
    model makes of them: codes (n, latent_dim), reconstructions (n, \\*row), scores (n,), higher = more usual,
    and errors (n,), mean squares in scaled units."""

    fitted: Fitted
    rows: np.ndarray
    index: np.ndarray
    total: int
    codes: np.ndarray
    rebuilt: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    figures: dict[str, float]
    labels: Labels | None

    @cached_property
    def order(self) -> np.ndarray:
        """Rows from the best reconstruction to the worst."""
        return np.argsort(self.errors, kind="stable")

    @cached_property
    def plane(self) -> np.ndarray:
        """(n, 2): codes on their first two principal components."""
        found = principal(self.codes, 2, self.fitted.seed)
        flat = (self.codes - found.mean) @ found.components.T
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))

    @cached_property
    def typical(self) -> np.ndarray:
        """Up to 10 rows that stand for the others: of each label the one nearest to its codes' mean, else
        rows along the codes' first principal component."""
        labels = self.labels
        if labels is not None and labels.levels is not None and 2 <= len(labels.levels) <= 10:
            found = []
            for kind in range(len(labels.levels)):
                mine = np.flatnonzero(labels.values == kind)
                if len(mine):
                    away = np.square(self.codes[mine] - self.codes[mine].mean(0)).sum(1)
                    found.append(mine[away.argmin()])
            return np.array(found)
        order = np.argsort(self.plane[:, 0], kind="stable")
        return order[np.unique(np.linspace(0.05, 0.95, 6) * (len(order) - 1)).astype(int)]

    @cached_property
    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each feature, by the model and by PCA (features,): the share of its variance that is kept, or,
        of a category, of its values that are right; NaN of one that does not vary."""
        fitted, levels = self.fitted, self.fitted.schema.levels
        known = (~np.isnan(self.rows.astype(np.float64))).sum(0)  # of none the mean does not matter
        mean = np.nansum(self.rows, axis=0, dtype=np.float64) / np.maximum(known, 1)
        category = np.broadcast_to(False if levels is None else np.array(levels) > 0, self.rows.shape[1:])
        sums = np.zeros((4, *self.rows.shape[1:]))
        step = max(1, PIECE // max(1, math.prod(self.rows.shape[1:])))
        for start in range(0, len(self.rows), step):
            part = self.rows[start : start + step]
            there = ~np.isnan(part.astype(np.float64))
            linear = linear_answers(fitted, part)
            for i, answer in enumerate((self.rebuilt[start : start + step], linear, mean)):
                away = np.where(category, answer != part, np.square(answer - part.astype(np.float64)))
                sums[i] += np.where(there, away, 0.0).sum(0)
            sums[3] += there.sum(0)
        floor = (8 * np.finfo(np.float64).eps * np.abs(mean)) ** 2 * sums[3]
        whole = np.where(category, sums[3], np.where(sums[2] > floor, sums[2], np.nan))
        whole = np.where(whole > 0, whole, np.nan)
        return (1 - sums[0] / whole).ravel(), (1 - sums[1] / whole).ravel()

    @cached_property
    def oddest(self) -> np.ndarray:
        """Rows with the lowest scores, lowest first."""
        return np.argsort(self.scores, kind="stable")

    def reasons(self, which: np.ndarray) -> np.ndarray:
        """(len(which), features) nats: how much more each entry contributes to the nll than it usually does."""
        some = np.linspace(0, len(self.rows) - 1, min(USUAL, len(self.rows))).astype(int)
        usual = np.median(nll_entries(self.fitted, self.rows[some]), axis=0)
        return nll_entries(self.fitted, self.rows[which]) - usual


def linear_answers(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Rows as PCA of the model's size reconstructs them, in the user's units."""
    levels = fitted.schema.levels
    flat = design(fitted.affine.forward(rows, fitted.dtype).numpy().astype(np.float64), levels)
    plane = undesign(fitted.baseline.reconstruct(flat), levels, rows.shape[1:])
    return plane * fitted.affine.scale + fitted.affine.shift


def gather(fitted: Fitted, X: Any, labels: Any = None, score: Any = None) -> Evidence:
    """The answers to X, or to some of its rows where there are very many."""
    from narrows.report import labels as naming

    found = fitted.schema.rows(X)
    total = len(found)
    given = None if labels is None else naming.read(labels, total)
    scores = None if score is None else _one_each(score, total)
    most = min(ROWS, max(1, ENTRIES // max(1, math.prod(found.shape[1:]), fitted.latent_dim)))
    index = np.arange(total)
    if total > most:
        index = np.sort(np.random.default_rng(fitted.seed).choice(total, most, replace=False))
    rows = _taken(found, index)
    return Evidence(
        fitted=fitted,
        rows=rows,
        index=index,
        total=total,
        codes=tasks.encode(fitted, rows).astype(np.float64),
        rebuilt=tasks.reconstruct(fitted, rows),
        scores=tasks.score_rows(fitted, rows) if scores is None else scores[index],
        errors=np.square(residuals(fitted, rows)).mean(1),
        figures=tasks.evaluate(fitted, rows),
        labels=None if given is None else given.take(index),
    )


def _one_each(score: Any, rows: int) -> np.ndarray:
    found = np.asarray(score, np.float64)
    if found.shape != (rows,):
        raise ValueError(
            f"score has shape {found.shape}, but there are {rows} rows: pass one number for each row, higher for more"
            " usual ones."
        )
    return found


def _taken(found: Any, index: np.ndarray) -> np.ndarray:
    """Some rows, given in their order; what is read on demand is read once, from its beginning to its end."""
    if isinstance(found, np.ndarray):
        return found if len(index) == len(found) else found[index]
    step = max(1, getattr(found, "block", 1), 1024)
    parts = []
    for start in range(0, len(found), step):
        mine = index[np.searchsorted(index, start) : np.searchsorted(index, start + step)]
        if len(mine):
            parts.append(np.asarray(found[start : start + step])[mine - start])
    return np.concatenate(parts)
