"""From checked rows to a fitted model."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

import numpy as np

from narrows.baseline import Baseline
from narrows.contracts import Rows, Schema, Shapes
from narrows.fitted import Fitted
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.spec import Spec
from narrows.training.data import Ready, prepare
from narrows.training.loop import Progress, train
from narrows.training.moments import SOME, merged, moments
from narrows.training.settings import Settings


def fit(
    spec: Spec,
    schema: Schema,
    rows: np.ndarray | Rows,
    settings: Settings,
    *,
    latent_dim: int | str = "auto",
    scale: str | None = "auto",
    seed: int = 0,
    valid: np.ndarray | Rows | None = None,
    flat: bool = False,
) -> Fitted:
    """Train the model that ``spec`` describes on rows (n, \\*row) in the user's units.

    Rows that are not an array are read as they are needed, never all of them at once.

    ``valid`` are held-out rows for early stopping; else ``settings.validation_fraction`` of the
    rows, drawn by ``seed``, is kept for it.  ``flat``: at one rate, for more rows will come.
    """
    began = time.perf_counter()
    ready = prepare(spec, schema, rows, settings, latent_dim, scale, seed, valid)
    net = build(spec, schema, ready, latent_dim, seed)
    state = train(net, ready.source, ready.held, settings, seed, flat=flat)
    return finish(spec, schema, ready, net, state, seed, time.perf_counter() - began)


def resume(
    before: Fitted,
    rows: np.ndarray | Rows,
    settings: Settings,
    *,
    valid: np.ndarray | Rows | None = None,
    flat: bool = False,
) -> Fitted:
    """Go on training a copy of the network of ``before`` on rows in the user's units; what rows are and
    how they are scaled stays, and so does the PCA beside it."""
    began = time.perf_counter()
    spec, schema, seed = before.spec, before.schema, before.seed
    ready = prepare(spec, schema, rows, settings, before.latent_dim, None, seed, valid, before.affine)
    net = copy.deepcopy(before.net).to(device=ready.device, dtype=ready.dtype)
    done = len(before.history)
    # Another order and other noise than before.
    state = train(net, ready.source, ready.held, settings, seed + 7 * done, begun=True, flat=flat)
    after = finish(spec, schema, ready, net, state, seed, time.perf_counter() - began, before.baseline)
    later = tuple({**row, "epoch": row["epoch"] + done} for row in after.history)
    # One pass over more rows leaves those before it as much a part of the model.
    codes, known = after.codes, before.codes
    if flat and codes is not None and known is not None:
        if known.some is None and None in before.densities:  # from a file: draws stand for the codes
            draws = before.densities[None].draw(min(SOME, known.rows), generator(seed))
            known = replace(known, some=draws.float().numpy())
        codes = merged(known, codes)
    training = {**after.training, "kept_epoch": after.training["kept_epoch"] + done}
    return replace(after, history=before.history + later, codes=codes, training=training)


def build(spec: Spec, schema: Schema, ready: Ready, latent_dim: int | str, seed: int) -> Net:
    """The network, its weights drawn by ``seed``."""
    if latent_dim == "auto":
        latent_dim = max(2, len(ready.baseline.components))
    with seeded(seed, ready.device):
        shapes = Shapes(schema.row, int(latent_dim), schema.levels, schema.missing, ready.bounded)
        return Net(spec, shapes).to(device=ready.device, dtype=ready.dtype)


def finish(
    spec: Spec,
    schema: Schema,
    ready: Ready,
    net: Net,
    state: Progress,
    seed: int,
    seconds: float,
    baseline: Baseline | None = None,
) -> Fitted:
    """What is kept of a fit."""
    training: dict[str, Any] = {
        "rows": len(ready.source),
        "validation_rows": 0 if ready.held is None else len(ready.held),
        "epochs": len(state.history),
        "stopped": state.reason,
        "kept_epoch": state.kept,
        "seconds": seconds,
        "device": str(ready.device),
    }
    codes = moments(net, ready.source, seed)
    return Fitted(
        spec,
        schema,
        ready.affine,
        net,
        ready.baseline if baseline is None else baseline,
        codes,
        seed,
        tuple(state.history),
        training,
    )
