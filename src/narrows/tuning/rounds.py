"""Trials: candidates trained for some epochs and judged on the rows held out."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from narrows.contracts import Schema
from narrows.estimators import Autoencoder
from narrows.estimators._fitting import order_of
from narrows.fitted import Fitted
from narrows.spec import Spec
from narrows.training import Order, fit_many
from narrows.tuning.held import Figures, Split, figures
from narrows.tuning.screen import Screen
from narrows.tuning.space import Candidate


@dataclass(eq=False)
class Trial:
    """One candidate, trained once.  ``planned`` are the most epochs it was given, ``seconds`` its share of
    those of the fits beside it; ``error`` is why it has no figures."""

    parameters: Candidate
    planned: int
    epochs: int = 0
    seconds: float = 0.0
    latent_dim: int = 0
    figures: Figures | None = None
    error: str | None = None
    fitted: Fitted | None = field(default=None, repr=False)

    @property
    def score(self) -> float:
        return -math.inf if self.figures is None else self.figures.score

    @property
    def usable(self) -> bool:
        return math.isfinite(self.score)

    def line(self) -> dict[str, Any]:
        """What ``trials_`` shows of it."""
        f = self.figures
        return {
            **self.parameters,
            "latent_dim": self.latent_dim or self.parameters.get("latent_dim"),
            "score": self.score,
            "mse": math.nan if f is None else f.mse,
            "pca_mse": math.nan if f is None else f.pca_mse,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "error": self.error,
        }


@dataclass(eq=False)
class Bench:
    """What all trials have in common, and those that were made; ``deadline`` by ``time.perf_counter``."""

    base: Autoencoder
    spec: Spec
    schema: Schema
    parts: Split
    seed: int
    deadline: float | None
    trials: list[Trial] = field(default_factory=list)

    def usable(self) -> list[Trial]:
        """The trials with a finite score; an error where there are none."""
        found = [trial for trial in self.trials if trial.usable]
        if not found:
            why = next((trial.error for trial in self.trials if trial.error), None)
            raise ValueError(
                why or "Not one candidate had a finite score: look for extreme values in the data."
            )
        return found

    def late(self, stop: float | None) -> bool:
        return stop is not None and bool(self.trials) and time.perf_counter() >= stop

    def max_epochs(self, trial: Trial) -> int:
        """A model's own number of epochs, or that of a shorter fit that was better."""
        return min(self.base.max_epochs, trial.planned)

    def run(
        self, candidates: Sequence[Candidate], epochs: int, full: int, stop: float | None, screen: Screen
    ) -> list[Trial]:
        """A trial of each candidate, those of one shape side by side, until ``stop``."""
        groups: dict[str, list[Candidate]] = {}
        for candidate in candidates:
            groups.setdefault(_shape(candidate), []).append(candidate)
        made: list[Trial] = []
        for group in groups.values():
            if self.late(stop) or (
                stop is not None and self._expected(group, epochs) > stop - time.perf_counter()
            ):
                continue
            done = self._together(group, self.base.max_epochs if epochs >= full else epochs)
            self.trials += done
            made += done
            screen.done(
                len(group), max((t for t in self.trials if t.usable), key=lambda t: t.score, default=None)
            )
            if any(t.fitted and t.fitted.training["stopped"].startswith("interrupted") for t in done):
                raise KeyboardInterrupt
            self._forget()
        return made

    def _together(self, group: list[Candidate], epochs: int) -> list[Trial]:
        began = time.perf_counter()
        try:
            orders = [self._order(candidate, epochs) for candidate in group]
            fits = fit_many(orders, self.schema, self.parts.train, self.parts.held)
        except ValueError as error:
            if len(group) > 1:  # one of them fails all: each for itself
                return [trial for candidate in group for trial in self._together([candidate], epochs)]
            return [Trial(group[0], epochs, seconds=time.perf_counter() - began, error=str(error))]
        seconds = (time.perf_counter() - began) / len(group)
        return [self._judged(*pair, epochs, seconds) for pair in zip(group, fits, strict=True)]

    def _judged(self, candidate: Candidate, fitted: Fitted, epochs: int, seconds: float) -> Trial:
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                found = figures(fitted, self.parts.held, self.spec.corruption)
        except ValueError as error:
            return Trial(candidate, epochs, len(fitted.history), seconds, error=str(error))
        return Trial(candidate, epochs, len(fitted.history), seconds, fitted.latent_dim, found, None, fitted)

    def _order(self, candidate: Candidate, epochs: int) -> Order:
        ae = clone(self.base).set_params(**candidate | {"max_epochs": epochs, "callbacks": (), "verbose": 0})
        return order_of(ae, None, self.spec.input)

    def _forget(self) -> None:
        """Networks of all but the best of each latent size: only those are looked at again."""
        best: dict[int, Trial] = {}
        for trial in self.trials:
            if trial.usable and trial.score > getattr(best.get(trial.latent_dim), "score", -math.inf):
                best[trial.latent_dim] = trial
        for trial in self.trials:
            if trial is not best.get(trial.latent_dim):
                trial.fitted = None

    def _expected(self, group: Sequence[Candidate], epochs: int) -> float:
        """Seconds that it will take, by the pace of earlier trials: 0 where there are none."""
        return sum(self._pace(candidate) for candidate in group) * epochs

    def _pace(self, candidate: Candidate) -> float:
        """Seconds of an epoch; of a shape that was not trained yet those of the slowest of the same layers, or
        of all.  The first trial counts only while it is alone: it waits for libraries to be loaded."""
        paces: dict[str, float] = {}
        alike = []
        for trial in self.trials[1:] or self.trials:
            if trial.epochs:
                shape = _shape(trial.parameters)
                paces[shape] = min(paces.get(shape, math.inf), trial.seconds / trial.epochs)
                if layers(trial.parameters) == layers(candidate):
                    alike.append(shape)
        mine = paces.get(_shape(candidate))
        return mine if mine is not None else max((paces[s] for s in alike or paces), default=0.0)

    def affordable(self, alive: Sequence[Candidate], epochs: int, stop: float | None) -> int:
        """As many of the epochs as there is time for until ``stop``."""
        each = self._expected(alive, 1)
        if stop is None or each <= 0:
            return epochs
        return max(1, min(epochs, int((stop - time.perf_counter()) / each)))


def layers(candidate: Candidate) -> str:
    """What its networks look like, but for the size of the code."""
    return _shape({k: v for k, v in candidate.items() if k != "latent_dim"})


def _shape(candidate: Candidate) -> str:
    """What networks must agree in to be trained side by side: everything but rates and numbers of parts."""
    return repr({k: v for k, v in candidate.items() if k != "learning_rate" and not isinstance(v, float)})
