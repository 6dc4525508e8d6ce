"""Narrows in training, through its public face and with its defaults where a job does not fix them."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

import narrows as nw
from benchmarks.speed import arrays
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, Race, allowed, mse

# All epochs are trained on all rows, as the peers do.
ALL: dict[str, Any] = {"patience": None, "validation_fraction": 0.0}


class _Judge:
    """A callback that looks at the test error after every epoch, off the clock."""

    def __init__(self, race: Race, test: torch.Tensor) -> None:
        self.race, self.test = race, test

    @torch.no_grad()
    def on_epoch_end(self, state: Any) -> None:
        with self.race.clock.paused():
            net, training = state.net.eval(), state.net.training
            means = [net.likelihood.mean(net(x).out) for x in self.test.split(1000)]
            self.race.judged(float((torch.cat(means) - self.test).square().mean()))
            net.train(training)


class ToTarget:
    """A whole default fit; the clock is read when an epoch's test error first meets the target."""

    def __init__(self, folder: Path, precision: str = "auto") -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.precision = precision

    def run(self, case: Case) -> Figures:
        test = torch.from_numpy(self.test)
        race = Race(case.params["target"])
        ae = nw.recipes.vanilla(
            latent_dim=case.params["code"], precision=self.precision, callbacks=(_Judge(race, test),)
        )
        ae.fit(self.train)
        whole = race.clock.seconds()
        return race.result() | {
            "quality": mse(ae.reconstruct(self.test), self.test),
            "fit": whole,
            "epochs": len(ae.history_),
        }


class _Threads:
    """A callback that notes on how many threads the epochs ran."""

    count = 0

    def on_epoch_end(self, state: Any) -> None:
        self.count = torch.get_num_threads()


class Epochs:
    """Time of an epoch, by Narrows' own history, of a fit of a recipe; the first epoch is not counted."""

    def __init__(self, folder: Path, recipe: str, precision: str = "auto") -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.recipe = getattr(nw.recipes, recipe)
        self.precision = precision

    def run(self, case: Case) -> Figures:
        p = case.params
        if "threads" in p:
            torch.set_num_threads(allowed(p["threads"]))
        noted = _Threads()
        ae = self.recipe(
            latent_dim=p["code"],
            batch_size=p["batch"],
            max_epochs=p["epochs"],
            precision=self.precision,
            callbacks=(noted,),
            **ALL,
        ).fit(self.train)
        seconds = median(row["seconds"] for row in ae.history_[1:])
        steps = -(-len(self.train) // p["batch"])
        values = {
            "steps/s": steps / seconds,
            "rows/s": len(self.train) / seconds,
            "ms": 1e3 * seconds / steps,
        }
        return {
            "value": values[case.unit],
            "quality": mse(ae.reconstruct(self.test), self.test),
            "threads": noted.count,
        }


class Fit:
    """Seconds of a whole fit of a fixed number of epochs: what a user waits for."""

    def __init__(self, folder: Path, precision: str = "auto", batch: int | str | None = None) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.precision, self.batch = precision, batch

    def model(self, case: Case) -> nw.Autoencoder:
        """The network of ``networks.tabular``."""
        return nw.Autoencoder(
            32,
            backbone=nw.backbones.MLP(hidden=(64,)),
            bottleneck=nw.bottlenecks.Deterministic(activation="relu"),
            **self.settings(case),
        )

    def settings(self, case: Case) -> dict[str, Any]:
        batch = case.params["batch"] if self.batch is None else self.batch
        return {
            "max_epochs": case.params["epochs"],
            "batch_size": batch,
            "precision": self.precision,
            **ALL,
        }

    def judged(self, ae: nw.Autoencoder) -> float:
        return mse(ae.reconstruct(self.test), self.test)

    def run(self, case: Case) -> Figures:
        clock = Clock()
        ae = self.model(case).fit(self.train)
        return {"value": clock.seconds(), "quality": self.judged(ae)}


class Variational(Fit):
    """The same with a probabilistic code."""

    def model(self, case: Case) -> nw.Autoencoder:
        return nw.recipes.variational(
            latent_dim=case.params["code"],
            likelihood="bernoulli",
            backbone=nw.backbones.MLP(hidden=(case.params["hidden"],)),
            **self.settings(case),
        )

    def judged(self, ae: nw.Autoencoder) -> float:
        from benchmarks.speed.bound import negative_bound

        net = ae.net_

        def layers(part: torch.nn.Module) -> list[tuple[np.ndarray, np.ndarray]]:
            found = [m for m in part.modules() if isinstance(m, torch.nn.Linear)]
            return [(m.weight.detach().numpy().T, m.bias.detach().numpy()) for m in found]

        return negative_bound(layers(net.encoder) + layers(net.bottleneck) + layers(net.decoder), self.test)
