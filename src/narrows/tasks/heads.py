"""An encoder and a linear head on it, trained together on labelled rows: what stands behind Classifier and
Regressor.

First the head alone, to its optimum, then all of it at low rates: a random head would wreck the features
before it has learned to use them (Kumar et al. 2022, "Fine-tuning can distort pretrained features and
underperform out-of-distribution").
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from narrows.fitted import Fitted
from narrows.net import Net
from narrows.numerics import Dropout, generator, seeded, set_mode
from narrows.tasks.chunks import through
from narrows.tasks.encode import to_layer

NORM = 10.0  # mean length of the features that a head sees
DECAYS = (1e-1, 1e-2, 1e-3, 1e-4)  # of a head's weights, of which held-out rows choose
DECAY = 1e-2  # where there are none
FEWEST = 8  # held-out rows that can judge anything
LOWER = 0.1  # the encoder's rate, of the head's
RATE = 1e-2  # the head's
RISE = 0.1  # share of the steps in which rates rise
AT_ONCE = 1024  # rows that are looked at together


class Goal(Protocol):
    """What a head is asked for: ``width`` outputs, and the mean loss of its outputs (n, width)."""

    width: int

    def loss(self, out: Tensor, target: Tensor) -> Tensor: ...

    def error(self, out: Tensor, target: Tensor) -> Tensor:
        """What held-out rows judge by: the mean over rows, lower is better."""

    def targets(self, y: np.ndarray, like: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Labels:
    """One of ``width`` classes; targets (n,) are their numbers."""

    width: int

    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        return cross_entropy(out, target)

    def error(self, out: Tensor, target: Tensor) -> Tensor:
        """The share of wrong answers; of equal ones the loss decides.  The loss alone would stop too soon: it
        rises as a network grows surer, while its answers still get better."""
        return (out.argmax(1) != target).to(out).mean() + 1e-3 * self.loss(out, target)

    def targets(self, y: np.ndarray, like: Tensor) -> Tensor:
        return torch.as_tensor(y, device=like.device)


@dataclass(frozen=True)
class Numbers:
    """``width`` numbers; targets (n, width) have mean 0 and spread 1."""

    width: int

    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        return 0.5 * (out - target).square().sum(1).mean()

    def error(self, out: Tensor, target: Tensor) -> Tensor:
        return self.loss(out, target)

    def targets(self, y: np.ndarray, like: Tensor) -> Tensor:
        return torch.as_tensor(y, dtype=like.dtype, device=like.device)


@dataclass(frozen=True)
class Plan:
    """How a head is trained; see ``Classifier`` for what each means."""

    layer: int | None = None
    max_epochs: int = 100
    learning_rate: float = RATE
    freeze: bool = False
    validation_fraction: float = 0.1
    patience: int | None = 20
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Headed:
    """A fitted model whose encoder was trained for a head, and the head: ``weight`` (width, units) and
    ``bias`` (width,) on the features of hidden layer ``layer``, None: the code."""

    fitted: Fitted
    layer: int | None
    weight: np.ndarray
    bias: np.ndarray

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """What the head makes of rows (n, \\*row) in user units, (n, width)."""
        features = to_layer(self.fitted.net, self.layer)
        weight, bias = (
            torch.from_numpy(np.array(a)).to(dtype=self.fitted.dtype, device=self.fitted.device)
            for a in (self.weight, self.bias)
        )
        return through(self.fitted, rows, lambda x: linear(features(x), weight, bias), verb="head")


def headed(fitted: Fitted, rows: np.ndarray, y: np.ndarray, goal: Goal, plan: Plan) -> Headed:
    """A head for ``goal`` on a copy of the encoder, trained on rows (n, \\*row) in user units and y, (n,) or
    (n, width)."""
    net = copy.deepcopy(fitted.net)
    set_mode(net, False)  # statistics of batches stay those of all rows that it was trained on
    x = fitted.affine.forward(rows, fitted.dtype).to(fitted.device)
    target = goal.targets(y, x)
    train, held = (torch.from_numpy(part) for part in split(y, plan.validation_fraction, plan.seed))
    features = to_layer(net, plan.layer)
    with torch.no_grad():
        seen = torch.cat([features(part) for part in x.split(AT_ONCE)])
    centre = seen[train].mean(0)
    length = (seen[train] - centre).square().sum(1).mean().sqrt()
    scale = NORM / length if length > 0 else torch.ones_like(length)

    def head(weight: Tensor, bias: Tensor, of: Tensor) -> Tensor:
        return linear((of - centre) * scale, weight, bias)

    some = (seen - centre) * scale
    decays = DECAYS if len(held) else (DECAY,)
    probes = [probe(goal, some[train], target[train], decay) for decay in decays]
    best = 0
    if len(held):
        best = int(np.argmin([float(goal.loss(linear(some[held], *each), target[held])) for each in probes]))
    weight, bias = probes[best]
    if plan.freeze:  # decided: now on all labels
        weight, bias = probe(goal, some, target, decays[best])
    else:
        weight.requires_grad_()
        bias.requires_grad_()
        parts = _Rows(x, target, train, held)
        _together(net, lambda rows: head(weight, bias, features(rows)), (weight, bias), parts, goal, plan)
    with torch.no_grad():
        weight = weight * scale
        bias = bias - weight @ centre
    mine = replace(fitted, net=net)
    return Headed(mine, plan.layer, weight.cpu().numpy(), bias.cpu().numpy())


@dataclass(frozen=True, eq=False)
class _Rows:
    """Scaled rows, what is wanted of each, and which are trained on and held out."""

    x: Tensor
    target: Tensor
    train: Tensor
    held: Tensor


def _together(
    net: Net,
    out: Callable[[Tensor], Tensor],
    head: tuple[Tensor, Tensor],
    rows: _Rows,
    goal: Goal,
    plan: Plan,
) -> None:
    """Train encoder and head on rows corrupted as the model's own training has it; with held-out rows keep
    what is best for them, which may be the start."""
    x, target, train, held = rows.x, rows.target, rows.train, rows.held
    encoder = [p for part in (net.embed, net.encoder, net.bottleneck) for p in part.parameters()]
    rates = [plan.learning_rate * LOWER, plan.learning_rate]
    adam = torch.optim.AdamW(
        [{"params": encoder, "weight_decay": 0.0}, {"params": head, "weight_decay": 0.01}]
    )
    order, noise = generator(plan.seed), generator(plan.seed + 1, x.device)
    size = int(min(128, max(8, 2 ** round(math.log2(len(train) / 16)))))
    steps = math.ceil(len(train) / size)
    total = steps * plan.max_epochs
    trained = [*encoder, *head]
    dropouts = [m for m in net.modules() if type(m) is Dropout]  # columns that are picked stay picked

    def judged() -> float:
        with torch.no_grad():
            parts = [goal.error(out(x[i]), target[i]) * len(i) for i in held.split(AT_ONCE)]
        return float(sum(parts)) / len(held)

    def kept_now() -> list[Tensor]:
        return [p.detach().clone() for p in trained]

    best, kept, since, step = judged() if len(held) else math.inf, kept_now(), 0, 0
    with seeded(plan.seed + 2, x.device):  # modules of the user's own may draw from torch's state
        for _ in range(plan.max_epochs):
            for some in train[torch.randperm(len(train), generator=order)].split(size):
                step += 1
                share = min(step / max(1, RISE * total), 0.5 * (1 + math.cos(math.pi * step / total)))
                for group, rate in zip(adam.param_groups, rates, strict=True):
                    group["lr"] = share * rate
                for layer in dropouts:
                    layer.gen = noise
                try:
                    seen = x[some] if net.corruption is None else net.corruption(x[some], noise)
                    loss = goal.loss(out(seen), target[some])
                finally:
                    for layer in dropouts:
                        layer.gen = None
                adam.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                adam.step()
            if not len(held):
                continue
            now = judged()
            since += 1
            if now < best:
                best, kept, since = now, kept_now(), 0
            if plan.patience is not None and since >= plan.patience:
                break
    if len(held):
        with torch.no_grad():
            for p, old in zip(trained, kept, strict=True):
                p.copy_(old)
    net.zero_grad(set_to_none=True)


def probe(goal: Goal, features: Tensor, target: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """The weight (width, units) and bias (width,) that minimise goal + decay/2 ‖weight‖², by L-BFGS."""
    weight = features.new_zeros(goal.width, features.shape[1], requires_grad=True)
    bias = features.new_zeros(goal.width, requires_grad=True)
    lbfgs = torch.optim.LBFGS(
        [weight, bias], max_iter=200, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        lbfgs.zero_grad()
        loss = goal.loss(linear(features, weight, bias), target) + 0.5 * decay * weight.square().sum()
        loss.backward()
        return loss

    lbfgs.step(closure)
    return weight.detach(), bias.detach()


def split(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to train on and of those held out, about ``fraction`` of them from all over the
    values of y; none where they would be too few to judge by, and never the last of a class."""
    order = np.random.default_rng(seed).permutation(len(y))
    count = int(len(y) * fraction)
    if count < FEWEST:
        return order, order[:0]
    first = y if y.ndim == 1 else y[:, 0]
    ranked = order[np.argsort(first[order], kind="stable")]
    which = np.zeros(len(y), bool)
    which[np.linspace(0, len(y) - 1, count + 2)[1:-1].round().astype(int)] = True
    train, held = ranked[~which], ranked[which]
    if first.dtype.kind in "iu":
        alone = ~np.isin(first[held], first[train])
        train, held = np.concatenate([train, held[alone]]), held[~alone]
    return train, held
