"""Classes from few labels, by an encoder that has seen many rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from narrows.estimators._headed import HeadedEstimator
from narrows.tasks._given import plain_labels
from narrows.tasks.heads import Labels


class Classifier(ClassifierMixin, HeadedEstimator):
    """Says which class a row is of: an autoencoder's encoder with a linear head, both trained on labels.

    The autoencoder learns from all rows there are, labelled or not, what they are like; ``fit`` then gets
    the labelled ones, 20 or 10,000.  First the head alone is fitted to its optimum, then all is trained,
    the encoder at a tenth of the head's rate.

    Parameters
    ----------
    ae : Autoencoder or None
        A fitted one is what training starts from, and stays as it is; of any other a clone, None: an
        ``Autoencoder()``, is first fitted on the rows themselves.  ``sklearn.base.clone``, as in a grid
        search, makes a fitted one unfitted: there pass scikit-learn's ``FrozenEstimator(ae)``.
    layer : "auto", "bottleneck" or int
        What the head stands on: the code, or a hidden layer, as in ``Autoencoder.transform``; "auto" is the
        last hidden layer, if there is one.
    max_epochs : int
    learning_rate : float or "auto"
        Of the head; it rises and falls over the epochs.
    freeze : bool
        The encoder stays as it is; the head is a logistic regression on its features.
    validation_fraction : float
        Share of the labels held out: they choose how much the head's weights are held back, and which
        epoch is kept.  Where that makes fewer than 8, training runs to its end on all labels.
    patience : int or None
        Epochs without a gain on held-out labels after which training ends.
    random_state : int, RandomState or None
    verbose : int
        Of the autoencoder that is fitted.

    Attributes
    ----------
    classes_ : array, sorted.
    ae_ : the autoencoder with its trained encoder; its decoder knows nothing of the change.
    n_features_in_ : int

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> import narrows as nw
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = nw.recipes.denoising(32, hidden=(64,), max_epochs=5).fit(X)
    >>> few = Classifier(ae, max_epochs=20).fit(X[:200], y[:200])
    >>> bool(few.score(X[1000:], y[1000:]) > 0.8)
    True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from rows X and their classes y, (n,): numbers, strings, booleans."""
        if y is None:
            raise ValueError("Classifier requires y to be passed, but the target y is None: pass labels.")
        y = plain_labels(column_or_1d(y, warn=True))
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        if y.dtype == object:
            raise ValueError(
                "y holds missing labels, or ones that are neither text nor numbers, but one label per row was expected:"
                " pass only rows that have one."
            )
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:  # of none at all what X is says more
            raise ValueError(
                f"y holds one class alone, {self.classes_.tolist()[0]!r}, but telling classes apart needs two: pass"
                " rows of another class too."
            )
        return self._fit(X, numbers, Labels(len(self.classes_)))

    def predict_proba(self, X: Any) -> np.ndarray:
        """How likely each class is, (n, classes), in the order of ``classes_``."""
        out = self._outputs(X)
        odds = np.exp(out - out.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest class of each row, (n,)."""
        best = self._outputs(X).argmax(1)
        return self.classes_[best]

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        state, arrays = super()._learned()
        return state | {"classes": self.classes_.tolist(), "kind": self.classes_.dtype.str}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        super()._relearn(state, arrays)
        self.classes_ = np.array(state["classes"], dtype=state["kind"])


__all__ = ["Classifier"]
