"""The rows that candidates are trained on, those they are judged on, and the judgement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.inputs.design import design, undesign
from narrows.numerics import generator, set_mode
from narrows.sources.stream import Stream
from narrows.tasks.score import noises_of

MOST = 10_000  # rows that candidates are compared on; the one chosen is fitted to all
ENTRIES = 1 << 25  # numbers of them, at most
HELD = 200  # rows held out, where that is between a tenth and a fifth of them
CHUNK = 512


@dataclass(frozen=True, eq=False)
class Split:
    """Rows in the user's units; ``all_of_them``: whether every row that was given is among them."""

    train: np.ndarray
    held: np.ndarray
    all_of_them: bool


def split(rows: Any, seed: int) -> Split:
    """Some of the rows, an array or ``Rows``, held out: a tenth, of fewer than 2,000 up to a fifth.

    Of very many rows some are taken from all over; rows that overlap say themselves which may be held out
    together.
    """
    most = max(2, min(MOST, ENTRIES // max(1, int(np.prod(rows.shape[1:])))))
    share = float(np.clip(HELD / max(len(rows), 1), 0.1, 0.2))
    if len(rows) < 5:
        raise ValueError(
            f"X has {len(rows)} rows, but some must be held out to compare models: pass at least 5."
        )
    if hasattr(rows, "split"):
        train, held = rows.split(share)
        few = _some(train, int(most * (1 - share))), _some(held, int(most * share))
        return Split(rows[few[0]], rows[few[1]], len(few[0]) == len(train))
    count = len(rows)
    if not isinstance(rows, np.ndarray):
        rows = (
            Stream(rows, lambda part: torch.from_numpy(np.require(part, requirements=["C", "W"])))
            .head(most)
            .numpy()
        )
    order = np.random.default_rng(seed).permutation(len(rows))[:most]
    first = int(len(order) * share)
    return Split(rows[order[first:]], rows[order[:first]], len(order) == count)


def _some(which: np.ndarray, most: int) -> np.ndarray:
    return which if len(which) <= most else which[np.linspace(0, len(which) - 1, most).astype(int)]


@dataclass(frozen=True, eq=False)
class Figures:
    """What a model reaches on rows: ``scores`` (n,) nats; squared errors of its reconstructions and of PCA's
    with as many components, (n,) each, as shares of the rows' variance in scaled units, whose mean is
    1 − r2; and the mean squared errors per entry in the user's units."""

    scores: np.ndarray
    lost: np.ndarray
    pca_lost: np.ndarray
    mse: float
    pca_mse: float

    @property
    def score(self) -> float:
        return float(self.scores.mean())


def figures(fitted: Fitted, rows: np.ndarray, corruption: Any = None) -> Figures:
    """Judge a model on rows (n, \\*row).

    With a ``corruption`` (a part) its encoder, and PCA, see the rows corrupted, always in the same way: a
    model that was made to undo noise is judged by how well it does.
    """
    x = fitted.affine.forward(rows, fitted.dtype).to(fitted.device)
    inputs = x if corruption is None else corrupted(fitted, x, corruption)
    scores, answers = _answers(fitted, rows, x, inputs)
    levels, scale = fitted.schema.levels, fitted.affine.scale
    flat = design(inputs.cpu().numpy().astype(np.float64), levels)
    plane = undesign(fitted.baseline.reconstruct(flat), levels, rows.shape[1:]) * scale + fitted.affine.shift
    exact = rows.astype(np.float64)
    there = np.isfinite(exact) & (np.array(True) if levels is None else np.array(levels) == 0)
    centre = np.where(there, exact, 0.0).sum(0) / np.maximum(there.sum(0), 1)

    def squares(answer: np.ndarray, by: Any) -> np.ndarray:
        return (
            np.square((answer - exact) / by, where=there, out=np.zeros(exact.shape))
            .reshape(len(exact), -1)
            .sum(1)
        )

    spread = squares(np.broadcast_to(centre, exact.shape), scale).mean()
    entries = there.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        lost, pca_lost = squares(answers, scale) / spread, squares(plane, scale) / spread
        mse, pca_mse = (float(squares(answer, 1.0).sum() / entries) for answer in (answers, plane))
    return Figures(scores, lost, pca_lost, mse, pca_mse)


def corrupted(fitted: Fitted, x: Tensor, corruption: Any) -> Tensor:
    """Scaled rows x as the corruption leaves them; as they are where it changes what is asked for as well, or
    says more than a row has room for."""
    module = corruption.build(fitted.net.shapes)
    if getattr(module, "retargets", False):
        return x
    with torch.no_grad():
        inputs = module(x, generator(fitted.seed, fitted.device))
    return inputs if inputs.shape == x.shape else x


def _answers(fitted: Fitted, rows: np.ndarray, x: Tensor, inputs: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """−(nll + rate) of each row given what the encoder sees, and the reconstructions, in the user's units.

    The verbs in ``tasks`` answer the same, but first find out which sizes of chunks give this network's
    bits, which takes longer than a short fit's judgement is worth.
    """
    net = fitted.net
    set_mode(net, False)
    expected = getattr(net.likelihood, "expected", lambda out, x: net.likelihood.mean(out))
    noises = noises_of(fitted)
    scores, answers = [], []
    with torch.no_grad():
        for a, b in zip(x.split(CHUNK), inputs.split(CHUNK), strict=True):
            embedded = net.embed(b)
            h, side = net.encoder(embedded), embedded if net.side == "input" else None
            drawn = []
            for noise in noises:
                code = net.bottleneck(h, noise)
                nll = net.likelihood.nll(net.decode(code.z, side), a).flatten(1).sum(1)
                drawn.append(nll if code.rate is None else nll + code.rate)
                if code.rate is None or code.indices is not None:  # as in tasks.score: it is not random
                    break
            scores.append(-torch.stack(drawn).mean(0))
            answers.append(expected(net(a, x_in=b).out, a))
    total = torch.cat(scores).cpu().numpy().astype(np.float64)
    if net.likelihood.continuous:
        total -= fitted.affine.log_jacobian(net.shapes.row, rows if fitted.schema.missing else None)
    return total, fitted.affine.inverse(torch.cat(answers).cpu())
