"""Numbers from few examples, by an encoder that has seen many rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from narrows.estimators._headed import HeadedEstimator
from narrows.tasks._given import plain_labels
from narrows.tasks.heads import Numbers


class Regressor(RegressorMixin, HeadedEstimator):
    """Says which number, or numbers, belong to a row: an autoencoder's encoder with a linear head, both
    trained on examples under squared error.

    Parameters are those of :class:`Classifier`; with ``freeze`` the head is a ridge regression.

    Attributes
    ----------
    ae_ : the autoencoder with its trained encoder; its decoder knows nothing of the change.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> import narrows as nw
    >>> rng = np.random.default_rng(0)
    >>> causes = rng.normal(size=(500, 2))
    >>> X = causes @ rng.normal(size=(2, 10))
    >>> ae = nw.recipes.linear(2, max_epochs=30).fit(X)
    >>> few = Regressor(ae).fit(X[:50], causes[:50, 0])
    >>> bool(few.score(X[50:], causes[50:, 0]) > 0.9)
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from rows X and their numbers y, (n,) or (n, targets)."""
        if y is None:
            raise ValueError("Regressor requires y to be passed, but the target y is None: pass numbers.")
        y = plain_labels(y)
        if y.dtype.kind not in "biufc":  # complex ones are refused below
            raise ValueError(
                f"y holds {y.dtype}, but numbers, and none missing, were expected: pass those, or use nw.Classifier"
                " for classes."
            )
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        columns = y[:, None] if y.ndim == 1 else y
        self.centre_, spread = columns.mean(0), columns.std(0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        self.flat_ = y.ndim == 1
        return self._fit(X, (columns - self.centre_) / self.spread_, Numbers(columns.shape[1]))

    def predict(self, X: Any) -> np.ndarray:
        """The number of each row, (n,) or (n, targets), as y was."""
        found = self._outputs(X) * self.spread_ + self.centre_
        return found[:, 0] if self.flat_ else found

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        state, arrays = super()._learned()
        return state | {"flat": self.flat_}, arrays | {"centre": self.centre_, "spread": self.spread_}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super()._relearn(state, arrays)
        self.flat_, self.centre_, self.spread_ = state["flat"], arrays["centre"], arrays["spread"]


__all__ = ["Regressor"]
