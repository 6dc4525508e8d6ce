"""Gaps filled, once by what is expected there, or many times by what may be there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from narrows.estimators import streams
from narrows.estimators._blend import Blend
from narrows.estimators._committee import committee, judged
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._task import TaskEstimator, unwrapped
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Table, gaps
from narrows.inputs.columns import unseen
from narrows.inputs.design import design, undesign
from narrows.inputs.frames import is_frame
from narrows.inputs.lazy import is_lazy
from narrows.inputs.schemas import features_of
from narrows.numerics import generator
from narrows.spec import resolve
from narrows.tasks import impute

DRAWS = 200  # imputations that intervals are taken of
MOST = 1 << 14  # rows that the errors of a model of the user's own are looked for in


@streams.paths_stay
class Imputer(OneToOneFeatureMixin, TransformerMixin, TaskEstimator):
    """Fills what is missing in rows, from what is there of each row; what is there is never touched.

    By default several masked autoencoders and a linear-Gaussian model, weighed column by column by how
    well they fill cells that were hidden from them; the rows that are fitted may have gaps themselves.

    Parameters
    ----------
    ae : Autoencoder or None
        A model of your own in their place.  A fitted one is used as it is, and ``fit`` only looks at its
        errors: pass it rows that the model was not trained on, for on those it errs less, and intervals
        come out too narrow.  Else a clone is fitted (with ``input``, where it has none and X is a table), and
        its errors are those on the rows that it holds out, its ``validation_fraction``.  A corruption such as
        ``corruptions.Masking`` teaches it what gaps mean.
    input : inputs.Table or None
        What the columns are, where no ``ae`` says it: ``Table(drop=["id"])`` leaves one out.
    members : int
        Autoencoders in the default.
    random_state : int, RandomState or None
    verbose : int

    Attributes
    ----------
    models_ : the fitted autoencoders; ``ae_`` is the first.
    blend_ : how they go together with the linear model, and their errors.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) * [1.0, 2.0, -1.0] + 0.01 * rng.normal(size=(200, 3))
    >>> holed = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    >>> imputer = Imputer(members=2).fit(holed)
    >>> imputer.transform([[1.0, np.nan, -1.0]]).round(0)
    array([[ 1.,  2., -1.]])
    >>> [draw.shape for draw in imputer.sample(holed[:5], 2)]
    [(5, 3), (5, 3)]
    """

    def __init__(
        self,
        ae: Any = None,
        *,
        input: Any = None,
        members: int = 4,
        random_state: Any = 0,
        verbose: int = 0,
    ):
        self.ae = ae
        self.input = input
        self.members = members
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from rows X, with gaps or without: an array with NaN, a frame, a path; ``y`` is ignored."""
        whole = isinstance(self.members, (int, np.integer)) and not isinstance(self.members, bool)
        if not (whole and self.members >= 1):
            raise ValueError(f"members={self.members!r} is not usable: pass a whole number ≥ 1.")
        part = resolve("input", self.input)
        if not (part is None or isinstance(part, Table)):
            raise ValueError(f"input={self.input!r} is no table: pass inputs.Table(…), or a model as ae.")
        X, seed, ae = loaded(X), seed_of(self.random_state), unwrapped(self.ae)
        if ae is not None:
            _check_rows(ae)
        X = gaps.checked(X)
        if ae is None:
            if gaps.is_images(X):
                raise ValueError(
                    f"X has shape {X.shape}, but tables (rows, columns) were expected: for holes in images pass a"
                    " fitted autoencoder of images, or use nw.tasks.inpaint."
                )
            models, self.blend_ = committee(X, int(self.members), seed, self.verbose, part)
        else:
            models = [_fitted_on(ae, X, part or Table())]
            known = gaps.rows(models[0].fitted_.schema, X)
            rows, apart = _unseen(known, models[0], own=models[0] is not ae)
            levels = models[0].fitted_.schema.levels
            blend = Blend.plain(design(rows, levels), levels, linear=False)
            self.blend_ = judged(models, blend, rows, [apart], np.random.default_rng(seed), False)
        self._adopt(models)
        return self

    @streams.names_fit
    def transform(self, X: Any, out: str | os.PathLike[str] | None = None) -> Any:
        """X with its gaps filled, in its own types, dtypes and frame library: numbers with what is expected
        there, categories, booleans and whole numbers with the likeliest.  A column of a frame in which there
        were only whole numbers (as floats too), or times of whole days, hours, minutes or seconds, gets such.

        ``out`` is a file to write that to, in the format that its name ends in: then the answer is its path.
        """
        check_is_fitted(self)
        X = gaps.unmasked(loaded(X))
        if is_lazy(X):
            return streams.answered(self.ae_, self._filled, X, out, self._names(), rebuilds=True)
        if out is not None:  # other readers refuse holes in images
            return streams.kept(out, lambda: self._filled(self._rows(X), X), X, self._names())
        return self._filled(self._rows(X), X)

    def sample(self, X: Any, n: int = 5, random_state: Any = None) -> list[Any]:
        """n times X with its gaps filled by draws of what may be there: multiple imputations, whose spread
        says how sure the fill is.  ``random_state`` None is the estimator's own.

        A variational model's are drawn by importance weights (:mod:`narrows.tasks.impute`); others around
        what is expected, as far as errors were seen to go, the larger the less is there of a row.
        """
        check_is_fitted(self)
        if not (isinstance(n, (int, np.integer)) and n >= 1):
            raise ValueError(f"n={n!r} is not a number of imputations: pass a whole number ≥ 1.")
        X = loaded(X)
        rows = np.asarray(self._rows(X)[:])
        like = X[:] if is_lazy(X) else X
        seed = seed_of(self.random_state if random_state is None else random_state)
        several = np.concatenate(list(self._draws(rows, int(n), seed)), 1)
        return [self._restored(drawn, rows, like) for drawn in several]

    def intervals(self, X: Any, coverage: float = 0.9, random_state: Any = None) -> tuple[Any, Any, Any, Any]:
        """X; the same filled; and the lower and upper ends of intervals that hold ``coverage`` of what is missing,
        missing themselves but in gaps of numbers and times: how sure a category is, :meth:`certainty` says.

        Of a frame four frames like it, in its units and types; else float64 (n, \\*row) each, without columns
        that were dropped, categories as codes, NaN where they are not known.  The ends are percentiles of 200
        imputations.
        """
        check_is_fitted(self)
        if not 0 < coverage < 1:
            raise ValueError(f"coverage={coverage!r} is not usable: pass a share in (0, 1), such as 0.9.")
        X = loaded(X)
        rows = np.asarray(self._rows(X)[:]).astype(np.float64)
        seed = seed_of(self.random_state if random_state is None else random_state)
        ends = [(1 - coverage) / 2, (1 + coverage) / 2]
        parts = [np.quantile(drawn, ends, axis=0) for drawn in self._draws(rows, DRAWS, seed)]
        low, high = np.concatenate(parts, 1)
        levels = self.ae_.fitted_.schema.levels
        numbers = np.isnan(rows) & (True if levels is None else np.array(levels) == 0)
        filled = self._rounded(undesign(self._expected(rows)[0], levels, rows.shape[1:]))
        ends = [self._rounded(np.where(numbers, end, np.nan)) for end in (low, high)]
        like = X[:] if is_lazy(X) else X
        if not is_frame(like):
            return rows, np.where(np.isnan(rows) & ~unseen(rows), filled, rows), *ends
        schema = self.ae_.fitted_.schema
        return like, self._restored(filled, rows, like), *(schema.restore(end, like=like) for end in ends)

    def certainty(self, X: Any) -> np.ndarray:
        """The probability of what :meth:`transform` fills in, float64 (n, \\*row): 1 where the cell was there, of a
        category or boolean that of the likeliest, NaN of a number or time, which has an interval instead."""
        check_is_fitted(self)
        rows = np.asarray(self._rows(loaded(X))[:])
        levels = self.ae_.fitted_.schema.levels
        found = np.where(np.isnan(rows), np.nan, 1.0)
        if levels is None:
            return found
        found[unseen(rows)] = 1.0
        stops = np.cumsum([max(k, 1) for k in levels])[:-1]
        parts = np.split(self._expected(rows)[0], stops, axis=1)
        for j in (j for j, k in enumerate(levels) if k):
            chances = parts[j].clip(0)
            likeliest = chances.max(1) / np.maximum(chances.sum(1), 1e-12)
            found[:, j] = np.where(np.isnan(found[:, j]), likeliest, found[:, j])
        return found

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The columns' own names."""
        return super().get_feature_names_out(input_features)

    def _names(self) -> Any:
        return self.ae_.fitted_.schema.names

    def _rows(self, X: Any) -> Any:
        """Rows (n, \\*row) in user units, NaN where something is missing."""
        X = gaps.checked(X)
        schema = self.ae_.fitted_.schema
        rows = gaps.rows(schema, X)
        if schema.row == (schema.features,):
            validate_data(self, features_of(schema, X), reset=False, skip_check_array=True)
        return rows

    def _filled(self, rows: Any, like: Any) -> Any:
        expected, _ = self._expected(rows)
        return self._restored(undesign(expected, self.ae_.fitted_.schema.levels, rows.shape[1:]), rows, like)

    def _expected(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, width) each, see :meth:`Blend.expected`; rows without a gap are not asked about."""
        expected = design(rows, self.ae_.fitted_.schema.levels).astype(np.float64)
        apart = np.zeros(expected.shape)
        holed = np.isnan(rows).reshape(len(rows), -1).any(1)
        if holed.any():
            models = [model.fitted_ for model in self.models_]
            expected[holed], apart[holed] = self.blend_.expected(models, rows[holed])
        return expected, apart

    def _draws(self, rows: np.ndarray, n: int, seed: int) -> Iterator[np.ndarray]:
        """(n, k, \\*row) of one piece of rows after the other."""
        first = self.ae_.fitted_
        if impute.is_random(first):
            return impute.draws(first, rows, n, seed)
        levels = first.schema.levels
        pieces = self.blend_.drawn(*self._expected(rows), design(rows, levels), levels, n, generator(seed))
        return (piece.reshape(n, -1, *rows.shape[1:]) for piece in pieces)

    def _rounded(self, filled: np.ndarray) -> np.ndarray:
        """As values of their columns are: whole numbers, whole days."""
        schema = self.ae_.fitted_.schema
        return schema.rounded(filled) if hasattr(schema, "rounded") else filled

    def _restored(self, filled: np.ndarray, rows: np.ndarray, like: Any) -> Any:
        whole = np.where(np.isnan(rows), self._rounded(filled), rows)
        schema = self.ae_.fitted_.schema
        filled = schema.restore(whole, like=like)
        return filled if like is None else gaps.kept(like, filled)

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, self.blend_.arrays()

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        self.blend_ = Blend.from_arrays(arrays)


def _check_rows(ae: Autoencoder) -> None:
    """Refuse models whose rows are windows of series: a gap lies in several of them."""
    part = ae.fitted_.spec.input if hasattr(ae, "fitted_") else resolve("input", ae.input)
    if getattr(part, "window", None) is not None:
        raise ValueError(
            f"ae cuts series into windows by {part!r}, but gaps are filled row by row: pass a model of tables, of"
            " images or of whole signals, which Signals() without a window takes."
        )


def _fitted_on(ae: Autoencoder, X: Any, table: Table) -> Autoencoder:
    if hasattr(ae, "fitted_"):
        return ae
    mine = clone(ae)
    if mine.input is None and not gaps.is_images(X):
        mine.set_params(input=table)
    if gaps.is_images(X) and not is_lazy(X) and gaps.missing(X).any():
        raise ValueError(
            f"X of shape {X.shape} has holes, but images are fitted whole: pass an autoencoder that was fitted on"
            " images without holes, or fill these with nw.tasks.inpaint."
        )
    return mine.fit(X)


def _unseen(rows: Any, model: Autoencoder, own: bool) -> tuple[np.ndarray, np.ndarray]:
    """At most so many of the rows, in memory, and which of them, (n,), show the model's errors: those that
    it held out in training, as it splits rows that are in memory; all of them, if that was not its ``own``."""
    fitted = model.fitted_
    held = fitted.training["validation_rows"] if own and isinstance(rows, np.ndarray) else 0
    apart = np.full(len(rows), not held)
    apart[np.random.default_rng(fitted.seed).permutation(len(rows))[:held]] = True
    first = np.sort(np.argsort(~apart, kind="stable")[:MOST]) if held else slice(0, MOST)
    return np.asarray(rows[first]), apart[first]


__all__ = ["Imputer"]
