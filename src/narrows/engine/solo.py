"""Training one network, an epoch at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from narrows.contracts import Source
from narrows.engine import machine
from narrows.engine.adam import Adam, DeviceGuard, Guard, divisor
from narrows.engine.average import Average
from narrows.engine.blocks import release
from narrows.engine.steps import Plain, Replayed
from narrows.net import Net
from narrows.numerics import generator, set_mode

MONITOR_ROWS = 1024  # per pass of the monitor


@dataclass(frozen=True)
class Epoch:
    """What came of an epoch: each term's mean over the rows of steps that counted, the share of
    steps that were skipped, and the monitor, where there are held-out rows."""

    terms: dict[str, float]
    skipped: float
    monitor: float | None = None


class Solo:
    """One network in training on ``rows``: its order, noise, optimiser and monitor.

    ``total`` steps are planned; hooks are told of them.  ``shown``: somebody sees the net between
    epochs and may change it.  ``plain`` runs every step as it reads.  ``begun``: the net was
    trained before, so nothing in it is started from the data, and its warm-ups are over.
    """

    def __init__(
        self,
        net: Net,
        rows: Source,
        valid: Source | None,
        *,
        size: int,
        total: int,
        seed: int,
        weight_decay: float = 0.0,
        precision: str = "auto",
        shown: bool = True,
        plain: bool = False,
        begun: bool = False,
    ):
        self.net, self.rows, self.valid, self.size, self.total = net, rows, valid, size, total
        device = next(net.parameters()).device
        self.order, self.noise, self.seed = generator(seed), generator(seed + 1, device), seed + 2
        self.weight_decay, self.shown = weight_decay, shown
        if not begun:
            net.prepare(rows, self.noise)
        # One from a file does not know that its warm-up is over.
        for module in net.modules() if begun else ():
            if not getattr(module, "settled", True) and hasattr(module, "on_step"):
                module.on_step(net, total, total)
        self.hosted = device.type == "cpu"
        self.replays = self.hosted and not plain
        self.on_step, self.on_epoch = list(net.hooks("on_step")), list(net.hooks("on_epoch"))
        self.turns = list(net.hooks("turn"))
        self.rounding = machine.Rounding(machine.rounds_products(net, size, precision))
        self.done, self.epochs = total if begun else 0, 0
        self.only = self._next()
        self._assemble()

    def _assemble(self) -> None:
        self.waiting: dict[frozenset[str] | None, tuple] = {}  # what other weights are trained with
        self._begin()

    def _begin(self) -> None:
        step = Plain(self.net, self.noise, split=self.weight_decay > 0, only=self.only)
        self.step = Replayed(step, machine.pace_for(self.net, self.size)) if self.replays else step
        self._restart()

    def _next(self) -> frozenset[str] | None:
        """Names of the parameters whose turn it is; None where all are trained all the time."""
        asked = [frozenset(turn(self.net)) for turn in self.turns]
        return frozenset.intersection(*asked) if asked else None

    def _take_turns(self) -> None:
        """Let the next weights be trained; what the last were trained with waits for their return."""
        only = self._next()
        if only == self.only:
            return
        if any(only & names for names in (self.only, *self.waiting) if names != only):
            release(self.net)  # sets that overlap begin anew
            self.only = only
            self._assemble()
            return
        self.waiting[self.only] = self.step, self.average, self.adam, self.book
        self.only = only
        if only in self.waiting:
            self.step, self.average, self.adam, self.book = self.waiting.pop(only)
            return
        self._begin()
        for step, *_ in self.waiting.values():
            step.forget()  # its recordings read weights that have moved

    def _intact(self) -> bool:
        steps = [self.step, *(step for step, *_ in self.waiting.values())]
        intact = [step.blocks.intact() for step in steps]  # each takes its own back
        return all(intact)

    def restart(self) -> None:
        """Forget what the optimisers have seen: the weights were put back."""
        self.waiting.clear()
        self._restart()

    def _restart(self) -> None:
        blocks = self.step.blocks
        self.average = Average(blocks.weights)
        self.adam = Adam(blocks.weights, self.weight_decay, blocks.decays)
        self.book = (HostLedger if self.hosted else DeviceLedger)(self.adam)

    def close(self) -> None:
        """Training is over: the net has its weights to itself."""
        release(self.net)

    def epoch(self, rates: Sequence[float]) -> Epoch:
        """Visit all rows once in a new order, one step per rate, then look at the held-out ones with
        the mean of recent weights, which stay in the net."""
        set_mode(self.net, True)
        # A callback may have frozen layers, or changed their shapes.
        if self.shown and not self._intact():
            release(self.net)
            self._assemble()
        self._take_turns()
        self.average.resume()
        rounded = self.rounding.at(max(rates))
        self.step.refresh(rounded, self.shown)
        with machine.threads(), machine.rounded_products(rounded):
            for batch, rate in zip(self.rows.batches(self.size, self.order), rates, strict=True):
                values, grads = self.step(batch)
                self.book.step(values, grads, rate, len(batch.x))
                self.average.update()
                self.done += 1
                for hook in self.on_step:
                    hook(self.net, min(self.done, self.total), self.total)
        self.average.show()
        self.epochs += 1
        for hook in self.on_epoch:
            hook(self.net, self.epochs)
        sums, rows, skipped = self.book.close()
        terms = {n: s / rows if rows else math.nan for n, s in zip(self.step.names, sums, strict=True)}
        return Epoch(terms, skipped, None if self.valid is None else monitor(self.net, self.valid, self.seed))


class HostLedger:
    """Steps, judged and summed up in plain numbers: on the processor reading a value costs nothing."""

    def __init__(self, adam: Adam):
        self.adam, self.guard = adam, Guard()
        self._open()

    def _open(self) -> None:
        self.sums: list[float] = []
        self.rows = self.steps = self.skipped = 0

    def step(self, values: Tensor, grads: list[Tensor], rate: float, rows: int) -> None:
        """Update the weights, unless the guard objects, and add to the epoch's sums."""
        (terms,) = values.tolist()
        norm = math.hypot(*(float(torch.linalg.vector_norm(g)) for g in grads))
        self.sums = self.sums or [0.0] * len(terms)
        divide = self.guard.judge(math.fsum(terms), norm)
        self.steps += 1
        if not divide:
            self.skipped += 1
            return
        self.adam.step(grads, rate, divide=divisor(divide, values))
        self.sums = [s + rows * t for s, t in zip(self.sums, terms, strict=True)]
        self.rows += rows

    def close(self) -> tuple[list[float], int, float]:
        """Sums of the terms over rows, how many rows, the share of steps skipped; and begin anew."""
        closed = self.sums, self.rows, self.skipped / max(1, self.steps)
        self._open()
        return closed


