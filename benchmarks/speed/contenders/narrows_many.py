"""Narrows with many small models: side by side, and one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import narrows as nw
from benchmarks.speed import arrays
from benchmarks.speed.contract import Case, Figures, NotAvailableError
from benchmarks.speed.quality import Clock, mse


class Ensemble:
    """Seconds until all models are fitted; they differ in their seeds."""

    def __init__(self, folder: Path, together: bool) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.together = together
        if together and not hasattr(nw, "fit_many"):
            raise NotAvailableError("this version of narrows has no fit_many")

    def models(self, case: Case) -> list[nw.Autoencoder]:
        return [
            nw.Autoencoder(
                case.params["code"],
                backbone=nw.backbones.MLP(hidden=case.params["hidden"]),
                batch_size=case.params["batch"],
                max_epochs=case.params["epochs"],
                patience=None,
                validation_fraction=0.0,
                random_state=seed,
            )
            for seed in range(case.params["models"])
        ]

    def run(self, case: Case) -> Figures:
        models = self.models(case)
        clock = Clock()
        fitted = nw.fit_many(models, self.train) if self.together else [m.fit(self.train) for m in models]
        seconds = clock.seconds()
        errors = [mse(ae.reconstruct(self.test), self.test) for ae in fitted]
        return {"value": seconds, "quality": float(np.mean(errors)), "spread": float(np.std(errors))}
