"""Fitting on noisy rows: those of the user's own beside clean ones, or noise whose level has the user's units."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.contracts import Batch, Rows, Schema, Source
from narrows.fitted import Fitted
from narrows.inputs.scaling import Affine
from narrows.likelihoods.mixed import typed
from narrows.net import Net
from narrows.numerics import generator
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training.data import prepare
from narrows.training.fit import build, finish
from narrows.training.loop import Progress, train
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

    A corruption that can say which entries it has ``hidden`` teaches by these alone.
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
    if hasattr(net.corruption, "hidden"):
        state = train_blind(net, spec, ready.source, ready.held, settings, seed)
    else:
        state = train(net, ready.source, ready.held, settings, seed)
    return finish(spec, schema, ready, net, state, seed, time.perf_counter() - began)


def train_blind(
    net: Net, spec: Spec, rows: Source, valid: Source | None, settings: Settings, seed: int
) -> Progress:
    """Train ``net`` on what its corruption hides: nothing else of a row is a target.

    So the error at an entry is that of a prediction from its neighbours, and noise that these say nothing
    about is not learned (Krull et al. 2019, section 3; Batson & Royer 2019, proposition 1).
    """
    likelihood, corruption = net.likelihood, net.corruption
    hiding = Hiding(rows, corruption, seed)
    held = None if valid is None else Hiding(valid, corruption, seed)
    # One that knows gaps, for targets have some; what it learns goes back into the usual one.
    gaps = net.shapes.but(missing=True)
    net.likelihood = typed(spec.likelihood, gaps).build(gaps).to(next(net.parameters()))
    net.likelihood.load_state_dict(likelihood.state_dict())
    net.corruption = None  # the sources do it
    try:
        return train(net, hiding, held, settings, seed)
    finally:
        likelihood.load_state_dict(net.likelihood.state_dict())
        net.likelihood, net.corruption = likelihood, corruption


class Hiding:
    """Rows of a source with other entries hidden whenever they are asked for; without a generator always the
    same ones, by ``seed``."""

    def __init__(self, rows: Source, corruption: Any, seed: int):
        self.rows, self.corruption, self.seed = rows, corruption, seed

    def __len__(self) -> int:
        return len(self.rows)

    def head(self, n: int) -> Tensor:
        return self.rows.head(n)

    def steps(self, size: int) -> int:
        return self.rows.steps(size)

    def batches(self, size: int, gen: torch.Generator | None = None) -> Iterator[Batch]:
        hide = None
        for batch in self.rows.batches(size, gen):
            if hide is None:
                drawn = self.seed if gen is None else int(torch.randint(1 << 62, (), generator=gen))
                hide = generator(drawn, batch.x.device)
            x_in, x = self.corruption.hidden(batch.x, hide)
            yield Batch(x, x_in, batch.side)
