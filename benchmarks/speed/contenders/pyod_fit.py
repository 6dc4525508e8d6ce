"""PyOD's AutoEncoder with its default widths; batch normalisation, dropout and weight decay off."""

from __future__ import annotations

from pathlib import Path

import torch
from pyod.models.auto_encoder import AutoEncoder

from benchmarks.speed import arrays
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, mse


class Fit:
    """Seconds of a whole fit, its scores of the training rows included: what a user waits for."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)

    def run(self, case: Case) -> Figures:
        model = AutoEncoder(
            preprocessing=False,  # the columns are standardised already
            lr=1e-3,
            epoch_num=case.params["epochs"],
            batch_size=case.params["batch"],
            optimizer_params={},
            hidden_neuron_list=[64, 32],
            batch_norm=False,
            dropout_rate=0.0,
            random_state=0,
            verbose=0,
        )
        clock = Clock()
        model.fit(self.train)
        seconds = clock.seconds()
        with torch.no_grad():
            answer = model.model.eval()(torch.from_numpy(self.test)).numpy()
        return {"value": seconds, "quality": mse(answer, self.test)}
