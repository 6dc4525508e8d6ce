"""Rows of a user's data for different ends: to train on, to learn what is usual, to calibrate with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows import training
from narrows.contracts import Rows
from narrows.estimators._fitting import described, introduce, order_of
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs.lazy import Without
from narrows.inputs.table import TableSchema

MOST = 10_000  # rows to calibrate with: p-values then go down to 0.0001
PIECES = 32  # runs that they are taken in, of rows in files
FEW = 1000  # rows in files that are read at once for it


@dataclass(frozen=True, eq=False)
class Apart:
    """``known`` rows are trained on, ``usual`` ones were not, and decide when training stops and on what
    scale scores are; nothing was learned from those of the ``calibration``."""

    known: np.ndarray | Rows
    usual: np.ndarray | Rows
    calibration: np.ndarray | Rows


def apart(rows: np.ndarray | Rows, fraction: float, seed: int) -> Apart:
    """Divide rows: about ``fraction`` of them for the calibration, of few rows more, half as many usual
    ones.  Windows and patches, which overlap, in contiguous runs."""
    n = len(rows)
    # 19 rows are the fewest that can give a p-value of 0.05.
    calibration = int(min(max(fraction * n, min(n / 3, 20)), MOST)) if n > 1 else 0
    usual = int(min(max(fraction * n / 2, min(n / 8, 16)), MOST)) if n > 3 else 0
    if hasattr(rows, "split"):
        train, held = rows.split((calibration + usual) / n)
        cut = len(held) * usual // max(calibration + usual, 1)
        # Windows between the two share samples with both.
        gap = -(-rows.window // rows.step) - 1 if hasattr(rows, "window") else 0
        after = min(cut + gap, len(held) - 1) if cut else 0
        known = rows.take(train) if hasattr(rows, "take") else rows[train]
        return Apart(known, rows[held[:cut]] if cut else known, rows[held[after:]])
    if isinstance(rows, np.ndarray) or hasattr(rows, "take"):
        order = np.random.default_rng(seed).permutation(n)
        which = np.split(order, [calibration, calibration + usual])
        take = rows.take if hasattr(rows, "take") and not isinstance(rows, np.ndarray) else rows.__getitem__
        known = take(np.sort(which[2]))
        return Apart(known, take(which[1]) if usual else known, take(which[0]))
    if n <= FEW:
        return apart(rows[:], fraction, seed)
    edges = np.linspace(0, n, PIECES + 1).astype(int)[:-1]
    sizes = [np.diff(np.linspace(0, count, PIECES + 1).astype(int)) for count in (calibration, usual)]
    ends = [edges + sizes[0], edges + sizes[0] + sizes[1]]
    held = [
        np.concatenate([rows[int(a) : int(b)] for a, b in zip(start, stop, strict=True)])
        for start, stop in ((edges, ends[0]), (ends[0], ends[1]))
    ]
    left = Without(rows, list(zip(edges.tolist(), ends[1].tolist(), strict=True)))
    return Apart(left, held[1], held[0])


def _narrowed(schema: TableSchema, parts: Apart) -> tuple[TableSchema, Apart]:
    """A table's schema that knows the categories of what is trained on, and no others: a calibration row may
    then hold one that was never seen, as any new row may."""
    narrower = schema.narrowed(parts.known)
    recoded = schema.recoding(narrower)
    known = recoded(parts.known)
    usual = known if parts.usual is parts.known else recoded(parts.usual)
    return narrower, Apart(known, usual, recoded(parts.calibration))


def fit_apart(models: Sequence[Autoencoder], X: Any, fraction: float, seed: int) -> Apart:
    """Fit unfitted ``models`` on some of the rows of X, side by side, and tell which."""
    orders = [order_of(model, X) for model in models]
    schema = orders[0].spec.input.learn(X)
    parts = apart(schema.rows(X), fraction, seed)
    if hasattr(schema, "narrowed"):
        schema, parts = _narrowed(schema, parts)
    facts = described(schema, X)
    stops = all(order.settings.validation_fraction and order.settings.patience for order in orders)
    valid = parts.usual if stops and parts.usual is not parts.known else None
    fitted = training.fit_many(orders, schema, parts.known, valid)
    for model, result in zip(models, fitted, strict=True):
        model.fitted_ = result
        introduce(model, facts)
    return parts
