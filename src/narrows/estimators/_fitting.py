"""From an Autoencoder's parameters and a user's data to a fitted model."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from narrows import tasks
from narrows.estimators._params import CHOICES
from narrows.fitted import Fitted
from narrows.inputs.schemas import features_of, infer
from narrows.sources import arrow, found
from narrows.sources.npy import stored
from narrows.spec import Spec
from narrows.training import Order, Settings, fit, resume

ONCE = {"max_epochs": 1, "patience": None, "validation_fraction": 0.0}  # one pass, for more will come


def train(ae: BaseEstimator, X: Any, y: Any, validation_data: Any, again: bool, once: bool = False) -> None:
    """Fit anew, or go on ``again`` from what is there; ``once``: one pass, at one rate."""
    X = loaded(X)
    order = order_of(ae, X, ae.fitted_.spec.input if again else None)
    settings = dataclasses.replace(order.settings, **ONCE) if once else order.settings
    if again:
        _check_same(ae, order)
        rows, before = ae._rows(X), ae.fitted_
        check_labels(ae, order.spec, rows, y)
        valid = held_out(ae.fitted_.schema, validation_data)
        facts = described(ae.fitted_.schema, X) if getattr(ae.fitted_.schema, "windowed", False) else {}
        after = resume(before, rows, settings, valid=valid, flat=once)
        ae.fitted_ = conditioned(ae, after, rows, y, before if once else None)
        vars(ae).update(facts)  # windows are those of the rows that came last
        return
    schema = order.spec.input.learn(X)
    rows = schema.rows(X)
    check_labels(ae, order.spec, rows, y)
    facts = described(schema, X)
    fitted = fit(
        order.spec,
        schema,
        rows,
        settings,
        latent_dim=order.latent_dim,
        scale=order.scale,
        seed=order.seed,
        valid=held_out(schema, validation_data),
        flat=once,
    )
    ae.fitted_ = conditioned(ae, fitted, rows, y)
    introduce(ae, facts)


def check_labels(ae: BaseEstimator, spec: Spec, rows: Any, y: Any) -> None:
    """Whether a conditional model can learn from labels y, which is asked before it is trained."""
    if not ae.conditional:
        return
    if y is None:
        raise ValueError(
            "fit got no y, but a model with conditional=True learns what rows of a label look like: pass one label"
            " per row, or conditional=False."
        )
    if spec.backbone.side is not None:
        raise ValueError(
            f"conditional=True is for models that draw rows, but the decoder of {spec.backbone!r} also sees its"
            f" {spec.backbone.side}: pass conditional=False, or another backbone."
        )
    tasks.classes_of(y, len(rows))


def conditioned(ae: BaseEstimator, fitted: Fitted, rows: Any, y: Any, before: Fitted | None = None) -> Fitted:
    """A model that was declared conditional with the codes of its labels; of those seen ``before``, too."""
    if not ae.conditional:
        return fitted
    return dataclasses.replace(fitted, labelled=tasks.labelled(fitted, rows, y, before))


def order_of(ae: BaseEstimator, X: Any, input: Any = None) -> Order:
    """The parameters, resolved and checked, as training takes them; ``input`` in place of one that X
    would have to show."""
    settings = Settings(**{f: getattr(ae, f) for f in Settings.__dataclass_fields__})
    parts = [getattr(ae, name) for name in (*CHOICES, "penalties")]
    spec = Spec.resolved(*parts)
    if spec.input is None:
        mine = infer(X, getattr(spec.backbone, "signals", False)) if input is None else input
        spec = Spec.resolved(mine, *parts[1:])
    return Order(spec, settings, ae.latent_dim, ae.scale, seed_of(ae.random_state))


def _check_same(ae: BaseEstimator, order: Order) -> None:
    """Whether the parameters still describe the network that is there."""
    # As JSON: networks of the user's own are not compared, for a fit works on a copy of them.
    if order.spec.to_json() != ae.fitted_.spec.to_json() or order.latent_dim not in ("auto", ae.latent_dim_):
        raise ValueError(
            "The choices have changed since the model was fitted, but training was to go on from its weights:"
            " pass warm_start=False, or fit a new Autoencoder."
        )


FACTS = ("n_features_in_", "feature_names_in_", "window_index_")


def described(schema: Any, X: Any) -> dict[str, Any]:
    """What an estimator remembers of X: names and number of columns, as scikit-learn asks for, and where
    windows begin.  The estimator itself does not know them before training is over."""
    scratch = BaseEstimator()
    if getattr(schema, "windowed", False):
        scratch.window_index_ = schema.window_index(X)
    if schema.row == (schema.features,):
        validate_data(scratch, features_of(schema, X), skip_check_array=True)
    else:
        scratch.n_features_in_ = schema.features
    return {name: value for name, value in vars(scratch).items() if name in FACTS}


def introduce(ae: BaseEstimator, facts: dict[str, Any]) -> None:
    """Let the estimator remember them, and nothing of an earlier fit."""
    for name in FACTS:
        vars(ae).pop(name, None)
    vars(ae).update(facts)


def loaded(X: Any) -> Any:
    """Data as they are; a path, a list of ``Path`` objects or a stream of Arrow data is read, and a large
    mapped array a piece at a time."""
    if isinstance(X, np.memmap) and X.nbytes >= found.LARGE:
        rows = stored(X)
        return X if rows is None else rows
    if isinstance(X, (str, os.PathLike)):
        return found.find(X)
    if isinstance(X, list) and X and all(isinstance(x, os.PathLike) for x in X):
        return found.find_several(list(map(str, X)))
    return arrow.kept(X) if arrow.is_stream(X) else X


def held_out(schema: Any, validation_data: Any) -> Any:
    """Checked rows of what the user holds out: rows, or a pair of rows and labels."""
    if validation_data is None:
        return None
    valid = validation_data[0] if isinstance(validation_data, tuple) else validation_data
    return schema.rows(loaded(valid))


def seed_of(random_state: Any) -> int:
    """An int seed: the one given, or one drawn from a RandomState or from fresh entropy."""
    if random_state is None:
        return int(np.random.SeedSequence().entropy % 2**31)
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        draw = getattr(random_state, "integers", None) or random_state.randint
        return int(draw(2**31 - 1))
    if isinstance(random_state, (int, np.integer)) and random_state >= 0:
        return int(random_state)
    raise ValueError(f"random_state={random_state!r} is not a seed: pass an int ≥ 0, a RandomState or None.")
