"""What codes keep of each feature by itself."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from narrows.tasks._given import fitted_of
from narrows.tasks.decode import reconstruct
from narrows.tasks.errors import Errors, bits, mean_row, numbers, pieces


class PerFeature(NamedTuple):
    """``names`` of the features, their ``r2`` and ``bits``, (features,) each."""

    names: list[str]
    r2: np.ndarray
    bits: np.ndarray


def per_feature(ae: Any, X: Any) -> PerFeature:
    """How much of each feature of X its reconstruction keeps: R², and the same as information in bits.

    ``bits`` is −½ log₂(1 − R²), the mutual information of two Gaussians so correlated: exact for those, for
    others about as much.  Features are taken one by one, so what two of them share counts for both.
    Features that do not vary in X have R² NaN and 0 bits, and so have categories, which have an accuracy.

    ``ae``  a fitted autoencoder.

    >>> import narrows as nw
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) * [1.0, 2.0, 3.0] + [0.0, 5.0, 1.0]
    >>> kept = per_feature(nw.recipes.linear(1, random_state=0).fit(X), X)
    >>> kept.names, bool((kept.r2 > 0.99).all()), bool((kept.bits > 3).all())
    (['x0', 'x1', 'x2'], True, True)
    """
    fitted = fitted_of(ae, "per_feature")
    rows = fitted.schema.rows(X)
    seen = Errors(mean_row(rows, fitted.schema.missing), numbers(fitted), apart=True)
    for part in pieces(rows):
        seen.add(reconstruct(fitted, part), part)
    r2 = seen.r2().reshape(-1)
    names = getattr(fitted.schema, "names", None) or [f"x{i}" for i in range(r2.size)]
    return PerFeature([str(name) for name in names], r2, bits(r2))
