"""The model of a codec where none is given: for as few bits as the error allows."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.estimators._fitting import order_of, seed_of
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Patches, Signals, Text
from narrows.likelihoods import Normal

LATENTS = 128  # numbers in the code of a default model, at most; those that tell nothing cost nothing
CLASSES = 4  # of rows, with frequencies of their own
RATE = 1e-3  # of training: higher ones move codes by more than they are rounded
EPOCHS = 40  # at most: 100 took half as long again, for 0.7% fewer bytes of a table of 379 rows, and none of digits
RUNS = 32  # places that they are taken from
FEW = 5_000  # rows that say how wide columns are
SMALL = 1e-3  # of a column's spread: a bound for what is to come back exactly
# Steps of symbols over those of a bound, squared: on 50 numbers of words and on motion, with bounds of a tenth and of
# a hundredth of the spread, files were shortest between 16 and 64.  Where that makes a nat worth more than ENOUGH,
# symbols tell little, and less of that pays: of words, motion and wind at 1, 3 and 10% of the range, between 1 and 3.
COARSER, ENOUGH, LOOSER = 32, 0.05, 1.5
BETAS = 1e-6, 30.0
BETA = 0.01  # of a codec that promises nothing: half the squared error, in scaled units, that a nat is worth
WINDOW = 64  # samples of a sound that are a row
PATCH = 8  # pixels of a side of a photograph's patches
LARGE = 1 << 14  # numbers of a picture from which on it is cut up
FEATURES = 4096  # from which a default model's hidden layers cost more than they tell


def default(X: Any, codec: Any) -> Autoencoder:
    """PCA and a network beside it, unfitted; of tables with categories or gaps, which PCA does not know, a
    network.  ``codec`` says what is promised."""
    order = order_of(Autoencoder(input=divided(X) if codec.input is None else codec.input), X)
    if isinstance(order.spec.input, Text):
        raise ValueError(
            "X holds texts, but a codec stores numbers and tables: pass a frame with that column."
        )
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
        max_epochs=EPOCHS,
        learning_rate=RATE,
        random_state=seed_of(codec.random_state),
        verbose=codec.verbose,
    )


def divided(X: Any) -> Any:
    """How sounds, and pictures that are large or differ in size, are cut up; None for what is rows already."""
    if getattr(X, "uncut", False):
        return Signals(window=WINDOW)
    shape = getattr(X, "shape", ())
    large = len(shape) in (3, 4) and math.prod(shape[1:]) > LARGE
    if large or (hasattr(X, "sizes") and len(np.unique(X.sizes(), axis=0)) > 1):
        return Patches(size=PATCH)
    return None


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
    squared = (2 * eps) ** 2 / 12
    return float(np.clip(max(min(COARSER * squared, ENOUGH), LOOSER * squared), *BETAS))


def some(rows: Any, most: int) -> np.ndarray:
    """Up to so many rows, from all over."""
    if len(rows) <= most:
        return np.asarray(rows[:])
    edges = np.linspace(0, len(rows) - most // RUNS, RUNS).astype(int)
    return np.concatenate([np.asarray(rows[int(a) : int(a) + most // RUNS]) for a in edges])


__all__ = ["default", "divided", "some", "worth"]
