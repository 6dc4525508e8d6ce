"""scikit-learn's MLPRegressor from X to X."""

from __future__ import annotations

import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from benchmarks.speed import arrays, networks
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, mse


class Fit:
    """Seconds of a fixed number of epochs."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)

    def run(self, case: Case) -> Figures:
        epochs = case.params["epochs"]
        model = MLPRegressor(
            hidden_layer_sizes=networks.tabular(self.train.shape[1]).widths[1:-1],
            activation="relu",
            alpha=0.0,
            batch_size=case.params["batch"],
            learning_rate_init=1e-3,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,  # all epochs
            random_state=0,
        )
        clock = Clock()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.train, self.train)
        return {"value": clock.seconds(), "quality": mse(model.predict(self.test), self.test)}
