"""Codes to rows, and rows through their codes to rows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.tasks.chunks import through


def refuse_side(fitted: Fitted, verb: str) -> None:
    """Where the decoder needs more than a code, verbs that only have codes say so."""
    if fitted.net.side is not None:
        raise ValueError(
            f"{verb} got codes alone, but this model's decoder also sees its {fitted.net.side}:"
            " use reconstruct, which has both."
        )


def decode(fitted: Fitted, codes: np.ndarray) -> np.ndarray:
    """Rows (n, \\*row) in user units: the likelihood's mean at codes (n, latent_dim)."""
    refuse_side(fitted, "inverse_transform")
    net = fitted.net

    def step(z: Tensor) -> Tensor:
        return parts(z)[0]

    def parts(z: Tensor) -> tuple[Tensor, ...]:
        out = net.decode(z.unflatten(1, net.shapes.code))
        return net.likelihood.mean(out), out

    return unscaled(fitted, through(fitted, codes, step, scaled=False, verb="decode", parts=parts))


def reconstruct(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Rows (n, \\*row) in user units after a trip through their codes."""
    net = fitted.net
    # Counts are reconstructed for a row of its own size.
    expected = getattr(net.likelihood, "expected", lambda out, x: net.likelihood.mean(out))

    def step(x: Tensor) -> Tensor:
        return parts(x)[0]

    def parts(x: Tensor) -> tuple[Tensor, ...]:
        p = net(x)
        return expected(p.out, x), p.out, p.code.mean

    return unscaled(fitted, through(fitted, rows, step, verb="reconstruct", parts=parts))


def unscaled(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    return fitted.affine.inverse(torch.from_numpy(rows))
