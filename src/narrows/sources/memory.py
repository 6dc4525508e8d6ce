"""Rows in one contiguous tensor, sliced by a permuted index: no per-row collation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from narrows.contracts import Batch


class Memory:
    """Rows (n, \\*row) held in memory, with an encoder input or a side input of their own if given.

    >>> source = Memory(torch.arange(5.0)[:, None])
    >>> [len(batch.x) for batch in source.batches(2)]
    [2, 3]
    """

    def __init__(self, x: Tensor, x_in: Tensor | None = None, side: Tensor | None = None):
        self.x, self.x_in, self.side = x, x_in, side

    def __len__(self) -> int:
        return len(self.x)

    def head(self, n: int) -> Tensor:
        """Up to n rows, evenly spaced: rows often come sorted."""
        if n >= len(self):
            return self.x
        return self.x[torch.linspace(0, len(self) - 1, n, dtype=torch.float64).long().to(self.x.device)]

    def batches(self, size: int, gen: torch.Generator | None = None) -> Iterator[Batch]:
        """All rows once, ``size`` at a time, shuffled by ``gen``.

        A last batch of a single row joins the one before it: statistics of one row (batch
        normalisation, mean activity) mean nothing.
        """
        order = None if gen is None else torch.randperm(len(self), generator=gen).to(self.x.device)
        stops = self._stops(size)
        for start, stop in zip([0, *stops], stops, strict=False):
            take = slice(start, stop) if order is None else order[start:stop]
            yield Batch(*(None if t is None else t[take] for t in (self.x, self.x_in, self.side)))

    def steps(self, size: int) -> int:
        """How many batches that is."""
        return len(self._stops(size))

    def _stops(self, size: int) -> list[int]:
        stops = [*range(size, len(self), size), len(self)]
        if size > 1 and len(stops) > 1 and stops[-1] - stops[-2] == 1:
            del stops[-2]
        return stops
