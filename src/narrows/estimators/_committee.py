"""The default models of gaps: masked autoencoders, each fitted on other rows, and what they weigh beside a
linear model."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from narrows import training
from narrows.backbones import MLP
from narrows.corruptions import Masking
from narrows.estimators._blend import Blend, numbers, quantiles, shares
from narrows.estimators._fitting import described, introduce, order_of
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Table
from narrows.inputs.design import design
from narrows.likelihoods import Normal
from narrows.tasks.impute import expectation

LEAST = 20  # rows from which on some are held out
HIDDEN = 0.2  # share of the cells of held-out rows that are hidden to see how well they are filled
CELLS = 20_000  # that are hidden, about, however few rows there are: at most in so many rounds
ROUNDS = 5
MOST = 100_000  # rows that anything is learned from
RUNS = 32  # that they are taken in where rows are read on demand
STEPS = 2_500  # of training, about
NETWORKS = (((256, 256), 128), ((256,), 256))  # hidden layers and codes, in turn


def member(rows: int, i: int, seed: int, verbose: int, input: Table) -> Autoencoder:
    """The i-th default model, unfitted, for so many rows.

    A masked autoencoder: a random 30% of what is there of a row is hidden from the encoder, and all of it
    asked for.  Its code is wide: what keeps it from copying is the mask.
    """
    hidden, code = NETWORKS[i % len(NETWORKS)]
    batch = 128 if rows <= 10_000 else 512
    epochs = STEPS * batch // max(rows, 1)
    return Autoencoder(
        code,
        input=input,
        scale="standard",
        corruption=Masking(0.3),
        backbone=MLP(hidden, activation="silu"),
        likelihood=Normal(),
        batch_size=batch,
        weight_decay=0.1,
        max_epochs=min(300, max(8, epochs)),
        patience=min(25, max(3, epochs // 10)),
        random_state=seed,
        verbose=verbose,
    )


def committee(
    X: Any, members: int, seed: int, verbose: int, input: Table | None = None
) -> tuple[list[Autoencoder], Blend]:
    """Models fitted on rows X, each without another part of them, and how they go together.

    What a model has not seen of the rows decides when its training stops, and afterwards, with some cells
    hidden, what its answers are worth.
    """
    part = Table() if input is None else input
    schema = part.learn(X)
    rows = schema.rows(X)
    rng = np.random.default_rng(seed)
    rows = _some(rows, rng)
    facts = described(schema, X)
    flat = design(rows, schema.levels)
    blend = Blend.plain(flat, schema.levels, linear=True)
    members = min(members, len(rows))  # each is fitted without some of them
    folds = rng.permutation(len(rows)) % max(members, 4)
    parts = [folds == i for i in range(members)]
    apart = len(rows) >= LEAST and all((~np.isnan(rows[~part])).any(0).all() for part in parts)
    models = []
    for i, held in enumerate(parts if apart else parts[:1]):
        model = member(len(rows), i, seed + i, verbose, part)
        if not apart:
            model.set_params(validation_fraction=0.0, max_epochs=60)
        order = order_of(model, X)
        model.fitted_ = training.fit(
            order.spec,
            schema,
            rows[~held] if apart else rows,
            order.settings,
            latent_dim=order.latent_dim,
            scale=order.scale,
            seed=order.seed,
            valid=rows[held] if apart else None,
        )
        introduce(model, facts)
        models.append(model)
    if not apart:
        return models, blend.cautious(len(rows) // max(members, 4), len(rows), schema.levels)
    return models, judged(models, blend, rows, parts, rng)


def _some(rows: Any, rng: np.random.Generator) -> np.ndarray:
    """At most so many rows in memory, from all over: any of an array, runs of what is read on demand."""
    if len(rows) <= MOST:
        return np.asarray(rows[:])
    if isinstance(rows, np.ndarray):
        return rows[np.sort(rng.choice(len(rows), MOST, replace=False))]
    starts = np.linspace(0, len(rows) - MOST // RUNS, RUNS).astype(int)
    return np.concatenate([rows[a : a + MOST // RUNS] for a in starts.tolist()])


def judged(
    models: list[Autoencoder],
    blend: Blend,
    rows: np.ndarray,
    parts: list[np.ndarray],
    rng: np.random.Generator,
    mix: bool = True,
) -> Blend:
    """The blend with shares (if it may ``mix``) and errors as they are where cells are hidden of ``parts`` of
    the rows, masks (n,), that the models have not seen, each one."""
    levels = models[0].fitted_.schema.levels
    straight, said, truth, hidden, size = [], [], [], [], []
    rounds = int(min(ROUNDS, max(1, CELLS // max(1, HIDDEN * rows.size))))
    for model, part in zip(models, parts, strict=True):
        at = np.flatnonzero(part)[: 2 * CELLS]
        whole = rows[np.tile(at, rounds)]
        mask = (rng.random(whole.shape) < HIDDEN) & ~np.isnan(whole)
        seen = np.where(mask, np.nan, whole)
        flat = design(seen, levels)
        # The linear model without these rows, as they are new to the others.
        others = rows[~part] if not part.all() else rows
        linear = Blend.plain(design(others, levels), levels, linear=mix)
        linear = dataclasses.replace(blend, mean=linear.mean, covariance=linear.covariance)
        straight.append(linear.straight(flat))
        said.append((expectation(model.fitted_, seen) - blend.shift) / blend.scale)
        truth.append((design(whole, levels) - blend.shift) / blend.scale)
        hidden.append(np.isnan(flat) & ~np.isnan(truth[-1]))
        size.append(linear.uncertainty(flat))
    a, b, z, where, spread = (np.concatenate(x) for x in (straight, said, truth, hidden, size))
    only = numbers(levels, z.shape[1])
    where = where & only
    held = max(int(part.sum()) for part in parts)
    if not where.any():
        return blend.cautious(held, len(rows), levels)
    if mix and blend.mean is not None:
        found = np.where(only, shares(a, b, z, where), blend.shares)
        blend = dataclasses.replace(blend, shares=found)
    off = (z - blend.mixed(a, b)) / np.where(spread > 0, spread, 1.0)
    return dataclasses.replace(blend, errors=quantiles(off, where)).cautious(held, len(rows), levels)
