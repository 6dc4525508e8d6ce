"""Training the plan, and what is to be said about the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from narrows.datasets import Dataset
from narrows.demo.plan import MAP, Trial
from narrows.estimators import Autoencoder

CLOSE = 0.95  # an error above this share of PCA's is no better than PCA's


class Watcher(Protocol):
    """Who is told how far the work is."""

    def begin(self, trial: Trial) -> None: ...
    def epoch(self, number: int) -> None: ...
    def done(self, outcome: Outcome) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """A trained model and its figures on held-out images."""

    trial: Trial
    ae: Autoencoder
    scores: dict[str, float]

    @property
    def seconds(self) -> float:
        return float(self.ae.fitted_.training["seconds"])

    @property
    def noise(self) -> float | None:
        """The noise that a denoising model learned to remove, in units of the pixels' range."""
        return getattr(self.ae.corruption, "std", None)

    @property
    def lossless(self) -> bool:
        """Whether PCA of this size keeps every number, so that its error says nothing."""
        return self.ae.latent_dim_ >= self.ae.n_features_in_

    @property
    def beats_pca(self) -> bool:
        return not self.lossless and self.scores["mse"] < CLOSE * self.scores["pca_mse"]


@dataclass(frozen=True, eq=False)
class Results:
    """All outcomes, those of the table in its order, and the data they come from."""

    data: Dataset
    outcomes: Sequence[Outcome]

    def __getitem__(self, title: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.trial.title == title)

    def __iter__(self) -> Iterator[Outcome]:
        """Those of the table: every recipe once."""
        return (outcome for outcome in self.outcomes if outcome.trial.title != MAP)


class _Epochs:
    """The callback that passes an epoch's end on."""

    def __init__(self, tell: Callable[[int], None]):
        self.tell = tell

    def on_epoch_end(self, state: Any) -> None:
        self.tell(len(state.history))


def train(plan: Sequence[Trial], data: Dataset, seed: int, watcher: Watcher) -> Results:
    """Fit and evaluate each trial in turn.

    Raises:
        KeyboardInterrupt: a fit keeps its best model on Ctrl-C; the demo as a whole ends there.
    """
    outcomes = []
    try:
        # The first fit of a process waits seconds for parts of torch to load: not the first model's fault.
        _fitted(plan[0].model(seed, _Epochs(lambda number: None)).set_params(max_epochs=1), data.x_train[:64])
        for trial in plan:
            watcher.begin(trial)
            ae = _fitted(trial.model(seed, _Epochs(watcher.epoch)), data.x_train)
            outcomes.append(Outcome(trial, ae, ae.evaluate(data.x_test)))
            watcher.done(outcomes[-1])
    finally:
        watcher.close()
    return Results(data, outcomes)


def _fitted(ae: Autoencoder, images: np.ndarray) -> Autoencoder:
    ae.fit(images)
    if ae.fitted_.training["stopped"].startswith("interrupted"):
        raise KeyboardInterrupt
    return ae.set_params(callbacks=())  # they would keep the watcher alive, and could not be pickled


@dataclass(frozen=True, eq=False)
class NoiseTest:
    """Held-out images, corrupted, and what each denoising model and PCA make of them."""

    bad: np.ndarray
    cleaned: dict[str, np.ndarray]  # by the model's title
    linear: np.ndarray  # PCA of the first model's size
    size: int

    def errors(self, images: np.ndarray) -> list[float]:
        """Of the models, in their order."""
        return [mse(shown, images) for shown in self.cleaned.values()]


def noise_test(results: Results, seed: int) -> NoiseTest:
    """The same noise for all: that of the first denoising model, drawn anew."""
    models = [o for o in results if o.noise is not None]
    first, images = models[0], results.data.x_test
    span = float(results.data.x_train.max() - results.data.x_train.min())
    noise = span * float(first.noise or 0) * np.random.default_rng(seed).standard_normal(images.shape)
    bad = (images + noise).astype(np.float32)
    fitted = first.ae.fitted_
    scaled = fitted.affine.forward(bad, torch.float32).numpy().reshape(len(bad), -1)
    linear = (
        fitted.baseline.reconstruct(scaled).reshape(bad.shape) * fitted.affine.scale + fitted.affine.shift
    )
    return NoiseTest(
        bad, {o.trial.title: o.ae.reconstruct(bad) for o in models}, linear, first.ae.latent_dim_
    )


def mse(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared difference per pixel."""
    return float(np.square(a - b).mean(dtype=np.float64))


def verdict(results: Results, noisy: NoiseTest) -> list[str]:
    """Where a model is better than PCA, where it is not, and where PCA's figure says nothing."""
    better = [o for o in results if o.beats_pca]
    equal = [o for o in results if not o.lossless and not o.beats_pca]
    kept = [o for o in results if o.lossless]
    said = []
    if better:
        best = min(better, key=lambda o: o.scores["mse"] / o.scores["pca_mse"])
        ratio = best.scores["pca_mse"] / best.scores["mse"]
        said.append(
            f"Better than PCA of the same size: {_names(better)}. The best of them, `{best.trial.title}`, has an"
            f" error {ratio:.1f} times smaller."
        )
    if equal:
        said.append(
            f"PCA is as good as or better than {_names(equal)}: for reconstruction alone, take PCA there."
        )
    images = results.data.x_test
    errors, linear = noisy.errors(images), mse(noisy.linear, images)
    said.append(
        f"Denoising models are made for noisy images: given noise with an error of {mse(noisy.bad, images):.1f}, they"
        f" leave {' and '.join(f'{e:.2f}' for e in errors)}, and PCA leaves {linear:.2f}."
    )
    if kept:
        active = ", ".join(f"{_active(o, images):.0f} in `{o.trial.title}`" for o in kept)
        said.append(
            f"PCA loses nothing with as many components as pixels, so there is no contest with {_names(kept)}: codes"
            f" larger than the image, made to be sparse and not short. Of {kept[0].ae.latent_dim_} units, so many"
            f" are active at a time: {active}."
        )
    return said


def _active(outcome: Outcome, images: np.ndarray) -> float:
    """Units above a tenth of the code's largest value, on average."""
    codes = outcome.ae.transform(images)
    return float((codes > 0.1 * codes.max()).sum(axis=1).mean())


def pca_cell(outcome: Outcome) -> str:
    """PCA's error as the tables show it."""
    return "lossless" if outcome.lossless else f"{outcome.scores['pca_mse']:.2f}"


def _names(outcomes: Sequence[Outcome]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *rest, last = (f"`{o.trial.title}`" for o in outcomes)
    return f"{', '.join(rest)} and {last}" if rest else last
