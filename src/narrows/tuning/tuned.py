"""What a search found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.estimators import Autoencoder
from narrows.tuning.held import Figures, figures
from narrows.tuning.rounds import Bench, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from narrows.report import Ink

GIVEN_UP = 0.05  # of what the best gains over the smallest code, for a smaller one
MARGIN = 0.05  # of PCA's error: what a model must save to be worth its trouble
SURE = 2.0  # standard errors
GAP = 1.5  # held-out over training error from which a model is said to overfit
FEW = 100  # rows below which no comparison can be trusted
LOOKED_AT = 2000  # training rows, for their error
SHOWN = 6  # sizes that a sentence names


@dataclass(eq=False)
class Tuned:
    """The answer of :func:`tune`.

    ``best_``        the fitted model.
    ``parameters_``  what was chosen, as ``set_params`` takes it; with ``max_epochs`` where a shorter fit was
                     better than a full one.
    ``score_``       its score on the rows held out, nats.
    ``trials_``      one dict per fit: parameters, score, mse, pca_mse, epochs, seconds, and the error of one
                     that failed.
    ``curve``        one dict per latent size, of its best fit: latent_dim, score, mse and r2 on the rows held
                     out, with those of PCA of that size, and epochs: sizes that were soon seen to be worse
                     were trained for fewer.  mse is in the units of the data, r2 of scaled columns.
    ``verdict``      whether PCA would do, whether there are too few rows, and what there was no time for.
    ``untried_``     latent sizes that were planned, but not reached.
    ``interrupted_`` whether Ctrl-C ended the search.
    """

    best_: Autoencoder
    parameters_: dict[str, Any]
    score_: float
    trials_: list[dict[str, Any]] = field(repr=False)
    curve: list[dict[str, float]] = field(repr=False)
    verdict: str
    seconds_: float
    interrupted_: bool = False
    untried_: list[Any] = field(default_factory=list)

    @classmethod
    def made(
        cls,
        ae: Autoencoder,
        best: Trial,
        bench: Bench,
        planned: Sequence[Any],
        more: str,
        partly: str,
        interrupted: bool,
        seconds: float,
    ) -> Tuned:
        """``planned`` are latent sizes, ``more`` what would let the search go on; ``partly`` says why the model is
        not fitted to all rows, if it is not."""
        untried = _untried(planned, bench)
        said = [_verdict(best, bench), partly, "" if interrupted else _ended(untried, bench, more)]
        shorter = {"max_epochs": ae.max_epochs} if ae.max_epochs != bench.base.max_epochs else {}
        return cls(
            ae,
            best.parameters | shorter,
            best.score,
            [trial.line() for trial in bench.trials],
            [_point(trial) for trial in of_each_size(bench.usable())],
            " ".join(filter(None, said)) or "There are no numbers here that PCA could be compared on.",
            seconds,
            interrupted,
            untried,
        )

    def figure(self, ink: Ink | None = None) -> Figure:
        """The curve as a picture; see ``report.quality``."""
        from narrows.report import LIGHT
        from narrows.report.quality import quality

        return quality(self.curve, chosen=self.best_.latent_dim_, ink=ink or LIGHT)

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name}={_short(value)}" for name, value in self.parameters_.items())
        head = f"Tuned: {chosen or 'nothing to choose'}"
        told = f"{len(self.trials_)} fits in {self.seconds_:.1f} s, held-out score {self.score_:.6g} nats"
        # The share of the variance that is kept: an mse would be in units that columns do not share.
        lines = ["latent_dim        score      r2  PCA r2  epochs"]
        lines += [
            f"{p['latent_dim']:>10} {p['score']:>12.5g} {p['r2']:>7.4f} {p['pca_r2']:>7.4f} {p['epochs']:>7}"
            for p in self.curve
        ]
        end = ["Interrupted: the best so far."] if self.interrupted_ else []
        return "\n".join([head, told, *lines, self.verdict, *end])


def of_each_size(trials: Sequence[Trial]) -> list[Trial]:
    """The best trial of each latent size, smallest first."""
    best: dict[int, Trial] = {}
    for trial in trials:
        if trial.latent_dim not in best or trial.score > best[trial.latent_dim].score:
            best[trial.latent_dim] = trial
    return [best[size] for size in sorted(best)]


def preferred(trials: Sequence[Trial], prefer: str) -> Trial:
    """The trial with the best score; or, for "small", that of the smallest size nearly as good."""
    each = of_each_size(trials)
    best = max(each, key=lambda trial: trial.score)
    if prefer == "best":
        return best
    for trial in each:
        differences = _of(best).scores - _of(trial).scores
        error = float(differences.std() / math.sqrt(len(differences)))
        if best.score - trial.score <= max(error, GIVEN_UP * (best.score - each[0].score)):
            return trial
    return best


def _of(trial: Trial) -> Figures:
    assert trial.figures is not None
    return trial.figures


def _point(trial: Trial) -> dict[str, float]:
    f = _of(trial)
    return {
        "latent_dim": trial.latent_dim,
        "score": trial.score,
        "mse": f.mse,
        "pca_mse": f.pca_mse,
        "r2": 1 - float(f.lost.mean()),
        "pca_r2": 1 - float(f.pca_lost.mean()),
        "epochs": trial.epochs,
    }


def saved(f: Figures) -> tuple[float, bool]:
    """The share of PCA's error that a model saves, and whether that is more than chance."""
    theirs, ours = float(f.pca_lost.mean()), float(f.lost.mean())
    if not theirs > 1e-9:
        return -math.inf, False
    gain = f.pca_lost - f.lost
    return 1 - ours / theirs, bool(gain.mean() > SURE * gain.std() / math.sqrt(len(gain)))


