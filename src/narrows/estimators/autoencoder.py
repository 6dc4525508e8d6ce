"""The scikit-learn face of every model."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Self

from sklearn.utils.validation import check_is_fitted

from narrows.estimators._fitting import train
from narrows.estimators._params import CHOICES, nested, replaced
from narrows.estimators._verbs import Verbs


class Autoencoder(Verbs):
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
    conditional : bool
        ``fit(X, y)`` also learns which codes the labels y have (ints or strings, at most 100 different
        ones), for ``sample(n, labels=…)``.  The network itself does not see them.

    Attributes
    ----------
    net_ : nn.Module with ``encode``, ``decode`` and the parts.
    history_ : list of dict, one per epoch.
    latent_dim_ : int
    n_features_in_ : int, entries of one row.
    feature_names_in_ : array of str, when fitted on a frame.
    window_index_ : array (n, 2), when fitted on long series: the series and first sample of each row.
    classes_ : array of labels, when conditional.
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
        conditional: bool = False,
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
        self.conditional = conditional

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

    def with_params(self, **params: Any) -> Self:
        """A copy of this fitted model, its weights as they are, with other parameters of its bottleneck: those
        that training does not depend on, as ``with_params(bottleneck__alpha=3)`` of ``TopK``."""
        check_is_fitted(self)
        part = self.fitted_.spec.bottleneck
        late = {f"bottleneck__{name}": name for name in getattr(part, "late", ())}
        for key in params:
            if key not in late:
                known = f"takes {' and '.join(late)}" if late else "has none that could be changed"
                raise ValueError(
                    f"with_params got {key!r}, but this model {known} after training: use set_params and fit again."
                )
        mine = copy.copy(self)
        mine.bottleneck = replace(part, **{late[key]: value for key, value in params.items()})
        mine.fitted_ = self.fitted_.recoded(mine.bottleneck)
        return mine

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

        ``y`` is ignored, unless the model is ``conditional``: then it is one label per row.
        ``validation_data`` (rows, or a pair of rows and labels) replaces the share of X that would be held
        out for early stopping.
        """
        train(self, X, y, validation_data, again=self.warm_start and hasattr(self, "fitted_"))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """One pass over more rows X, at a steady low rate.

        The first call decides what rows are, how they are scaled and what PCA stands beside the
        model: let its rows be typical.  ``max_epochs``, ``patience`` and ``validation_fraction`` are
        not asked.
        """
        train(self, X, y, None, again=hasattr(self, "fitted_"), once=True)
        return self


__all__ = ["Autoencoder"]
