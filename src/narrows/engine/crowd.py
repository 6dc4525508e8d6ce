"""Training several networks of one shape side by side, an epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from narrows.contracts import Batch
from narrows.engine import machine
from narrows.engine.adam import Adam, Guard, divisor
from narrows.engine.average import Average
from narrows.engine.blocks import release
from narrows.engine.solo import Epoch, monitor
from narrows.engine.stack import Stacked, UnstackableError
from narrows.engine.steps import Replayed
from narrows.net import Net
from narrows.numerics import generator, set_mode
from narrows.sources import Memory


class Member:
    """What one network of a crowd has to itself."""

    def __init__(self, net: Net, rows: Memory, seed: int, total: int):
        device = next(net.parameters()).device
        self.net, self.total, self.seed = net, total, seed + 2
        self.order, self.noise = generator(seed), generator(seed + 1, device)
        net.prepare(rows, self.noise)
        self.on_step, self.on_epoch = list(net.hooks("on_step")), list(net.hooks("on_epoch"))
        self.guard, self.done, self.epochs = Guard(), 0, 0


class Crowd:
    """The networks of ``members`` in training on the same ``rows``.

    ``epoch`` is given each present member's rates; a member for whom there are none has finished and
    leaves the stack.
    """

    def __init__(
        self,
        members: Sequence[Member],
        rows: Memory,
        valid: Memory | None,
        *,
        size: int,
        weight_decay: float = 0.0,
        precision: str = "auto",
        shown: bool = True,
        plain: bool = False,
    ):
        self.members, self.rows, self.valid, self.size = list(members), rows, valid, size
        self.weight_decay, self.shown, self.plain = weight_decay, shown, plain
        self.rounding = machine.Rounding(machine.rounds_products(members[0].net, size, precision))
        self._assemble()
        self._probe()
        self.adam = Adam(self.blocks.weights, weight_decay, self.blocks.decays)
        self.average = Average(self.blocks.weights)
        self._divide_adam([0.0] * len(members))

    def _assemble(self) -> None:
        nets, noises = [m.net for m in self.members], [m.noise for m in self.members]
        step = Stacked(nets, noises, split=self.weight_decay > 0)
        pace = machine.pace_for(self.members[0].net, self.size * len(self.members))
        hosted = self.rows.x.device.type == "cpu"
        self.step = Replayed(step, pace) if hosted and not self.plain else step
        self.blocks = step.blocks
        self.places: dict[int, Batch] = {}

    def _probe(self) -> None:
        """Try one step, and take it back: some operations have no stacked form."""
        step = self.step.plain if isinstance(self.step, Replayed) else self.step
        x = self.rows.x[: self.size]
        buffers, noises = [b.clone() for b in step.buffers], [n.get_state() for n in step.noises]
        try:
            step(Batch(x.expand(len(self.members), *x.shape)))
        except RuntimeError as error:
            raise UnstackableError(str(error).splitlines()[0]) from error
        finally:
            with torch.no_grad():
                for b, value in zip(step.buffers, buffers, strict=True):
                    b.copy_(value)
            for noise, state in zip(step.noises, noises, strict=True):
                noise.set_state(state)

    def _divide_adam(self, counts: Sequence[float]) -> None:
        """An optimiser for each member, of views into the memory of the one for all."""
        adam = self.adam
        self.single = []
        for i, count in enumerate(counts):
            mine = Adam([p[i] for p in adam.params], self.weight_decay, self.blocks.decays)
            mine.first, mine.second = [t[i] for t in adam.first], [t[i] for t in adam.second]
            mine.count.fill_(count)
            self.single.append(mine)
        self.counts = list(counts)

    def restart(self, member: Member) -> None:
        """Forget what the member's optimiser has seen: its weights were put back."""
        i = self.members.index(member)
        for t in (*self.single[i].first, *self.single[i].second, self.single[i].count):
            t.zero_()
        self.counts[i], member.guard = 0.0, Guard()
        self.average.adopt(i)

    def keep(self, present: Sequence[Member]) -> None:
        """Go on with these members; the others take their weights with them."""
        chosen = [i for i, m in enumerate(self.members) if m in present]
        if len(chosen) == len(self.members):
            return
        for m in self.members:
            release(m.net)
        self.members = [self.members[i] for i in chosen]
        if not chosen:
            return
        first, second = ([t[chosen] for t in old] for old in (self.adam.first, self.adam.second))
        counts = [self.counts[i] for i in chosen]
        self._assemble()
        self.adam = Adam(self.blocks.weights, self.weight_decay, self.blocks.decays)
        self.adam.first, self.adam.second = first, second
        self.average = self.average.chosen(chosen, self.blocks.weights)
        self._divide_adam(counts)

    def epoch(self, rates: Sequence[Sequence[float]]) -> list[Epoch]:
        """Every member visits all rows once in an order of its own, one step per rate."""
        sums: list[list[float]] = [[] for _ in self.members]
        counted, skipped = [0] * len(self.members), [0] * len(self.members)
        for m in self.members:
            set_mode(m.net, True)
        if self.shown and not self.blocks.intact():
            raise RuntimeError(
                "A callback changed which parameters of a network are trained, but networks that are trained side by"
                " side must stay alike: fit them one at a time."
            )
        self.average.resume()
        rounded = self.rounding.at(max(map(max, rates)))
        self.step.refresh(rounded, self.shown)
        with machine.threads(), machine.rounded_products(rounded):
            for batch, now in zip(self._batches(), zip(*rates, strict=True), strict=True):
                values, grads = self.step(batch)
                rows = batch.x.shape[1]
                for i, terms in enumerate(self._update(values, grads, now)):
                    if terms is None:
                        skipped[i] += 1
                        continue
                    counted[i] += rows
                    sums[i] = [
                        s + rows * t for s, t in zip(sums[i] or [0.0] * len(terms), terms, strict=True)
                    ]
                self.average.update()
                for m in self.members:
                    m.done += 1
                    for hook in m.on_step:
                        hook(m.net, m.done, m.total)
        self.average.show()
        return [
            self._closed(i, m, sums[i], counted[i], skipped[i] / len(rates[i]))
            for i, m in enumerate(self.members)
        ]

    def _closed(self, i: int, m: Member, sums: list[float], rows: int, skipped: float) -> Epoch:
        m.epochs += 1
        for hook in m.on_epoch:
            hook(m.net, m.epochs)
        names = self.step.names
        terms = (
            dict(zip(names, (s / rows for s in sums), strict=True))
            if rows
            else dict.fromkeys(names, math.nan)
        )
        return Epoch(terms, skipped, None if self.valid is None else monitor(m.net, self.valid, m.seed))

    def _batches(self) -> Iterator[Batch]:
        """Batches (members, batch, \\*row), in the order in which each would visit the rows alone."""
        orders = torch.stack([torch.randperm(len(self.rows), generator=m.order) for m in self.members])
        orders = orders.to(self.rows.x.device)
        start = 0
        for stop in self.rows.stops(self.size):
            take = orders[:, start:stop]
            batch = self.places.get(take.shape[1])
            if batch is None:
                x = self.rows.x.new_empty(*take.shape, *self.rows.x.shape[1:])
                batch = self.places[take.shape[1]] = Batch(x, reused=True)
            torch.index_select(self.rows.x, 0, take.reshape(-1), out=batch.x.flatten(0, 1))
            yield batch
            start = stop

    def _update(
        self, values: Tensor, grads: list[Tensor], rates: Sequence[float]
    ) -> list[list[float] | None]:
        """Update every member, unless its guard objects; the terms of those that counted."""
        norms = [torch.linalg.vector_norm(g, dim=1) for g in grads]
        figures = torch.cat([values, torch.stack(norms, 1).to(values)], 1).tolist()
        count = values.shape[1]
        divides = [
            m.guard.judge(math.fsum(row[:count]), math.hypot(*row[count:]))
            for m, row in zip(self.members, figures, strict=True)
        ]
        alike = len(set(rates)) == 1 and set(divides) == {1.0} and len(set(self.counts)) == 1
        if alike:  # as nearly always: one call for all
            self.adam.count.fill_(self.counts[0])
            self.adam.step(grads, rates[0])
            self.counts = [c + 1 for c in self.counts]
        else:
            for i, (divide, rate) in enumerate(zip(divides, rates, strict=True)):
                if not divide:
                    continue
                adam = self.single[i]
                adam.count.fill_(self.counts[i])
                adam.step([g[i] for g in grads], rate, divide=divisor(divide, values))
                self.counts[i] += 1
        return [row[:count] if d else None for row, d in zip(figures, divides, strict=True)]
