"""Rows through the network in chunks of one fixed size.

Matrix products round differently for different batch sizes.  Padding every chunk to the same
size makes a row's answer independent of how many others came with it, and bounds memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from narrows.fitted import Fitted
from narrows.training.devices import threads, work

CHUNK = 256


def padded(x: Tensor, size: int = CHUNK) -> Tensor:
    """x with rows of zeros up to ``size``."""
    missing = size - len(x)
    return x if not missing else torch.cat([x, x.new_zeros(missing, *x.shape[1:])])


@torch.inference_mode()
def through(
    fitted: Fitted, rows: np.ndarray, step: Callable[[Tensor], Tensor], scaled: bool = True
) -> np.ndarray:
    """``step`` on every chunk of ``rows`` (n, …), its answers (n, …) joined.

    ``scaled`` rows are in the user's units and are scaled on the way in; codes are not.
    """
    net = fitted.net.eval()
    answer: np.ndarray | None = None
    with threads(work(net, CHUNK)):
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            if scaled:
                x = fitted.affine.forward(part, fitted.dtype)
            else:  # a frame's array is read-only and a view may run backwards: torch takes neither
                x = torch.from_numpy(np.require(part, requirements="CW")).to(fitted.dtype)
            got = step(padded(x).to(fitted.device))[: len(part)].cpu().numpy()
            if answer is None:
                answer = np.empty((len(rows), *got.shape[1:]), got.dtype)
            answer[start : start + len(part)] = got
    assert answer is not None, "callers pass at least one row"
    return answer
