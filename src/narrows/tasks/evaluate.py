"""How good a model is on given rows, with PCA beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.inputs.design import design, undesign
from narrows.tasks import latents, neighbourhoods
from narrows.tasks.chosen import some, whole
from narrows.tasks.decode import reconstruct
from narrows.tasks.encode import encode
from narrows.tasks.errors import Errors, mean_row, numbers, pieces, times
from narrows.tasks.likelihood import log_likelihood_rows
from narrows.tasks.posterior import random
from narrows.tasks.probe import flat_rows, labels_for, principal_codes, probe_rows
from narrows.tasks.score import nll_and_rate

DRAWS = 100  # of the codes, for the log-likelihood of a full evaluation


def evaluate(
    fitted: Fitted, rows: np.ndarray | Rows, y: Any = None, *, full: bool = False, k: int | None = None
) -> dict[str, float]:
    """Figures for rows (n, \\*row); errors in the user's units, likelihoods in nats per row.

    ``mse``        mean squared error per entry: in a table of the numbers that are there, without times,
                   whose seconds² would drown the others, where there are others.
    ``nmse``       of a table or frame of several columns of numbers, which have units of their own: the mean
                   over them, times too, of the squared error as a share of the column's variance.
    ``r2``         share of the rows' variance that the reconstruction explains; in a table, whose columns
                   have units of their own, its mean over the columns of numbers.
    ``bits``       information about a row that its reconstruction keeps, −½ log₂(1 − R²) summed over
                   features, of numbers; :func:`per_feature` has each.
    ``accuracy``   share of the categories that are there and reconstructed, in a table with some.
    ``nll``, ``rate``, ``score``  reconstruction nll, code rate, and −(nll + rate).
    ``pca_mse``, ``pca_r2``, ``pca_bits``, ``pca_accuracy``  the same of PCA with as many components,
                   learned from the training rows (categories one-hot, gaps at the mean).
    ``pca_nll``    nll of probabilistic PCA, the linear Gaussian model with as many latents: what
                   ``−score`` must beat under a Normal likelihood (NaN when PCA leaves nothing out, and
                   for rows with categories or gaps or under a likelihood that gives probabilities).
    ``active_units``, ``active_share``  latents in use: those whose posterior mean has a variance above 0.01
                   over these rows (Burda et al. 2016, section 5.2); of codes that are no draws, which have
                   no scale, those that vary at all.
    ``collapsed``  latents that tell less than 0.01 nats of a row, of a variational model; where all of them
                   do, a warning says so.

    Given ``y``, one label per row, also ``probe_accuracy`` or ``probe_r2``: see :func:`probe`.

    Given ``k``, also ``log_likelihood``, the bound of log p(x) by so many draws: see
    :func:`log_likelihood`.

    ``full`` adds what takes some seconds, on some thousand rows drawn by the model's seed:

    ``trustworthiness``, ``continuity``  whether neighbours among codes are neighbours among rows and the
                   other way round, from 0 to 1, and PCA's; of 10 neighbours.
    ``log_likelihood``  by 100 draws (or k), ``mutual_information`` and ``aggregate_gap``, of a variational
                   model: see :func:`narrows.tasks.latents.aggregate`.
    """
    draws = None if k is None else whole("k", k)
    labels = None if y is None else labels_for(rows, y)
    figures = _in_one_pass(fitted, rows)
    latents.warn_if_collapsed(figures, fitted.latent_dim)
    if labels is not None:
        figures |= probe_rows(fitted, rows, labels)
    if draws is not None or (full and random(fitted) and fitted.net.side is None):
        figures["log_likelihood"] = _log_likelihood(fitted, rows, draws or DRAWS)
    return figures | _at_length(fitted, rows) if full else figures


def _in_one_pass(fitted: Fitted, rows: np.ndarray | Rows) -> dict[str, float]:
    """What one look at each row gives."""
    levels = fitted.schema.levels
    number = numbers(fitted)
    density = number.all() and fitted.net.likelihood.continuous  # a probability is no density
    centre = mean_row(rows, fitted.schema.missing)
    units = levels is not None or getattr(fitted.schema, "frame", None) is not None
    ours, linear = (Errors(centre, number, levels is not None, units, times(fitted)) for _ in range(2))
    codes = latents.Latents(fitted)
    pca_nll: float = 0.0
    # In pieces: the float64 copies below are several times the rows' own size.
    sums = np.zeros(2)
    for part in pieces(rows):
        sums += nll_and_rate(fitted, part).sum(0)
        flat = design(fitted.affine.forward(part, fitted.dtype).numpy().astype(np.float64), levels)
        plane = undesign(fitted.baseline.reconstruct(flat), levels, part.shape[1:])
        ours.add(reconstruct(fitted, part), part)
        linear.add(plane * fitted.affine.scale + fitted.affine.shift, part)
        codes.add(part)
        pca_nll += float(fitted.baseline.nll(flat).sum()) if density else math.nan
    figures = {
        **ours.figures(""),
        "nll": float(sums[0]) / len(rows),
        "rate": float(sums[1]) / len(rows),
        "score": -float(sums.sum()) / len(rows),
        **linear.figures("pca_"),
    }
    jacobian = float(fitted.affine.log_jacobian(fitted.net.shapes.row))
    figures["pca_nll"] = pca_nll / len(rows) + jacobian if math.isfinite(pca_nll) else math.nan
    return figures | codes.figures()


def _log_likelihood(fitted: Fitted, rows: np.ndarray | Rows, k: int) -> float:
    return float(sum(log_likelihood_rows(fitted, part, k).sum() for part in pieces(rows))) / len(rows)


def _at_length(fitted: Fitted, rows: np.ndarray | Rows) -> dict[str, float]:
    """What takes longer, of some of the rows."""
    few, _ = some(rows, neighbourhoods.MOST, fitted.seed)
    flat, found = flat_rows(fitted, few), {}
    for before, codes in (("", encode(fitted, few)), ("pca_", principal_codes(fitted, few))):
        found[f"{before}trustworthiness"] = neighbourhoods.trustworthiness(flat, codes)
        found[f"{before}continuity"] = neighbourhoods.continuity(flat, codes)
    if random(fitted):
        found |= latents.aggregate(fitted, some(rows, latents.MOST, fitted.seed)[0])
    return found
