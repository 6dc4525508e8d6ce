"""One training step: a batch in, terms and gradients out; as it reads, or replayed."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from narrows.contracts import Batch
from narrows.engine import machine
from narrows.engine.blocks import Blocks
from narrows.engine.plan import Program
from narrows.engine.record import Recorder, UnrepeatableError
from narrows.net import Net


class Step(Protocol):
    """A step on the weights in ``blocks``, and what it may change besides: ``buffers`` and the state
    of ``noises``.

    ``names`` are those of the terms, known after the first step; ``watched`` are the modules whose
    steps may differ by more than their tensors.
    """

    blocks: Blocks
    buffers: list[Tensor]
    noises: list[torch.Generator]
    watched: list[nn.Module]
    names: list[str]

    def __call__(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Each term of the objective, (nets, terms), and the gradients of their sums, blocks (nets,
        numbers); both are valid until the next step."""


class Plain:
    """The step as it reads: forward, terms, gradients by autograd."""

    def __init__(self, net: Net, noise: torch.Generator, split: bool = False):
        self.net, self.noise = net, noise
        self.blocks = Blocks([net], split)
        self.leaves = [net.get_parameter(name) for name in self.blocks.names]
        self.buffers, self.noises, self.watched = list(net.buffers()), [noise], watched(net)
        self.names: list[str] = []

    def __call__(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        p = self.net(batch.x, self.noise, x_in=batch.x_in, side=batch.side, dropout=self.noise)
        terms = self.net.terms(p)
        self.names = list(terms)
        values = torch.stack(list(terms.values()))[None]
        found = torch.autograd.grad(values.sum(), self.leaves, allow_unused=True)
        return values.detach(), self.blocks.gather(g if g is None else g[None] for g in found)


class Replayed:
    """The numbers of another step by replaying a recording of it, one per batch shape.

    Each recording is run once beside what it was made from, on the same batch, state and noise;
    unless every bit agrees, steps stay what they were.  Where one thread gives the bits that several
    do, ``pace`` may choose.
    """

    def __init__(self, step: Step, pace: machine.Pace):
        self.plain, self.pace = step, pace
        self.blocks = step.blocks
        self.programs: dict[tuple, Program | None] = {}
        self.free: set[Program] = set()  # those whose bits do not depend on the number of threads
        self.last: tuple[Batch | None, Program | None] = None, None

    @property
    def names(self) -> list[str]:
        return self.plain.names

    def __call__(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        if self.plain.watched and not repeatable(self.plain.watched):
            self.pace.start(free=False)
            return self.plain(batch)
        known, program = self.last
        if batch is not known:  # a source that reuses its tensors hands out the same batch
            key = tuple(None if t is None else t.shape for t in _given(batch))
            if key not in self.programs:
                return self._recorded(key, batch)
            program = self.programs[key]
            if program is None:
                self.pace.start(free=False)
                return self.plain(batch)
            places = list(zip(program.inputs, _tensors(batch), strict=True))
            for place, t in places:
                if place.data_ptr() != t.data_ptr():
                    place.copy_(t)
            if batch.reused and all(place.data_ptr() == t.data_ptr() for place, t in places):
                self.last = batch, program
        self.pace.start(program in self.free)
        with torch.inference_mode():
            program()
        self.pace.stop()
        return program.outputs[0], self.blocks.grads

    def _recorded(self, key: tuple, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """A plain step that is written down and replayed for comparison."""
        torch.set_num_threads(self.pace.most)
        self.programs[key] = None
        if not batch.reused:
            batch = Batch(*(None if t is None else t.clone() for t in _given(batch)))
        before = self._state()
        try:
            with Recorder() as tape:
                values, grads = self.plain(batch)
        except UnrepeatableError:
            self._restore(before)
            return self.plain(batch)
        after = self._state()
        program = Program(tape.calls, _tensors(batch), [values, *grads])

        def agrees() -> bool:
            self._restore(before)
            with torch.inference_mode():
                program()
            return all(map(_same, [values, *grads, *after], [*program.outputs, *self._state()]))

        if agrees():
            self.programs[key] = program
            with machine.threads(1):
                if self.pace.most == 1 or agrees():
                    self.free.add(program)
        self._restore(after)
        return values, grads

    def _state(self) -> list[Tensor]:
        return [*(b.clone() for b in self.plain.buffers), *(gen.get_state() for gen in self.plain.noises)]

    @torch.no_grad()
    def _restore(self, state: list[Tensor]) -> None:
        for b, value in zip(self.plain.buffers, state, strict=False):
            b.copy_(value)
        for gen, value in zip(self.plain.noises, state[len(self.plain.buffers) :], strict=True):
            gen.set_state(value)


def watched(net: Net) -> list[nn.Module]:
    """The modules whose steps may differ by more than their tensors."""
    marks = ("replayable", "settled", "on_step", "on_epoch")
    return [
        m
        for m in net.modules()
        if m is not net and (not _known(m) or any(hasattr(m, mark) for mark in marks))
    ]


def repeatable(modules: list[nn.Module]) -> bool:
    """Whether a step does the same operations every time: so unless a module says otherwise
    (``replayable = False``), is neither torch's nor ours and does not say so (``replayable = True``),
    or has a hook that may change numbers behind them and is not ``settled``."""
    for module in modules:
        hooked = hasattr(module, "on_step") or hasattr(module, "on_epoch")
        if not getattr(module, "replayable", _known(module)) or not getattr(module, "settled", not hooked):
            return False
    return True


def _known(module: nn.Module) -> bool:
    """Whether it is torch's or ours, as it was written."""
    changed = "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
    return not changed and type(module).__module__.startswith(("torch.nn.modules.", "narrows."))


def _given(batch: Batch) -> tuple[Tensor | None, ...]:
    return batch.x, batch.x_in, batch.side


def _tensors(batch: Batch) -> list[Tensor]:
    return [t for t in _given(batch) if t is not None]


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a.nan_to_num(), b.nan_to_num()) and torch.equal(a.isnan(), b.isnan())
