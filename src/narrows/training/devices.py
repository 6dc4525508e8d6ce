"""Where a fit runs and on how many threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch
from torch import nn

# Work of one forward pass, in multiply-adds, below which a second thread costs more than it brings: about
# a millisecond.  Two threads gain little there on quiet cores and lose tenfold on busy ones.
SMALL = 5e7


def device(name: str) -> torch.device:
    """The device of that name; "auto" is a CUDA GPU where there is one, else the processor."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(name)
        torch.zeros((), device=found)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={name!r} cannot be used here ({str(error).splitlines()[0]}): pass 'auto', 'cpu' or 'cuda'."
        ) from None
    return found


@contextlib.contextmanager
def threads(work: float) -> Iterator[None]:
    """Run the block on one thread if a step is small, else on the caller's number; then restore."""
    before = torch.get_num_threads()
    wanted = 1 if work < SMALL else min(before, os.cpu_count() or before)
    if wanted == before:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def work(net: nn.Module, rows: int) -> float:
    """Multiply-adds of one pass of ``rows`` rows, estimated from the weights; a convolution's
    count once per output pixel, taken as a quarter of the input's."""
    pixels = 1
    for n in net.shapes.input[1:]:
        pixels *= n
    total = 0
    for m in net.modules():
        if isinstance(m, nn.modules.conv._ConvNd):
            total += m.weight.numel() * max(1, pixels // 4)
        elif isinstance(getattr(m, "weight", None), torch.Tensor):
            total += m.weight.numel()
    return float(rows) * total
