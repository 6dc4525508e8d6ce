"""Candidates proposed by Optuna's TPE sampler from how others did.

Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"; Akiba et al. 2019, "Optuna".
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from narrows.tuning.rounds import Trial
from narrows.tuning.space import Axes, Candidate


class Proposals:
    """Tells Optuna about trials, asks it for more; nothing is proposed twice."""

    def __init__(self, space: Axes, seed: int):
        try:
            import optuna
        except ImportError as error:
            raise ImportError(
                "search='optuna' needs Optuna, which is not installed: install narrows[tune], or use search='halving'."
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.optuna, self.space = optuna, space
        distributions = optuna.distributions
        self.axes: dict[str, Any] = {}
        for name, axis in space.items():
            if isinstance(axis, list):  # values may be anything: the sampler sees their places
                self.axes[name] = distributions.CategoricalDistribution(range(len(axis)))
                continue
            whole = all(isinstance(end, int) for end in axis)
            kind = distributions.IntDistribution if whole else distributions.FloatDistribution
            self.axes[name] = kind(*axis, log=axis[0] > 0)
        with warnings.catch_warnings():
            # Version 4 still calls constant_liar experimental.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, constant_liar=True)
        self.study = optuna.create_study(direction="maximize", sampler=sampler)
        self.asked: dict[str, Any] = {}
        self.seen: set[str] = set()

    def tell(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            key = repr(trial.parameters)
            self.seen.add(key)
            value = trial.score if trial.usable else None
            state = (
                self.optuna.trial.TrialState.COMPLETE if trial.usable else self.optuna.trial.TrialState.FAIL
            )
            if key in self.asked:
                self.study.tell(self.asked.pop(key), value, state=state)
            else:
                places = {name: self._place(name, trial.parameters[name]) for name in self.axes}
                self.study.add_trial(
                    self.optuna.trial.create_trial(
                        params=places, distributions=self.axes, value=value, state=state
                    )
                )

    def ask(self, count: int) -> list[Candidate]:
        """Up to ``count`` new candidates; fewer where the sampler repeats itself."""
        found: list[Candidate] = []
        for _ in range(4 * count):
            trial = self.study.ask(self.axes)
            candidate = {name: self._value(name, trial.params[name]) for name in self.axes}
            key = repr(candidate)
            if key in self.seen:
                self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)
                continue
            self.seen.add(key)
            self.asked[key] = trial
            found.append(candidate)
            if len(found) == count:
                break
        return found

    def _value(self, name: str, place: Any) -> Any:
        axis = self.space[name]
        return axis[place] if isinstance(axis, list) else place

    def _place(self, name: str, value: Any) -> Any:
        axis = self.space[name]
        return axis.index(value) if isinstance(axis, list) else value