class DeviceLedger:
    """The same without asking the device for anything until the epoch is over."""

    def __init__(self, adam: Adam):
        self.adam, self.guard = adam, DeviceGuard(adam.params[0].device)
        self._open()

    def _open(self) -> None:
        self.kept: list[Tensor] = []

    def step(self, values: Tensor, grads: list[Tensor], rate: float, rows: int) -> None:
        values = values.view(-1)
        norms = torch.stack([torch.linalg.vector_norm(g) for g in grads])
        divide, skip = self.guard.judge(values.sum().float(), torch.linalg.vector_norm(norms).float())
        self.adam.step(grads, rate, divide=divide, skip=skip)
        counted = torch.cat([values * rows, values.new_full((1,), rows)])
        self.kept.append(torch.cat([torch.where(skip > 0, 0.0, counted), skip.to(values)[None]]))

    def close(self) -> tuple[list[float], int, float]:
        *sums, rows, skipped = torch.stack(self.kept).double().sum(0).tolist()  # the one wait of the epoch
        steps = len(self.kept)
        self._open()
        return sums, int(rows), skipped / max(1, steps)


@torch.no_grad()
def monitor(net: Net, rows: Source, seed: int) -> float:
    """The objective at its final weights on held-out rows, corrupted and sampled the same way every epoch."""
    set_mode(net, False)
    noise = generator(seed, next(net.parameters()).device)
    total, count = 0.0, 0
    for batch in rows.batches(MONITOR_ROWS):
        terms = net.terms(net(batch.x, noise, x_in=batch.x_in, side=batch.side))
        total = total + sum(terms.values()) * len(batch.x)
        count += len(batch.x)
    return float(total) / count
