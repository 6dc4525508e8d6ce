"""The choice as ``fit`` would leave it: fitted to all rows, and to their labels where it is conditional."""

from __future__ import annotations

import time
from typing import Any

from sklearn.base import clone

from narrows.estimators import Autoencoder
from narrows.estimators._fitting import conditioned, described, introduce
from narrows.tuning.rounds import Bench, Trial

FITTING = 0.8  # of a fit's time, in its epochs: before them are scaling and PCA, after them moments


def fitted(
    bench: Bench, best: Trial, X: Any, rows: Any, y: Any, end: float | None, interrupted: bool
) -> tuple[Autoencoder, str]:
    """The model, and why it is not fitted to all of the ``rows`` of X: "" where it is.

    ``end`` is when the budget ends, by ``time.perf_counter``.
    """
    ae, why = None, ""
    if not bench.parts.all_of_them:
        ae, why = (
            (None, "the search was interrupted.") if interrupted else _to_all(bench, best, X, rows, y, end)
        )
    if ae is None:
        assert best.fitted is not None
        ae = clone(bench.base).set_params(**best.parameters, max_epochs=bench.max_epochs(best))
        ae.fitted_ = conditioned(ae, best.fitted, rows, y)
        introduce(ae, described(bench.schema, X))
    count = len(bench.parts.train)
    return ae, why and f"It is fitted to {count:,} of the {len(rows):,} rows only: {why}"


def _to_all(
    bench: Bench, best: Trial, X: Any, rows: Any, y: Any, end: float | None
) -> tuple[Autoencoder | None, str]:
    """The choice, fitted to all rows; None and the reason where that was not to be, for what was found on
    some of the rows is there."""
    ae = clone(bench.base).set_params(**best.parameters)
    if end is not None:
        left = max(0.0, end - time.perf_counter())
        pace = best.seconds / max(1, best.epochs) / len(bench.parts.train)  # seconds for one row once
        epochs = int(FITTING * left / max(pace * len(rows), 1e-9))
        if epochs < 1:
            return None, "the budget left no time for all."
        ae.set_params(max_epochs=min(ae.max_epochs, epochs))
    try:
        ae.fit(X, y)
    except ValueError as error:
        return None, f"the fit to all failed. {error}"
    except KeyboardInterrupt:
        return None, "the fit to all was interrupted."
    if ae.fitted_.training["stopped"].startswith("interrupted"):
        return None, "the fit to all was interrupted."
    return ae, ""
