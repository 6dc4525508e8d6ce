"""Fitting on noisy rows: those of the user's own beside clean ones, or noise whose level has the user's units."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from narrows.contracts import Rows, Schema
from narrows.fitted import Fitted
from narrows.inputs.scaling import Affine
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training.data import prepare
from narrows.training.fit import build, finish
from narrows.training.loop import train
from narrows.training.settings import Settings

COMPONENTS = 64  # of the PCA that is kept beside a code that is wider than that


def fit_noisy(
    spec: Spec,
    schema: Schema,
    rows: np.ndarray | Rows,
    settings: Settings,
    *,
    latent_dim: int | str = "auto",
    scale: str | None = "auto",
    seed: int = 0,
    valid: np.ndarray | Rows | None = None,
    noisy: np.ndarray | None = None,
    completed: Callable[[Spec, Affine], Spec] | None = None,
) -> Fitted:
    """Train the model that ``spec`` describes on rows (n, \\*row) in the user's units.

    ``noisy``      what the encoder sees of them, (n, \\*row) in the same units; then rows are an array,
                   and a share of both is held out unless ``valid`` is given.
    ``completed``  makes the final spec once the scaling of rows is known: noise in the user's units
                   becomes a corruption in scaled ones.
    """
    began = time.perf_counter()
    kept: tuple[np.ndarray, ...] = ()
    if noisy is not None:
        order = np.random.default_rng(seed).permutation(len(rows))
        held = int(len(rows) * settings.validation_fraction) if valid is None else 0
        mine, theirs = order[held:], order[:held]
        kept = (noisy[mine], noisy[theirs])
        if held:
            valid = rows[theirs]
        rows = rows[mine]
        settings = replace(settings, validation_fraction=0.0)
    ready = prepare(spec, schema, rows, settings, latent_dim, scale, seed, valid)
    if kept:
        x_in, held_in = (ready.affine.forward(part, settings.dtype).to(ready.device) for part in kept)
        both = ready.held if not len(held_in) else Memory(ready.held.x, held_in)
        ready = replace(ready, source=Memory(ready.source.x, x_in), held=both)
    if latent_dim != "auto" and int(latent_dim) > COMPONENTS:
        ready = replace(ready, components=COMPONENTS)
    if completed is not None:
        spec = completed(spec, ready.affine)
    net = build(spec, schema, ready, latent_dim, seed)
    state = train(net, ready.source, ready.held, settings, seed)
    return finish(spec, schema, ready, net, state, seed, time.perf_counter() - began)
