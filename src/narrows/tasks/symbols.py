"""The integers of a discrete code, and rows from them: the two halves of compression."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.tasks.chunks import through
from narrows.tasks.decode import refuse_side, unscaled

DIGITS = 16  # binary ones that are kept of what a decoder says


def discrete(fitted: Fitted) -> None:
    """Refuse models that have no symbols."""
    refuse_side(fitted, "compress")
    net, row = fitted.net, fitted.net.shapes.row
    with torch.inference_mode():
        x = torch.zeros(1, *row, dtype=fitted.dtype, device=fitted.device)
        if net.bottleneck(net.encoder(net.embed(x))).indices is None:
            raise ValueError(
                f"compress needs discrete codes, but {type(fitted.spec.bottleneck).__name__} makes numbers: pass a"
                " model whose bottleneck is Factorised, VQ or FSQ, such as nw.recipes.rate_distortion()."
            )


def symbols(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """The integers (n, channels) int64 that rows (n, \\*row), in the user's units and finite, are coded as."""
    net = fitted.net
    quick = getattr(net.bottleneck, "integers", None)

    def step(x: Tensor) -> Tensor:
        h = net.encoder(net.embed(x))
        return (net.bottleneck(h).indices if quick is None else quick(h)).flatten(1)

    return through(fitted, rows, step, verb="symbols").astype(np.int64, copy=False)


def twin(fitted: Fitted) -> Fitted:
    """The same model in double precision, on the processor."""
    return replace(fitted, net=copy.deepcopy(fitted.net).cpu().double())


def rows_of(double: Fitted, indices: np.ndarray) -> np.ndarray:
    """Rows (n, \\*row) in the user's units, float64, from integers (n, channels) of a :func:`twin`.

    Machines, batch sizes and numbers of threads round differently, by some 1e-15 of a value.  So all but the
    leading 16 binary digits are rounded away: two machines disagree where a value lies within that of the
    middle between two such numbers, one in ten billion.
    """
    net = double.net

    def step(k: Tensor) -> Tensor:
        code = net.bottleneck.from_indices(k.round().long())
        return net.likelihood.mean(net.decode(code.unflatten(1, net.shapes.code)))

    # Without a name: chunks of other sizes would be tried on numbers that are no symbols.
    return rounded(unscaled(double, through(double, indices, step, scaled=False)))


def rounded(values: np.ndarray) -> np.ndarray:
    """Values, float64, with 16 binary digits each.

    >>> rounded(np.array([1 / 3])).tolist()[0].hex()
    '0x1.5556000000000p-2'
    """
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, DIGITS)), exponent - DIGITS)
