"""What a classifier and a regressor that start from an encoder have in common."""

from __future__ import annotations

import copy
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from narrows import tasks
from narrows.estimators import streams
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators.autoencoder import Autoencoder
from narrows.tasks.heads import RATE, Goal, Headed, Plan, headed


class HeadedEstimator(TaskEstimator):
    """Base of estimators with a linear head on an encoder; ``headed_`` is both."""

    headed_: Headed

    def __init__(
        self,
        ae: Any = None,
        *,
        layer: int | str = "auto",
        max_epochs: int = 100,
        learning_rate: float | str = "auto",
        freeze: bool = False,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.layer = layer
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.freeze = freeze
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _fit(self, X: Any, y: np.ndarray, goal: Goal) -> Self:
        """Learn from rows X and what the goal makes of y, (n,) or (n, width)."""
        self._check()
        X, seed, given = loaded(X), seed_of(self.random_state), unwrapped(self.ae)
        model = Autoencoder(random_state=seed, verbose=self.verbose) if given is None else given
        if not hasattr(model, "fitted_"):
            model = clone(model).fit(X)
        rows = np.asarray(model._rows(X)[:])
        check_consistent_length(rows, y)
        fitted = model.fitted_
        auto = isinstance(self.layer, str) and self.layer == "auto"
        plan = Plan(
            layer=tasks.last_layer(fitted) if auto else tasks.layer_number(fitted, self.layer),
            max_epochs=int(self.max_epochs),
            learning_rate=RATE if self.learning_rate == "auto" else float(self.learning_rate),
            freeze=bool(self.freeze),
            validation_fraction=float(self.validation_fraction),
            patience=self.patience,
            seed=seed,
        )
        self._wear(headed(model.fitted_, rows, y, goal, plan), model)
        return self

    def _wear(self, result: Headed, model: Autoencoder) -> None:
        tuned = copy.copy(model)
        tuned.fitted_ = result.fitted
        self._adopt([tuned])
        self.headed_ = result

    def _check(self) -> None:
        def need(fine: bool, name: str, wanted: str) -> None:
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)!r} is not usable: pass {wanted}.")

        def whole(value: Any) -> bool:
            return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1

        rate, share = self.learning_rate, self.validation_fraction
        need(whole(self.max_epochs), "max_epochs", "a whole number ≥ 1")
        need(rate == "auto" or (isinstance(rate, Real) and 0 < rate < np.inf), "learning_rate",
             "'auto' or a positive number")  # fmt: skip
        need(
            isinstance(share, Real) and 0 <= share <= 0.5, "validation_fraction", "a share 0 ≤ fraction ≤ 0.5"
        )
        need(self.patience is None or whole(self.patience), "patience", "None or a whole number ≥ 1")

    def _outputs(self, X: Any) -> np.ndarray:
        """What the head makes of rows X, (n, width) float64."""
        check_is_fitted(self)
        answer = streams.answered(self.ae_, lambda rows, _: self.headed_.outputs(rows), X)
        return answer.astype(np.float64)

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {"weight": self.headed_.weight, "bias": self.headed_.bias}
        return {"layer": self.headed_.layer}, arrays

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.headed_ = Headed(self.ae_.fitted_, state["layer"], arrays["weight"], arrays["bias"])
