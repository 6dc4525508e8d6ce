"""Groups of rows, found among their codes."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any

import numpy as np

from narrows.tasks._given import fitted_of
from narrows.tasks.encode import encode

MOST = 12  # clusters that "auto" tries
ROWS = 5000  # that mixtures are fitted to
AXES = 16  # principal components of codes that they are fitted in, at most


def cluster(model: Any, X: Any, n_clusters: int | str = "auto", *, random_state: int = 0) -> np.ndarray:
    """The cluster of each row of X, (n,) from 0, the largest first: the likeliest component of a mixture of
    Gaussians fitted to the codes of a fitted autoencoder.

    ``n_clusters``  "auto": as many, 1 to 12, as have the least Bayesian information criterion, −2 ln L + p ln n
                    (Schwarz 1978, "Estimating the dimension of a model"; Fraley & Raftery 1998 for clusters).

    Wide codes are looked at in their first 16 principal components, and of many rows 5,000 from all over make
    the mixture.

    >>> import narrows as nw
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(rng.normal(size=(3, 8)) * 5, 40, axis=0) + rng.normal(size=(120, 8)) * 0.3
    >>> ae = nw.recipes.linear(2, max_epochs=20).fit(X)
    >>> np.bincount(cluster(ae, X)).tolist()
    [40, 40, 40]
    """
    from sklearn.decomposition import PCA

    fitted = fitted_of(model, "cluster")
    whole = isinstance(n_clusters, Integral) and not isinstance(n_clusters, bool) and n_clusters >= 1
    if not whole and not (isinstance(n_clusters, str) and n_clusters == "auto"):
        raise ValueError(f"n_clusters={n_clusters!r} is not usable: pass 'auto' or a whole number ≥ 1.")
    rows = fitted.schema.rows(X)
    codes = encode(fitted, rows).astype(np.float64)
    most = min(ROWS, len(codes))
    if whole and n_clusters > most:
        known = f"{len(codes)} rows" + (f", {ROWS:,} of which are looked at" if len(codes) > most else "")
        raise ValueError(f"n_clusters={n_clusters}, but X has {known}: pass at most {most}.")
    which = np.linspace(0, len(codes) - 1, most).astype(int)
    if np.ptp(codes[which], axis=0).max(initial=0.0) == 0:  # one row, or rows that are all alike
        return np.zeros(len(codes), np.int64)
    axes = PCA(min(AXES, *codes[which].shape), random_state=random_state).fit(codes[which])
    points = axes.transform(codes)
    points /= max(float(points[which].std(0).max()), 1e-12)  # one unit for all axes
    some = points[which]
    counts = [int(n_clusters)] if whole else range(1, min(MOST, max(1, len(some) // 2)) + 1)
    found = min((_mixture(some, k, random_state) for k in counts), key=lambda m: m.bic(some))
    labels = found.predict(points)
    order = np.argsort(-np.bincount(labels, minlength=found.n_components), kind="stable")
    return np.argsort(order)[labels]


def _mixture(points: np.ndarray, k: int, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # codes that are all alike
        return GaussianMixture(k, reg_covar=1e-4, n_init=3, random_state=seed).fit(points)
