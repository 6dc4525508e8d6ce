"""How often each symbol of a discrete code is used: what an ideal coder with these frequencies pays for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEMORY = 0.99  # of the shares of recent batches, per step
SMOOTHED = 0.01  # of all probability is divided evenly, so that no symbol is impossible


class Frequencies(nn.Module):
    """Shares of the ``sizes[g]`` symbols of every place g, running over batches; even at first."""

    def __init__(self, sizes: tuple[int, ...]):
        super().__init__()
        even = torch.cat([torch.full((n,), 1.0 / n) for n in sizes])
        first = torch.tensor([sum(sizes[:g]) for g in range(len(sizes))])
        self.register_buffer("share", even)  # of all places, one after another
        self.register_buffer("even", even.clone())
        self.register_buffer("first", first)

    @torch.no_grad()
    def update(self, indices: Tensor) -> None:
        """Count a batch of symbols (batch, places)."""
        flat = (indices + self.first).flatten()
        each = torch.full_like(flat, (1 - MEMORY) / len(indices), dtype=self.share.dtype)
        self.share.mul_(MEMORY).add_(torch.zeros_like(self.share).scatter_add(0, flat, each))

    def nats(self, indices: Tensor) -> Tensor:
        """−ln of the smoothed shares of symbols (batch, places), summed over places: (batch,)."""
        p = (1 - SMOOTHED) * self.share + SMOOTHED * self.even
        return -p.log().take(indices + self.first).sum(1)
