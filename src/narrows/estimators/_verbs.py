"""What a fitted autoencoder answers: one method per verb, over the functions of :mod:`narrows.tasks`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from narrows import artifact, tasks
from narrows.estimators import streams
from narrows.estimators._fitting import loaded, seed_of
from narrows.estimators._paging import page_at
from narrows.estimators._params import saved
from narrows.fitted import Fitted
from narrows.inputs import _checks
from narrows.inputs.schemas import features_of
from narrows.inputs.single import one


@streams.paths_stay
class Verbs(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Everything that needs ``fitted_`` alone; how that comes to be is ``Autoencoder``'s."""

    fitted_: Fitted

    @property
    def net_(self) -> nn.Module:
        return self._fitted().net

    @property
    def history_(self) -> list[dict[str, float]]:
        return [dict(row) for row in self._fitted().history]

    @property
    def latent_dim_(self) -> int:
        return self._fitted().latent_dim

    @property
    def _n_features_out(self) -> int:
        return self._fitted().latent_dim

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the numbers in a code: those of columns, where the encoder picks some of them."""
        fitted = self._fitted()
        if not hasattr(fitted.net.encoder, "selected"):
            return super().get_feature_names_out(input_features)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        return np.asarray(names, dtype=object)[tasks.selected(fitted)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def _fitted(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            # What scikit-learn expects of attributes that fit has not made yet.
            raise AttributeError(f"This {type(self).__name__} is not fitted yet: call fit(X) first.")
        return self.fitted_

    def _rows(self, X: Any, finite: bool = True) -> np.ndarray:
        """X as checked rows of the fitted shape; without ``finite``, a verb that looks through them
        itself must follow."""
        check_is_fitted(self)
        schema = self.fitted_.schema
        rows = schema.rows(X, finite)
        # Of a plain array there is nothing left to compare: its width is right, and names it has none.
        plain = type(X) is np.ndarray and not hasattr(self, "feature_names_in_")
        if schema.row == (schema.features,) and not plain:
            validate_data(self, features_of(schema, X), reset=False, skip_check_array=True)
        return rows

    def transform(
        self, X: Any, out: str | os.PathLike[str] | None = None, *, layer: int | str | None = None
    ) -> Any:
        """Codes (n, latent_dim) of rows X: the posterior's mean, deterministic.

        ``out`` is a file to write them to, in the format that its name ends in: then the answer is its
        path, and rows that are read from files are never all in memory.  ``layer``: the features of a
        hidden layer of the encoder, (n, its units), an array: 0 is the first after the input, −1 the last
        before the code; "bottleneck" is the code.
        """
        check_is_fitted(self)
        number = tasks.layer_number(self.fitted_, layer)
        if number is not None:
            return self._answered(lambda rows, _: self._encoded(rows, number), X, out)
        names = None if out is None else list(self.get_feature_names_out())
        return self._answered(lambda rows, _: self._encoded(rows), X, out, names)

    def _encoded(self, rows: Any, layer: int | None = None) -> np.ndarray:
        return tasks.encode(self.fitted_, rows, layer).astype(_precision(rows), copy=False)

    def _answered(
        self,
        verb: streams.Verb,
        X: Any,
        out: str | os.PathLike[str] | None = None,
        names: Sequence[str] | None = None,
        rebuilds: bool = False,
    ) -> Any:
        """``verb(rows, X)``, or piece by piece where rows are read on demand."""
        check_is_fitted(self)
        return streams.answered(self, verb, X, out, names, rebuilds)

    def inverse_transform(self, Z: Any) -> Any:
        """Rows for codes Z (n, latent_dim), in the user's units, shape and frame library."""
        check_is_fitted(self)
        codes = _checks.numeric(Z, "Z")
        if codes.ndim != 2 or codes.shape[1] != self.latent_dim_:
            raise ValueError(
                f"Z has shape {codes.shape}, but codes of shape (n, {self.latent_dim_}) were expected:"
                " pass what transform returned."
            )
        _checks.nonempty(codes, "Z")
        _checks.finite(codes, name="Z")
        rows = tasks.decode(self.fitted_, codes).astype(_precision(codes), copy=False)
        return self.fitted_.schema.restore(rows)

    def reconstruct(self, X: Any, out: str | os.PathLike[str] | None = None) -> Any:
        """X after a trip through its codes, in the user's units, shape and frame library; ``out`` as in
        :meth:`transform`, also a ``.wav`` name for one sound; for a folder of sounds or of pictures also
        that of a new folder."""
        check_is_fitted(self)
        return self._answered(self._reconstructed, X, out, self.fitted_.schema.names, rebuilds=True)

    def _reconstructed(self, rows: Any, like: Any) -> Any:
        answer = tasks.reconstruct(self.fitted_, rows).astype(_precision(rows), copy=False)
        return self.fitted_.schema.restore(answer, like=like)

    def score_samples(self, X: Any) -> np.ndarray:
        """−(nll + rate) per row, (n,) nats in the user's units, higher = more usual; the ELBO of a
        variational model."""
        return self._answered(lambda rows, _: tasks.score_rows(self.fitted_, rows), X)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    def evaluate(
        self, X: Any, y: Any = None, *, full: bool = False, k: int | None = None
    ) -> dict[str, float]:
        """Errors and likelihoods on X with PCA's beside them, and which latents are in use.

        ``y``     one label per row: also what a linear model reads off the codes, and off PCA's.
        ``k``     also log p(x) of a variational model, by so many draws per row.
        ``full``  all of that, whether neighbours stay neighbours, and how the codes differ from the prior:
                  some seconds.

        The names are explained in ``tasks.evaluate``.
        """
        check_is_fitted(self)
        return tasks.evaluate(self.fitted_, self._rows(loaded(X)), y, full=full, k=k)

    @property
    def classes_(self) -> np.ndarray:
        """The labels that a conditional model was fitted with, in order."""
        labelled = self._fitted().labelled
        if labelled is None:
            raise AttributeError(f"This {type(self).__name__} was fitted without labels: it has no classes_.")
        return np.asarray(labelled.classes)

    def sample(
        self, n: int | None = None, *, prior: str | None = None, labels: Any = None, random_state: Any = 0
    ) -> Any:
        """n new rows, one by default: decoded draws from the prior of a variational model, or from a mixture
        of Gaussians fitted to training codes where the model has no prior (one Gaussian for codes of more
        than 64 numbers).

        A row is the mean of what its code stands for, with the likeliest categories: noise around it is not
        drawn, so that columns of a table vary less than they do in data.

        ``prior="fitted"`` takes such a mixture for a variational model too, fitted to draws of its codes:
        samples keep to where the decoder knows its way.  ``labels``, in a model fitted with
        ``conditional=True``: one label for all rows, or one for each; their codes have a mixture each.
        Mixtures are made when they are first asked for, which takes seconds, and are saved with the model.
        """
        check_is_fitted(self)
        rows = tasks.sample(self.fitted_, n, seed_of(random_state), prior, labels)
        return self.fitted_.schema.restore(rows)

    def perturb(self, X: Any, scale: float = 0.1, n: int = 1, *, random_state: Any = 0) -> Any:
        """``n`` versions of each row of X, in X's units: decoded from its code with Gaussian noise of
        ``scale`` standard deviations of each latent.

        Rows that differ as rows of the data do: for augmentation that keeps labels, where ``scale`` is
        small against the distance of classes.  The versions of row i stand at i·n … i·n + n − 1, so that
        ``np.repeat(y, n)`` are their labels.
        """
        check_is_fitted(self)
        rows = tasks.perturb(self.fitted_, self._rows(loaded(X)), scale, n, seed_of(random_state))
        return self.fitted_.schema.restore(rows)

    def interpolate(self, a: Any, b: Any, steps: int = 8, how: str = "linear") -> Any:
        """``steps`` rows from row a to row b, through the latent space: "linear", straight, or "spherical",
        along a great circle, which keeps to the shell that codes of many numbers lie in."""
        check_is_fitted(self)
        a, b = (self._rows(one(x, self.fitted_.schema)) for x in (a, b))
        return self.fitted_.schema.restore(tasks.interpolate(self.fitted_, a, b, steps, how))

    def traverse(self, x: Any, dim: int = 0, steps: int = 8, span: float = 3.0) -> Any:
        """``steps`` rows: row x with one latent moved by ±span of its standard deviations."""
        check_is_fitted(self)
        return self.fitted_.schema.restore(
            tasks.traverse(self.fitted_, self._rows(one(x, self.fitted_.schema)), dim, steps, span)
        )

    def report(
        self,
        X: Any,
        out: str | os.PathLike[str] = "report.html",
        *,
        labels: Any = None,
        curve: Any = None,
    ) -> Path:
        """Write a page about this model and rows X, one file that needs nothing beside it; its path.

        Learning curves, reconstructions from best to worst, a map of the codes to zoom into, samples,
        traversals, the oddest rows with reasons, PCA beside it.  ``labels``: one for each row, to colour by;
        ``curve``: what :func:`narrows.tune` returned, for quality by latent size.
        """
        # Drawing takes a second to import, and other verbs need none of it.
        from narrows.report import model_page

        check_is_fitted(self)
        return page_at(out, X, lambda: model_page(self, loaded(X), labels=labels, curve=curve))

    # Files ----------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file: weights, choices, schema, scaler, versions, checksum."""
        check_is_fitted(self)
        artifact.save(path, saved(self))


def _precision(rows: np.ndarray) -> type:
    return np.float64 if rows.dtype == np.float64 else np.float32


__all__ = ["Verbs"]
