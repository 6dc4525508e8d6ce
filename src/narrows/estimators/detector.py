"""Rows that are unlike the others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import OutlierMixin, clone
from sklearn.utils.validation import check_is_fitted

from narrows.estimators import streams
from narrows.estimators._apart import apart, fit_apart
from narrows.estimators._ensemble import chosen, members
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators.autoencoder import Autoencoder
from narrows.scores import names
from narrows.scores.combined import Combined
from narrows.tasks import conformal
from narrows.tasks.explain import centre_row

ALPHA = 0.05  # of "auto": the share of usual rows that are called anomalies


class AnomalyDetector(OutlierMixin, TaskEstimator):
    """Finds rows that are unlike those it was fitted on, and says how sure it is and why.

    By default an ensemble of denoising autoencoders with wide codes, trained side by side, scores a row
    by what they fail to reconstruct (:class:`narrows.scores.Residual`) and by its distance to its
    nearest training rows (:class:`narrows.scores.Neighbours`), on one scale.

    Parameters
    ----------
    ae : Autoencoder or None
        A model of your own in place of the ensemble.  A fitted one is used as it is, and ``fit`` only
        calibrates it, for which it needs rows that the model was not trained on; else a clone is fitted.
    contamination : "auto" or float
        What ``predict`` calls anomalies.  "auto": rows with a conformal p-value ≤ 0.05, so that of
        new usual rows at most 5% are, however few rows there were to fit on.  A number in [0, 0.5]: as
        many of the training rows, scikit-learn's rule; 0: none of them.
    input : part or None
        What a row of X is, where no ``ae`` says it: ``inputs.Signals(window=64)`` for a long series, which
        is then scored at each of its times.
    scores : "auto", a part of ``narrows.scores``, its lower-cased name, or a sequence of these
        "auto" is ``(Residual(), Neighbours())``, with ``trim`` ``(Residual(), Neighbours(k=trim),
        Ellipsoid())``; a single ``NLL()`` answers in plain nats of the model.
    trim : float
        Share of each batch, the rows that fit worst, left out of training, and of the training rows that
        count as neighbours: for rows that have anomalies among them, up to about so many.  What is
        left out of training a model that is given as ``ae``, its own penalties decide.
    calibration_fraction : float
        Share of the rows that nothing is trained on, for p-values; of few rows more.
    random_state : int, RandomState or None
    verbose : int

    A category of a table that was not seen in training adds to how odd a row is: as many nats as it is rare that
    one turns up (the share of training rows whose category no other has: :func:`narrows.inputs.columns.surprise`).
    In a column of more categories than ``Table(max_levels=…)`` keeps it is a gap, for nobody knows which were
    seen; and as those that are kept are counted over calibration rows too, p-values are not exact there.

    Attributes
    ----------
    models_ : the fitted autoencoders; ``ae_`` is the first.
    offset_ : float, ``decision_function`` is ``score_samples − offset_``.
    calibration_ : array, sorted: how odd, −``score_samples``, the rows are that p-values compare with.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(300, 6))
    >>> detector = AnomalyDetector(random_state=0).fit(X)
    >>> odd = X[:1] + np.array([0, 0, 3, 0, 0, 0])
    >>> detector.predict(odd), detector.p_values(odd) < 0.05
    (array([-1]), array([ True]))
    >>> int(np.argmax(detector.explain(odd)))
    2
    """

    def __init__(
        self,
        ae: Any = None,
        contamination: str | float = "auto",
        *,
        input: Any = None,
        scores: Any = "auto",
        trim: float = 0.0,
        calibration_fraction: float = 0.2,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.contamination = contamination
        self.input = input
        self.scores = scores
        self.trim = trim
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what usual rows X are like; ``y`` is ignored."""
        if not (_is_number(self.trim) and 0 <= self.trim < 1):
            raise ValueError(f"trim={self.trim!r} is not usable: pass a share of the rows, 0 ≤ trim < 1.")
        contamination, fraction = self.contamination, self.calibration_fraction
        if contamination != "auto" and not (_is_number(contamination) and 0 <= contamination <= 0.5):
            raise ValueError(
                f"contamination={contamination!r} is not usable: pass 'auto' or a share of the rows in [0, 0.5]."
            )
        if not (_is_number(fraction) and 0 < fraction < 1):
            raise ValueError(
                f"calibration_fraction={fraction!r} is not usable: pass a share of the rows in (0, 1)."
            )
        X, seed, given = loaded(X), seed_of(self.random_state), unwrapped(self.ae)
        scores = chosen(self.scores, self.trim)
        if given is not None and hasattr(given, "fitted_"):
            models = [given]
            parts = apart(given._rows(X), fraction, seed)
        else:
            models = (
                members(self.input, seed, self.trim, self.verbose) if given is None else [self._own(given)]
            )
            parts = fit_apart(models, X, fraction, seed)
        self._adopt(models)
        self.scores_ = scores
        fitted = [model.fitted_ for model in models]
        self.combined_ = Combined.of(scores, fitted, parts.known, parts.usual, seed)
        self.calibration_ = np.sort(self._at_times(_pieces(self._odd, parts.calibration)))
        if contamination == "auto":
            self.offset_ = -conformal.threshold(self.calibration_, ALPHA)
            if not np.isfinite(self.offset_):
                warnings.warn(
                    f"{len(self.calibration_)} rows to calibrate with cannot give a p-value of {ALPHA}, so that nothing"
                    " will be called an anomaly: fit on at least 60 rows (of a series windows: a smaller step makes"
                    " more), or pass a number as contamination.",
                    UserWarning,
                    stacklevel=2,
                )
        else:
            with warnings.catch_warnings():  # of categories of calibration rows
                warnings.filterwarnings("ignore", ".* not seen in training", UserWarning)
                found = self.score_samples(X)
            found = np.concatenate(found) if isinstance(found, list) else found
            self.offset_ = float(np.percentile(found, 100 * contamination))
        return self

    def _own(self, given: Autoencoder) -> Autoencoder:
        """A clone of the model that was given, which reads rows as ``input`` says where it does not say it."""
        mine = clone(given)
        return mine.set_params(input=self.input) if mine.input is None else mine

    def _at_times(self, totals: np.ndarray) -> np.ndarray:
        """Of windows that follow each other, what a time in all of them gets: the mean over so many."""
        schema = self.ae_.fitted_.schema
        together = -(-schema.window // schema.step) if self._by_time else 1
        if together == 1 or len(totals) < 2 * together:
            return totals
        return np.lib.stride_tricks.sliding_window_view(totals, together).mean(1)

    def score_samples(self, X: Any) -> np.ndarray:
        """How usual each row is, (n,) nats, higher = more usual: about ln of the probability that a usual
        row is as odd; of a long series how usual each time is, the mean over its windows.  Of a list of
        series, and of sounds in files, a list, here as in all other verbs."""
        return _each(np.negative, self._answered(self._totals, X))

    def decision_function(self, X: Any) -> np.ndarray:
        """``score_samples − offset_``: ≥ 0 inside, < 0 for what ``predict`` calls anomalies."""
        return _each(lambda scores: scores - self.offset_, self.score_samples(X))

    def p_values(self, X: Any) -> np.ndarray:
        """Conformal p-values, (n,): the share of usual rows that are at least as odd.

        P(p ≤ α) ≤ α for new rows that are like those that were fitted and independent of them.  They say
        nothing of rows that ``fit`` has seen, nor where a fitted ``ae`` was trained on the rows that
        ``fit`` was given to calibrate it.  Times of one series depend on each other: there it is about so.
        """
        return _each(lambda s: conformal.p_values(self.calibration_, -s), self.score_samples(X))

    def predict(self, X: Any, fdr: float | None = None) -> np.ndarray:
        """+1 for usual rows, −1 for anomalies, (n,).

        ``fdr``: among what is called an anomaly in X, at most this share is not one, in expectation
        (Benjamini & Hochberg on the p-values), in place of ``contamination``.
        """
        if fdr is None:
            return _each(lambda inside: np.where(inside >= 0, 1, -1), self.decision_function(X))
        if not (_is_number(fdr) and 0 < fdr < 1):
            raise ValueError(f"fdr={fdr!r} is not usable: pass a share of false discoveries in (0, 1).")
        return _each(lambda p: self._discovered(p, fdr), self.p_values(X))

    def _discovered(self, p: np.ndarray, fdr: float) -> np.ndarray:
        called = conformal.discoveries(p, fdr)
        smallest = 1 / (len(self.calibration_) + 1)
        if not called.any() and (p == smallest).any():
            warnings.warn(
                f"{int((p == smallest).sum())} of {len(p)} rows are odder than all {len(self.calibration_)} calibration"
                f" rows, which is too little to call any with fdr={fdr}: fit on more rows, or raise"
                " calibration_fraction.",
                UserWarning,
                stacklevel=3,
            )
        return np.where(called, -1, 1)

    def explain(self, X: Any) -> np.ndarray:
        """What each feature contributes to how unusual a row is, (n, n_features) nats; each row sums to
        −``score_samples``.  Of a long series (time, channels)."""
        return self._answered(self._parts, X)

    def _answered(self, verb: streams.Verb, X: Any) -> np.ndarray:
        check_is_fitted(self)
        # What windows say is told at the times of their series, which must be read as a whole.
        return streams.answered(self.ae_, verb, X, rebuilds=self._by_time)

    def _totals(self, rows: Any, like: Any) -> np.ndarray:
        totals = _pieces(self._odd, rows)
        if not self._by_time:
            return totals
        return _each(lambda at: at[..., 0], self._per_time(totals[:, None], like))

    def _parts(self, rows: Any, like: Any) -> np.ndarray:
        parts = _pieces(self._shares, rows)
        if not self._by_time:
            return parts
        channels = parts.reshape(len(parts), *self.ae_.fitted_.schema.row).sum(2)
        return self._per_time(channels, like)

    # The models take a category that was never seen for the most frequent one, for a gap would make all else in
    # the row odd to those that know none; how odd it is itself is added here.

    def _odd(self, rows: np.ndarray) -> np.ndarray:
        usual, news = self._apart(rows)
        return self.combined_.totals(usual) + news.sum(1)

    def _shares(self, rows: np.ndarray) -> np.ndarray:
        usual, news = self._apart(rows)
        return self.combined_.parts(usual) + news

    def _apart(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows as the models take them, and the nats (n, columns) of categories that were not seen, see
        ``inputs.Table``; (n, 1) zeros for what has no such."""
        schema = self.ae_.fitted_.schema
        if not hasattr(schema, "strange"):
            return rows, np.zeros((len(rows), 1))
        return np.where(schema.strange(rows), centre_row(self.ae_.fitted_), rows), schema.news(rows)

    @property
    def _by_time(self) -> bool:
        """Whether rows are windows of long series, whose times are what is answered."""
        return getattr(self.ae_.fitted_.schema, "windowed", False)

    def _per_time(self, values: np.ndarray, like: Any) -> np.ndarray:
        """What windows say, (windows, k), at each time of the series: (time, k)."""
        schema = self.ae_.fitted_.schema
        windows = np.broadcast_to(values[..., None], (*values.shape, schema.row[1]))
        return schema.per_sample(windows, like)

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        state = {"offset": self.offset_, "scores": [names.to_json(score) for score in self.scores_]}
        return state, self.combined_.arrays() | {"calibration": self.calibration_}

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.offset_, self.calibration_ = state["offset"], arrays["calibration"]
        self.scores_ = tuple(names.from_json(score) for score in state["scores"])
        fitted = [model.fitted_ for model in self.models_]
        self.combined_ = Combined.from_arrays(self.scores_, fitted, arrays)


def _each(what: Callable[[np.ndarray], np.ndarray], answers: Any) -> Any:
    """``what`` of the answer, or of each in a list of them."""
    return [what(one) for one in answers] if isinstance(answers, list) else what(answers)


def _pieces(verb: Callable[[np.ndarray], np.ndarray], rows: Any) -> np.ndarray:
    """``verb`` of rows, a piece after the other."""
    if not len(rows):
        return np.zeros(0)
    step = max(1, min(4096, (1 << 22) // max(1, int(np.prod(rows.shape[1:])))))
    return np.concatenate([verb(np.asarray(rows[i : i + step])) for i in range(0, len(rows), step)])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


__all__ = ["AnomalyDetector"]
