"""The best weights so far, kept beside the net."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Best:
    """Copies of a net's weights at its best monitor value; lower is better."""

    def __init__(self, net: nn.Module):
        self.net = net
        self.value = math.inf
        self.epoch = -1
        self._kept: list[Tensor] | None = None

    def _state(self) -> list[Tensor]:
        return [t.detach() for t in (*self.net.parameters(), *self.net.buffers())]

    def offer(self, value: float, epoch: int) -> bool:
        """Keep the present weights if ``value`` is the best yet; says whether it was."""
        if not value < self.value:
            return False
        self.value = value
        self.keep(epoch)
        return True

    def keep(self, epoch: int) -> None:
        """Keep the present weights, whatever they are worth."""
        self.epoch = epoch
        state = self._state()
        if self._kept is None:
            self._kept = [t.clone() for t in state]
        else:
            for kept, t in zip(self._kept, state, strict=True):
                kept.copy_(t)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the kept weights back."""
        if self._kept is not None:
            for t, kept in zip(self._state(), self._kept, strict=True):
                t.copy_(kept)
