"""Training rows that are read as they are needed: shuffled block by block, a buffer ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from narrows.contracts import Batch, Rows
from narrows.sources.memory import head_rows

BUFFER = 1 << 24  # numbers that are shuffled together (64 MiB in float32, twice: one is read ahead)
PIECES = 64  # places that a sample is taken from

Span = tuple[int, int]


class Stream:
    """``rows``, made tensors by ``convert``, without those of the ``held`` spans.

    An epoch takes the spans that lie together in a new order, fills a buffer with them, and shuffles
    that: every row comes exactly once, and rows of one buffer mix.

    >>> class Four:
    ...     shape, dtype, block = (4, 1), np.dtype("float32"), 2
    ...     def __len__(self): return 4
    ...     def __getitem__(self, which): return np.arange(4, dtype="float32")[which, None]
    >>> stream = Stream(Four(), torch.from_numpy)
    >>> [batch.x.flatten().tolist() for batch in stream.batches(2)]
    [[0.0, 1.0], [2.0, 3.0]]
    """

    def __init__(
        self,
        rows: Rows,
        convert: Callable[[np.ndarray], Tensor],
        held: list[Span] | None = None,
        buffer: int = BUFFER,
    ):
        self.rows, self.convert = rows, convert
        per_row = max(1, int(np.prod(rows.shape[1:], dtype=np.int64)))
        self.most = max(1, buffer // per_row)  # rows in the buffer
        self.spans = _without(spans(rows), held or [])
        self.count = sum(b - a for a, b in self.spans)
        self._head: Tensor | None = None

    def __len__(self) -> int:
        return self.count

    def steps(self, size: int) -> int:
        return max(1, self.count // size + (self.count % size > 1 or size == 1 == self.count % size))

    def batches(self, size: int, gen: torch.Generator | None = None) -> Iterator[Batch]:
        """All rows once, ``size`` at a time; shuffled by ``gen``, else in their order.  A last batch of a
        single row joins the one before it, as those of rows in memory do."""
        if gen is not None and getattr(self.rows, "anywhere", False):
            yield from self._picked(size, gen)
            return
        left: Tensor | None = None
        seen = 0
        for x in self._buffers(gen):
            seen += len(x)
            x = x if left is None else torch.cat([left, x])
            # Enough is left over that the last batch can still grow.
            whole = len(x) // size if seen < self.count else len(x) // size - 1
            whole = max(0, whole - (len(x) % size == 0 and seen < self.count))
            for i in range(whole):
                yield Batch(x[i * size : (i + 1) * size])
            left = x[whole * size :].clone()
        for part in _last(left, size):
            yield Batch(part)

    def _picked(self, size: int, gen: torch.Generator) -> Iterator[Batch]:
        """Of rows that are as quickly read here and there as one after another."""
        order = torch.randperm(self.count, generator=gen).numpy()
        order = np.concatenate([np.arange(a, b) for a, b in self.spans])[order]
        for part in _last(torch.from_numpy(order), size):
            yield Batch(self.convert(self.rows[part.numpy()]))

    def _buffers(self, gen: torch.Generator | None) -> Iterator[Tensor]:
        """Buffers of rows, the next one being read while one is used."""
        order = list(range(len(self.spans)))
        if gen is not None:
            order = torch.randperm(len(order), generator=gen).tolist()
        plan = _plan([self.spans[i] for i in order], self.most)
        seeds = [None if gen is None else int(torch.randint(2**62, (), generator=gen)) for _ in plan]
        if not plan:
            return
        with ThreadPoolExecutor(1) as reader:
            ahead: Future[Tensor] = reader.submit(self._read, plan[0], seeds[0])
            for i in range(1, len(plan) + 1):
                x = ahead.result()
                if i < len(plan):
                    ahead = reader.submit(self._read, plan[i], seeds[i])
                yield x

    def _read(self, pieces: list[Span], seed: int | None) -> Tensor:
        parts = [self.convert(self.rows[a:b]) for a, b in pieces]
        x = parts[0] if len(parts) == 1 else torch.cat(parts)
        if seed is None:
            return x
        return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))]

    def head(self, n: int) -> Tensor:
        """Up to n rows from all over: equally long runs from places at equal distances."""
        n = head_rows(min(n, self.count), self.rows.shape[1:])
        if self._head is None or len(self._head) < n:
            self._head = self._sample(n)
        known = self._head
        if n == len(known):
            return known
        return known[torch.linspace(0, len(known) - 1, n, dtype=torch.float64).long()]

    def _sample(self, n: int) -> Tensor:
        """A run of rows from each of up to ``PIECES`` places; positions count the rows that are left."""
        ends = np.cumsum([b - a for a, b in self.spans])
        if getattr(self.rows, "spans", None) is None:
            edges = np.linspace(0, self.count, min(PIECES, n) + 1).astype(int)
            begins, room = edges[:-1], np.diff(edges)
        else:  # files are quickly read from the beginning of a group alone
            some = np.unique(np.linspace(0, len(ends) - 1, PIECES).round().astype(int))
            room = np.array([self.spans[j][1] - self.spans[j][0] for j in some])
            begins = ends[some] - room
        parts = []
        for begin, length in zip(begins, _shares(n, room), strict=True):
            at, stop = int(begin), int(begin + length)
            while at < stop:
                j = int(np.searchsorted(ends, at, side="right"))
                shift = self.spans[j][1] - int(ends[j])  # from positions to rows
                until = min(stop, int(ends[j]))
                parts.append(self.convert(self.rows[at + shift : until + shift]))
                at = until
        return torch.cat(parts)


def _shares(n: int, room: np.ndarray) -> np.ndarray:
    """n in as equal shares as there is room for."""
    shares = np.zeros_like(room)
    while (left := n - int(shares.sum())) > 0 and (open_ := shares < room).any():
        each = -(-left // int(open_.sum()))
        more = np.minimum(room - shares, each) * open_
        over = np.maximum(np.cumsum(more) - left, 0)  # the last ones go without
        shares = shares + np.maximum(more - over, 0)
    return shares


def _last(x: Tensor, size: int) -> list[Tensor]:
    parts = list(x.split(size))
    if size > 1 and len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def spans(rows: Rows) -> list[Span]:
    """Runs of rows that are read together."""
    own = getattr(rows, "spans", None)
    if own is not None:
        return list(own)
    return [(a, min(a + rows.block, len(rows))) for a in range(0, len(rows), rows.block)]


def _without(all_of_them: list[Span], held: list[Span]) -> list[Span]:
    """The spans, with gaps where the held ones are."""
    for first, last in held:
        kept = []
        for a, b in all_of_them:
            kept += [(x, y) for x, y in ((a, min(b, first)), (max(a, last), b)) if x < y]
        all_of_them = kept
    return all_of_them


def _plan(order: list[Span], most: int) -> list[list[Span]]:
    """The spans in this order, cut and gathered into buffers of up to ``most`` rows."""
    plan: list[list[Span]] = []
    room = 0
    for a, b in order:
        while a < b:
            if not room:
                plan.append([])
                room = most
            stop = min(b, a + room)
            plan[-1].append((a, stop))
            room -= stop - a
            a = stop
    return plan
