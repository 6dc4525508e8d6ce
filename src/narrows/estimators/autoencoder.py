"""The scikit-learn face of every model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from narrows import artifact, tasks
from narrows.estimators import streams
from narrows.estimators._fitting import loaded, seed_of, train
from narrows.estimators._params import CHOICES, nested, replaced, saved
from narrows.fitted import Fitted
from narrows.inputs import _checks
from narrows.inputs.lazy import is_lazy
from narrows.inputs.single import one


@streams.paths_stay
class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An autoencoder, composed of five choices and used like any scikit-learn transformer.

    Every choice takes a part, a part's lower-cased name (``bottleneck="gaussian"``) or None for
    the default.  Named models of the literature are in ``narrows.recipes``.

    Parameters
    ----------
    latent_dim : int or "auto"
        Numbers in one code; "auto" takes as many as principal components that hold 95% of the
        variance, between 2 and 64.
    input : part
        By default ``inputs.Vectors`` for 2-D data and frames of complete numbers, ``inputs.Table`` for
        other frames, ``inputs.Counts`` for sparse matrices, ``inputs.Text`` for lists and columns of
        strings, ``inputs.Images`` for 3-D and 4-D arrays (``inputs.Signals`` with the backbones Conv1d and
        Recurrent).
    scale : None, "auto", "standard", "minmax" or "robust"
        "auto" is min-max for images and for data within [0, 1] or 0…255 (one range for all columns
        where they share it; data that fill [0, 1] are left as they are), else standard.  Answers
        always come back in the user's units.
    corruption : part or None
        What is done to rows before the encoder sees them, in training only.
    backbone : part, or a pair of ``nn.Module``
        The networks; ``backbones.MLP(hidden=(256, 64))`` by default.  A pair is copied.
    bottleneck : part
        ``bottlenecks.Deterministic()`` by default: a linear code.
    likelihood : part
        ``likelihoods.Normal(mean="auto")`` by default: least squares, through a sigmoid where rows
        are intensities in [0, 1].
    penalties : sequence of parts
        Added to the objective, never to scores.
    max_epochs : int
        The most epochs there will be.  With held-out rows and ``patience`` a fit plans for about
        5,000 steps, at least ``patience`` epochs, and may end before; ``patience=None`` trains
        all of ``max_epochs``.
    batch_size : int or "auto"
    learning_rate : float or "auto"
        The peak; it rises over the first steps and falls to zero towards the end.
    weight_decay : float
        Of the weight matrices, decoupled (AdamW).
    patience : int or None
        Epochs without a gain on held-out rows after which the rate falls to zero; as many again
        end training.  The best weights stay.
    validation_fraction : float
        Share of the rows held out for that; 0 trains on all of them, and keeps the weights of the end.
        Weights are judged and kept as their mean over the last tenth of the steps, at most 100.
    callbacks : sequence of objects
        Any of ``on_fit_start(state)``, ``on_epoch_end(state)``, ``on_fit_end(state)``; see
        ``training.Progress``.
    device : "auto", "cpu", "cuda" …
    precision : "auto", "float32" or "float64"
        "auto" is float32, whose large matrix products are multiplied in bfloat16 during training
        where the processor has instructions for it, until the rate is low; sums, weights and answers
        stay float32.
    random_state : int, RandomState or None
        An int gives the same weights, bit for bit, every time.
    verbose : int
        1 shows progress: a bar on a terminal, lines elsewhere.
    warm_start : bool
        ``fit`` goes on from the weights and the scaling that are there, if there are any.

    Attributes
    ----------
    net_ : nn.Module with ``encode``, ``decode`` and the parts.
    history_ : list of dict, one per epoch.
    latent_dim_ : int
    n_features_in_ : int, entries of one row.
    feature_names_in_ : array of str, when fitted on a frame.
    window_index_ : array (n, 2), when fitted on long series: the series and first sample of each row.
    fitted_ : what the functions in ``narrows.tasks`` work on.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 10))
    >>> ae = Autoencoder(latent_dim=2, max_epochs=50).fit(X)
    >>> ae.transform(X).shape
    (200, 2)
    >>> bool(ae.evaluate(X)["r2"] > 0.9)
    True
    """

    def __init__(
        self,
        latent_dim: int | str = "auto",
        *,
        input: Any = None,
        scale: str | None = "auto",
        corruption: Any = None,
        backbone: Any = None,
        bottleneck: Any = None,
        likelihood: Any = None,
        penalties: Any = (),
        max_epochs: int = 100,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.0,
        patience: int | None = 10,
        validation_fraction: float = 0.1,
        callbacks: Any = (),
        device: str = "auto",
        precision: str = "auto",
        random_state: Any = 0,
        verbose: int = 0,
        warm_start: bool = False,
    ):
        self.latent_dim = latent_dim
        self.input = input
        self.scale = scale
        self.corruption = corruption
        self.backbone = backbone
        self.bottleneck = bottleneck
        self.likelihood = likelihood
        self.penalties = penalties
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    # Parameters: scikit-learn's own, and those of parts -----------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; ``deep`` adds those of parts, as in ``bottleneck__beta``."""
        params = super().get_params(deep=False)
        return params | nested(params) if deep else params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also inside parts: ``set_params(bottleneck__beta=4)``."""
        super().set_params(**{k: v for k, v in params.items() if "__" not in k})
        for key, value in params.items():
            owner, *path = key.split("__")
            if path:
                if owner not in (*CHOICES, "penalties"):
                    raise ValueError(f"Invalid parameter {owner!r} for estimator {type(self).__name__}.")
                setattr(self, owner, replaced(owner, getattr(self, owner), path, value))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.sparse = True
        return tags

    # Fitting --------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, validation_data: Any = None) -> Self:
        """Learn from rows X: an array, a frame, a path to a file, or a stream of Arrow data (a
        ``pyarrow.RecordBatchReader``, an answer of DuckDB …), which is read once and kept, beyond 256 MiB
        in a temporary file.

        ``y`` is ignored.  ``validation_data`` (rows, or a pair of rows and labels) replaces the
        share of X that would be held out for early stopping.
        """
        train(self, X, validation_data, again=self.warm_start and hasattr(self, "fitted_"))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """One pass over more rows X, at a steady low rate.

        The first call decides what rows are, how they are scaled and what PCA stands beside the
        model: let its rows be typical.  ``max_epochs``, ``patience`` and ``validation_fraction`` are
        not asked.
        """
        train(self, X, None, again=hasattr(self, "fitted_"), once=True)
        return self

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
            validate_data(self, X[0:1] if is_lazy(X) else X, reset=False, skip_check_array=True)
        return rows

    # Verbs ----------------------------------------------------------------------------------------

    def transform(self, X: Any, out: str | os.PathLike[str] | None = None) -> Any:
        """Codes (n, latent_dim) of rows X: the posterior's mean, deterministic.

        ``out`` is a file to write them to, in the format that its name ends in: then the answer is its
        path, and rows that are read from files are never all in memory.
        """
        check_is_fitted(self)
        names = None if out is None else list(self.get_feature_names_out())
        return self._answered(self._encoded, X, out, names)

    def _encoded(self, rows: Any, like: Any) -> np.ndarray:
        return tasks.encode(self.fitted_, rows).astype(_precision(rows), copy=False)

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

    def evaluate(self, X: Any) -> dict[str, float]:
        """Errors and likelihoods on X with PCA's beside them; see ``tasks.evaluate``."""
        check_is_fitted(self)
        return tasks.evaluate(self.fitted_, self._rows(loaded(X)))

    def sample(self, n: int = 1, *, random_state: Any = 0) -> Any:
        """n new rows: decoded draws from the prior, or from a Gaussian of the training codes where
        the model has no prior."""
        check_is_fitted(self)
        return self.fitted_.schema.restore(tasks.sample(self.fitted_, n, seed_of(random_state)))

    def interpolate(self, a: Any, b: Any, steps: int = 8) -> Any:
        """``steps`` rows from row a to row b, straight through the latent space."""
        check_is_fitted(self)
        a, b = (self._rows(one(x, self.fitted_.schema)) for x in (a, b))
        return self.fitted_.schema.restore(tasks.interpolate(self.fitted_, a, b, steps))

    def traverse(self, x: Any, dim: int = 0, steps: int = 8, span: float = 3.0) -> Any:
        """``steps`` rows: row x with one latent moved by ±span of its standard deviations."""
        check_is_fitted(self)
        return self.fitted_.schema.restore(
            tasks.traverse(self.fitted_, self._rows(one(x, self.fitted_.schema)), dim, steps, span)
        )

    # Files ----------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file: weights, choices, schema, scaler, versions, checksum."""
        check_is_fitted(self)
        artifact.save(path, saved(self))


def _precision(rows: np.ndarray) -> type:
    return np.float64 if rows.dtype == np.float64 else np.float32


__all__ = ["Autoencoder"]
