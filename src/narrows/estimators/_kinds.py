"""Noise that is more than one level: found, learned from, and taken out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from narrows.corruptions import BlindSpot, GaussianCurve
from narrows.corruptions.blind_spot import by_neighbours
from narrows.estimators._levels import LOOKS, floor, some_of, things
from narrows.estimators._noise_kind import Kind, kind_of
from narrows.fitted import Fitted
from narrows.inputs.scaling import Affine
from narrows.numerics import generator
from narrows.penalties import Recorrupted
from narrows.spec import Spec

ALPHA = 0.5  # noise that is added to noisy rows, in standard deviations of what they have
HIDDEN = 0.25  # of the entries of rows of columns


def kind_in(rows: Any, schema: Any, level: float | np.ndarray | None) -> Kind | None:
    """The kind of noise in rows of pictures and signals; None in columns, whose entries have no neighbours, and
    in rows of several scales, where one value means several things."""
    if len(schema.row) == 1 or not isinstance(level, float):
        return None
    if schema.shared_scale is not True and schema.row[0] > 1:
        return None
    found = kind_of(things(rows), level)
    # In rows as small as that detail looks like noise that varies.
    return Kind("gaussian", level) if found.name == "varying" and floor(rows) is not None else found


def unlevelled(spec: Spec, affine: Affine, kind: Kind | None, columns: bool) -> Spec:
    """The spec for noise that is more than a level, or that nothing is known of; of rows of ``columns``, which
    have few entries, more are hidden."""
    if kind is None:
        return replace(spec, corruption=BlindSpot(HIDDEN) if columns else BlindSpot())
    shift, scale = (float(np.mean(part)) for part in (affine.shift, affine.scale))
    if kind.curve is None:
        values = tuple((v - shift) / scale for v in kind.values)
        return replace(spec, corruption=BlindSpot(impulses=values, span=kind.span / scale))
    a, b, c = kind.curve
    curve = ((a + b * shift + c * shift**2) / scale**2, (b + 2 * c * shift) / scale, c)
    return replace(
        spec, corruption=GaussianCurve(ALPHA, curve), penalties=(*spec.penalties, Recorrupted(ALPHA))
    )


def trust_of(fitted: Fitted, rows: Any, level: float) -> float:
    """How far answers go from what is there to what its neighbours say: the share of the noise's variance in
    the mean squared error of predictions from neighbours (the posterior mean of Laine et al. 2019,
    "High-quality self-supervised deep image denoising", section 3, for one variance everywhere)."""
    net = fitted.net
    x = fitted.affine.forward(some_of(rows), next(net.parameters()).dtype).to(next(net.parameters()).device)
    x_in, target = net.corruption.hidden(x, generator(fitted.seed, x.device))
    with torch.inference_mode():
        error = float((net.likelihood.mean(net(x, x_in=x_in).out) - target).square().nanmean())
    variance = (level / float(np.mean(fitted.affine.scale))) ** 2
    return min(1.0, variance / error) if error > 0 else 1.0


def mended(fitted: Fitted, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows, or whole pictures or signals, (n, channels, …) in the user's units with the median of what is around
    them in place of impulses; and where that is."""
    corruption, answer = fitted.net.corruption, rows.astype(np.result_type(rows.dtype, np.float32))
    where = np.zeros(rows.shape, dtype=bool)
    for i in range(0, len(rows), LOOKS):
        x = fitted.affine.forward(rows[i : i + LOOKS], torch.float64)
        found = corruption.found(x)
        where[i : i + LOOKS] = found.numpy()
        np.copyto(
            answer[i : i + LOOKS],
            fitted.affine.inverse(by_neighbours(x, found)),
            "same_kind",
            where=found.numpy(),
        )
    return answer, where
