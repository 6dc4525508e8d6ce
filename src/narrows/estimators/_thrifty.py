"""The model of a codec where none is given: for as few bits as the error allows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.estimators._fitting import order_of, seed_of
from narrows.estimators.autoencoder import Autoencoder
from narrows.likelihoods import Normal

LATENTS = 128  # numbers in the code of a default model, at most; those that tell nothing cost nothing
CLASSES = 4  # of rows, with frequencies of their own
RATE = 1e-3  # of training: higher ones move codes by more than they are rounded
RUNS = 32  # places that they are taken from
FEW = 5_000  # rows that say how wide columns are
SMALL = 1e-3  # of a column's spread: a bound for what is to come back exactly
# Steps of symbols over those of a bound, squared: on 50 numbers of words and on motion, with bounds of a tenth and of
# a hundredth of the spread, files were shortest between 16 and 64.
COARSER = 32
BETAS = 1e-6, 0.1
BETA = 0.01  # of a codec that promises nothing: half the squared error, in scaled units, that a nat is worth
FEATURES = 4096  # from which a default model's hidden layers cost more than they tell


def default(X: Any, codec: Any) -> Autoencoder:
    """PCA and a network beside it, unfitted; of tables with categories or gaps, which PCA does not know, a
    network.  ``codec`` says what is promised."""
    order = order_of(Autoencoder(input=codec.input), X)
    schema = order.spec.input.learn(X)
    features, linear = int(np.prod(schema.row)), schema.levels is None and not schema.missing
    hidden = (256,) if features <= FEATURES else ()
    beta = worth(some(schema.rows(X, finite=False), FEW), codec.max_error, codec.rel_error, codec.lossless)
    return Autoencoder(
        min(features, LATENTS),
        input=order.spec.input,
        scale="standard",
        backbone=Principal(hidden) if linear else MLP((256,)),
        bottleneck=Factorised(beta, rounding=True, classes=CLASSES),
        likelihood=Normal(),
        learning_rate=RATE,
        random_state=seed_of(codec.random_state),
        verbose=codec.verbose,
    )


def worth(rows: np.ndarray, max_error: float | None, rel_error: float | None, lossless: bool) -> float:
    """What a nat is worth, in scaled units: under a bound so much that symbols tell less than the bound asks for,
    and what is stored beside them the rest, which costs fewer bits than finer symbols."""
    if not lossless and max_error is None and rel_error is None:
        return BETA
    numbers = np.where(np.isfinite(rows), rows, np.nan).astype(np.float64).reshape(len(rows), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns without numbers
        spread, span = np.nanstd(numbers, 0), np.nanmax(numbers, 0) - np.nanmin(numbers, 0)
    share = SMALL * spread if rows.dtype.kind == "f" else 0.5
    if max_error is not None:
        share = max_error
    elif rel_error is not None:
        share = rel_error * span
    varies = spread > 0
    scaled = np.broadcast_to(share, spread.shape)[varies] / spread[varies]
    eps = float(np.median(scaled)) if len(scaled) else SMALL
    return float(np.clip(COARSER * (2 * eps) ** 2 / 12, *BETAS))


def some(rows: Any, most: int) -> np.ndarray:
    """Up to so many rows, from all over."""
    if len(rows) <= most:
        return np.asarray(rows[:])
    edges = np.linspace(0, len(rows) - most // RUNS, RUNS).astype(int)
    return np.concatenate([np.asarray(rows[int(a) : int(a) + most // RUNS]) for a in edges])


__all__ = ["default", "some", "worth"]