def _verdict(best: Trial, bench: Bench) -> str:
    """One or two sentences."""
    f, rows = _of(best), len(bench.parts.train) + len(bench.parts.held)
    size = f"{best.latent_dim} latent{'s' * (best.latent_dim > 1)}"
    comparable = bool(np.isfinite(f.pca_lost).all() and np.isfinite(f.lost).all())
    share, sure = saved(f) if comparable else (math.nan, True)
    enough = comparable and (share < MARGIN or not sure)
    said = []
    if share == -math.inf:
        said.append(f"PCA is enough: {size} hold all of the data, which leaves nothing to learn.")
    elif enough:
        what = f"saves {100 * share:.0f}% of its error" if share > 0 else "is no better"
        better = [
            (saved(_of(t)), t)
            for t in of_each_size(bench.usable())
            if t.latent_dim < best.latent_dim and saved(_of(t))[0] >= MARGIN and saved(_of(t))[1]
        ]
        less = ""
        if better:
            (most, _), trial = max(better, key=lambda pair: pair[0][0])
            less = f"; with a smaller code of {trial.latent_dim} it saves {100 * most:.0f}%"
        said.append(f"PCA is enough at {size}: on rows held out the autoencoder {what}{less}.")
    elif comparable:
        said.append(f"At {size} the autoencoder has {100 * share:.0f}% less error than PCA on rows held out.")
    assert best.fitted is not None
    seen = figures(best.fitted, bench.parts.train[:LOOKED_AT], bench.spec.corruption)
    gap = float(f.lost.mean()) / max(float(seen.lost.mean()), 1e-12) if comparable else math.nan
    if rows < FEW:
        said.append(f"The data are too few: {rows} rows say little about any model.")
    elif gap > GAP:
        words = "The data are too few for such a network" if enough else "More rows would help"
        said.append(f"{words}: its error on rows held out is {gap:.1f} times that on rows trained on.")
    return " ".join(said)


def _untried(planned: Sequence[Any], bench: Bench) -> list[Any]:
    """Latent sizes of which no model was trained."""
    reached = {repr(trial.parameters.get("latent_dim")) for trial in bench.trials}
    return [size for size in planned if repr(size) not in reached]


def _ended(untried: Sequence[Any], bench: Bench, more: str) -> str:
    """What there was no time for, or were too few trials; "" for nothing."""
    short = []
    if untried:
        which = ", ".join(map(str, untried[:SHOWN])) + (" …" if len(untried) > SHOWN else "")
        short.append(f"codes of {which} were tried" if len(untried) > 1 else f"a code of {which} was tried")
    if bench.deadline is not None and all(t.planned < bench.base.max_epochs for t in bench.usable()):
        short.insert(0, "the best was trained to the end")
    what = "trials" if bench.deadline is None else "budget"
    return f"The {what} ended before {' and before '.join(short)}: give it more {more}." if short else ""


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
