"""Fitting many models on the same rows: those of one shape side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from narrows.contracts import Schema
from narrows.engine import UnstackableError
from narrows.engine.stack import agree
from narrows.fitted import Fitted
from narrows.net import Net
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training.data import Ready, check_latent_dim, prepare
from narrows.training.fit import build, finish
from narrows.training.loop import train, train_many
from narrows.training.settings import Settings

LARGE = 100_000  # weights from which a processor trains networks faster one after another


@dataclass(frozen=True, eq=False)
class Order:
    """One model to be fitted; the fields are those of :func:`narrows.training.fit`."""

    spec: Spec
    settings: Settings
    latent_dim: int | str
    scale: str | None
    seed: int

    @property
    def preparation(self) -> tuple:
        """Orders that agree in these share the split, the scaling and the PCA."""
        s = self.settings
        sizes = self.latent_dim if self.latent_dim == "auto" else int(self.latent_dim)
        return (
            repr(self.scale),
            self.spec.likelihood.unit,
            getattr(self.spec.likelihood, "scaled", True),
            s.validation_fraction,
            s.device,
            s.precision,
            sizes,
        )

    @property
    def pace(self) -> tuple:
        """Orders that agree in these can go in step."""
        return self.settings.batch_size, self.settings.weight_decay


def fit_many(
    orders: Sequence[Order], schema: Schema, rows: np.ndarray, valid: np.ndarray | None = None
) -> list[Fitted]:
    """Fit every order on rows (n, \\*row); the answers are in the order of the orders.

    Models that are prepared alike share one split of the rows, drawn by the first one's seed.
    """
    for order in orders:
        check_latent_dim(order.latent_dim)
    answers: dict[int, Fitted] = {}
    ready: dict[tuple, Ready] = {}
    crowds: list[list[tuple[int, Net]]] = []
    for i, order in enumerate(orders):
        key = order.preparation
        if key not in ready:
            ready[key] = prepare(
                order.spec, schema, rows, order.settings, order.latent_dim, order.scale, order.seed, valid
            )
        net = build(order.spec, schema, ready[key], order.latent_dim, order.seed)
        for crowd in crowds if _gains(net) else ():
            other = orders[crowd[0][0]]
            if (other.preparation, other.pace) == (key, order.pace) and agree(crowd[0][1], net):
                crowd.append((i, net))
                break
        else:
            crowds.append([(i, net)])
    for crowd in crowds:
        began = time.perf_counter()
        mine = [orders[i] for i, _ in crowd]
        r = ready[mine[0].preparation]
        nets = [net for _, net in crowd]
        states = None
        if len(crowd) > 1 and isinstance(r.source, Memory):
            try:
                states = train_many(
                    nets, r.source, r.held, [o.settings for o in mine], [o.seed for o in mine]
                )
            except UnstackableError:  # some part has no stacked form: one after another, from the start
                nets = [build(o.spec, schema, r, o.latent_dim, o.seed) for o in mine]
        if states is None:
            states = [train(n, r.source, r.held, o.settings, o.seed) for n, o in zip(nets, mine, strict=True)]
        seconds = (time.perf_counter() - began) / len(crowd)
        for (i, _), o, net, state in zip(crowd, mine, nets, states, strict=True):
            answers[i] = finish(o.spec, schema, r, net, state, o.seed, seconds)
    return [answers[i] for i in range(len(orders))]


def _gains(net: Net) -> bool:
    """Whether there is anything to gain from company: a large network's step is arithmetic, and a stack of
    them no longer fits where the processor reads fast."""
    weights = list(net.parameters())
    return weights[0].device.type != "cpu" or sum(p.numel() for p in weights) < LARGE
