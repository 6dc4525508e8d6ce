"""What estimators that use an autoencoder for a task have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from narrows import artifact
from narrows.artifact import Task
from narrows.estimators._fitting import seed_of
from narrows.estimators._params import saved
from narrows.estimators.autoencoder import Autoencoder


class TaskEstimator(BaseEstimator):
    """Base of estimators with a parameter ``ae``: an Autoencoder, fitted or not, or None for a default.

    A subclass keeps its fitted models in ``models_`` (``ae_`` is the first), and what else it learned in
    attributes that :meth:`_learned` names and :meth:`_relearn` sets again.
    """

    models_: Sequence[Autoencoder]

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was learned beyond the models: as JSON, and as arrays by name."""
        raise NotImplementedError

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The inverse of :meth:`_learned`."""
        raise NotImplementedError

    @property
    def ae_(self) -> Autoencoder:
        """The fitted autoencoder, the first where there are several."""
        if not hasattr(self, "models_"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet: call fit(X) first.")
        return self.models_[0]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file: the models, and what was learned beyond them; ``narrows.load``
        reads it."""
        check_is_fitted(self)
        state, arrays = self._learned()
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "ae"}
        if "random_state" in params:
            params["random_state"] = (
                self.ae_.fitted_.seed if params["random_state"] is None else params["random_state"]
            )
            params["random_state"] = seed_of(params["random_state"])
        state = {"own": state, "given": self.ae is not None}
        first, *others = (saved(model) for model in self.models_)
        artifact.save(path, first, Task(type(self).__name__, params, state, arrays, tuple(others)))

    @classmethod
    def restored(cls, task: Task, models: Sequence[Autoencoder]) -> Self:
        """What was saved; ``models`` are the task's, fitted."""
        found = cls(ae=models[0] if task.state["given"] else None, **task.params)
        found.models_ = tuple(models)
        found.n_features_in_ = models[0].n_features_in_
        if hasattr(models[0], "feature_names_in_"):
            found.feature_names_in_ = models[0].feature_names_in_
        found._relearn(task.state["own"], task.arrays)
        return found


def fitted_on(
    ae: Any, default: Callable[[], Autoencoder], X: Any, validation_data: Any = None
) -> Autoencoder:
    """``ae`` if it is fitted, else a clone of it (of the ``default`` if it is None) fitted on X."""
    ae = unwrapped(ae)
    if ae is not None and hasattr(ae, "fitted_"):
        return ae
    return (default() if ae is None else clone(ae)).fit(X, validation_data=validation_data)


def unwrapped(ae: Any) -> Autoencoder | None:
    """The Autoencoder that was given, also as scikit-learn's FrozenEstimator; refused if it is none."""
    inner = ae.estimator if isinstance(ae, FrozenEstimator) else ae
    if inner is None or isinstance(inner, Autoencoder):
        return inner
    raise TypeError(
        f"ae is a {type(inner).__name__}, but an autoencoder was expected: pass an nw.Autoencoder, a recipe's, or None."
    )
