"""Noise taken from rows, and from whole pictures and signals of any size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.tasks.chunks import through
from narrows.tasks.decode import reconstruct, unscaled
from narrows.tasks.runner import runner

PIXELS = 1 << 20  # of a picture that go through the network together, at most


def denoise(fitted: Fitted, rows: np.ndarray, level: float | None = None) -> np.ndarray:
    """Rows (n, \\*row) in user units without their noise: the model's reconstruction.

    ``level``: the standard deviation of the noise, in user units, for a model that takes one
    (``backbones.Residual(told=True)``); None lets it judge for itself.
    """
    if level is None or not told(fitted):
        return reconstruct(fitted, rows)
    net, scaled = fitted.net, level / unit(fitted)

    def step(x: Tensor) -> Tensor:
        return net.likelihood.mean(net(x, x_in=_with_level(x, scaled)).out)

    return unscaled(fitted, through(fitted, rows, step))


def told(fitted: Fitted) -> bool:
    """Whether the model takes the level of the noise."""
    return bool(getattr(fitted.spec.backbone, "told", False))


def boundless(fitted: Fitted) -> bool:
    """Whether the model answers for pictures and signals of any size at once."""
    return bool(getattr(fitted.net.decoder, "open", False))


def unit(fitted: Fitted) -> float:
    """What one scaled unit is in the user's units: the mean over channels."""
    return float(np.mean(fitted.affine.scale))


def denoise_whole(fitted: Fitted, thing: np.ndarray, level: float | None = None) -> np.ndarray:
    """One picture (channels, height, width) or signal (channels, time) in user units, of any size, without
    its noise; for models that are :func:`boundless`.

    Large ones go through in pieces along their longest side, each with as much around it as its pixels
    depend on: the answer is that of the whole.
    """
    net, run = fitted.net, runner(fitted)
    part = fitted.spec.backbone
    x = fitted.affine.forward(thing[None], run.dtype).to(run.device)
    with torch.inference_mode():
        if told(fitted):
            from_user = None if level is None else level / unit(fitted)
            x = _with_level(x, from_user if from_user is not None else net.encoder.level(x))
        out = torch.cat(
            [_piece(net, x, *span, part.reach) for span in _spans(x.shape[2:], part.fold)], _longest(x)
        )
        answer = out[0].cpu().numpy()
    return unscaled(fitted, answer[None])[0]


def _longest(x: Tensor) -> int:
    return 2 + int(np.argmax(x.shape[2:]))


def _spans(sizes: Sequence[int], fold: int) -> list[tuple[int, int]]:
    """Where the pieces along the longest side begin and end; on the borders of folded blocks."""
    longest = max(sizes)
    most = max(fold, PIXELS * longest // int(np.prod(sizes)) // fold * fold)
    return [(a, min(a + most, longest)) for a in range(0, longest, most)]


def _piece(net: torch.nn.Module, x: Tensor, start: int, stop: int, reach: int) -> Tensor:
    axis = _longest(x)
    around = -(-reach // net.encoder.part.fold) * net.encoder.part.fold
    first, last = max(0, start - around), min(x.shape[axis], stop + around)
    some = x.narrow(axis, first, last - first)
    rows = some[:, : net.shapes.row[0]]
    out = net.likelihood.mean(net(rows, x_in=some).out)
    return out.narrow(axis, start - first, stop - start)


def _with_level(x: Tensor, level: float | Tensor) -> Tensor:
    """x with a channel more, which holds the level of its noise in scaled units."""
    level = torch.as_tensor(level, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1))
    return torch.cat([x, level.expand(len(x), 1, *x.shape[2:])], 1)
