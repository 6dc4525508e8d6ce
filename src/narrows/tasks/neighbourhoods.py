"""Whether neighbours stay neighbours on the way into the code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

NEIGHBOURS = 10
MOST = 2000  # rows: time and memory grow with their square


def trustworthiness(X: Any, Z: Any, n_neighbors: int = NEIGHBOURS) -> float:
    """How far neighbours among codes Z (n, d) are neighbours among rows X (n, features) too: from 0 to 1,
    1 if all of them are (Venna & Kaski 2001; Euclidean distances).

    NaN for fewer than 4 rows.

    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> trustworthiness(X, X), continuity(X, X)
    (1.0, 1.0)
    """
    from sklearn.manifold import trustworthiness as measure  # here, because it takes half a second

    X, Z = (np.asarray(a, dtype=np.float64).reshape(len(a), -1) for a in (X, Z))
    if len(X) != len(Z):
        raise ValueError(
            f"X has {len(X)} rows and Z {len(Z)} codes, but one code per row was expected: pass Z = transform(X)."
        )
    most = (len(X) - 1) // 2
    return float(measure(X, Z, n_neighbors=min(n_neighbors, most))) if most >= 1 and len(X) >= 4 else math.nan


def continuity(X: Any, Z: Any, n_neighbors: int = NEIGHBOURS) -> float:
    """How far neighbours among rows are neighbours among their codes too: trustworthiness the other way
    round, low where a code tears apart what belongs together."""
    return trustworthiness(Z, X, n_neighbors)
