"""Rows in one contiguous tensor, sliced by a permuted index: no per-row collation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from narrows.contracts import Batch

HEAD = 1 << 24  # numbers in what ``head`` gives, at most: 64 MiB in float32


class Memory:
    """Rows (n, \\*row) held in memory, with an encoder input or a side input of their own if given.

    >>> source = Memory(torch.arange(5.0)[:, None])
    >>> [len(batch.x) for batch in source.batches(2)]
    [2, 3]
    """

    def __init__(self, x: Tensor, x_in: Tensor | None = None, side: Tensor | None = None):
        self.x, self.x_in, self.side = x, x_in, side
        self._places: dict[int, Batch] = {}  # of shuffled batches, by their length

    def __len__(self) -> int:
        return len(self.x)

    def head(self, n: int) -> Tensor:
        """Up to n rows, evenly spaced: rows often come sorted."""
        if n >= len(self):
            return self.x
        n = head_rows(n, self.x.shape[1:])
        return self.x[torch.linspace(0, len(self) - 1, n, dtype=torch.float64).long().to(self.x.device)]

    def batches(self, size: int, gen: torch.Generator | None = None) -> Iterator[Batch]:
        """All rows once, ``size`` at a time, shuffled by ``gen``.

        A last batch of a single row joins the one before it: statistics of one row (batch
        normalisation, mean activity) mean nothing.
        """
        data = (self.x, self.x_in, self.side)
        stops = self.stops(size)
        spans = zip([0, *stops], stops, strict=False)
        if gen is None:
            for start, stop in spans:
                yield Batch(*(None if t is None else t[start:stop] for t in data))
            return
        order = torch.randperm(len(self), generator=gen).to(self.x.device)
        for start, stop in spans:
            batch = self._places.get(stop - start)
            if batch is None:
                places = (None if t is None else t.new_empty(stop - start, *t.shape[1:]) for t in data)
                batch = self._places[stop - start] = Batch(*places, reused=True)
            take = order[start:stop]
            torch.index_select(self.x, 0, take, out=batch.x)
            for t, place in ((self.x_in, batch.x_in), (self.side, batch.side)):
                if t is not None:
                    torch.index_select(t, 0, take, out=place)
            yield batch

    def steps(self, size: int) -> int:
        """How many batches that is."""
        return len(self.stops(size))

    def stops(self, size: int) -> list[int]:
        """Where each batch ends."""
        stops = [*range(size, len(self), size), len(self)]
        if size > 1 and len(stops) > 1 and stops[-1] - stops[-2] == 1:
            del stops[-2]
        return stops


def head_rows(n: int, row: Sequence[int]) -> int:
    """How many of n rows of that shape are few enough to look at together."""
    return max(1, min(n, HEAD // max(1, math.prod(row))))
