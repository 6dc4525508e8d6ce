"""One training step: a batch in, terms and gradients out; as it reads, or replayed."""

from __future__ import annotations

from collections.abc import Collection
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

    nets: list[Net]
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

    def __init__(
        self, net: Net, noise: torch.Generator, split: bool = False, only: Collection[str] | None = None
    ):
        self.nets, self.net, self.noise = [net], net, noise
        self.blocks = Blocks([net], split, only)
        self.leaves = [net.get_parameter(name) for name in self.blocks.names]
        self.buffers, self.noises, self.watched = list(net.buffers()), [noise], watched(net)
        self.names: list[str] = []

    def refresh(self, rounded: bool, changed: bool) -> None:
        """Nothing is taken for granted."""

    def forget(self) -> None:
        """Nothing was recorded."""

    def __call__(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        p = self.net(batch.x, self.noise, x_in=batch.x_in, side=batch.side, dropout=self.noise)
        terms = self.net.terms(p)
        self.names = list(terms)
        each = [t.view(1) for t in terms.values()]
        values = (torch.cat(each) if len(each) > 1 else each[0])[None]
        found = torch.autograd.grad(values.sum(), self.leaves, allow_unused=True)
        return values.detach(), self.blocks.gather(g if g is None else g[None] for g in found)


class Replayed:
    """The numbers of another step by replaying a recording of it, one per batch shape.

    Each recording is run beside what it was made from on its own batch and on the next of that shape,
    from the same state and noise; unless every bit of terms, gradients and buffers agrees, steps stay
    what they were.  Where one thread gives the bits that several
    do, ``pace`` may choose.
    """

    def __init__(self, step: Step, pace: machine.Pace):
        self.plain, self.pace = step, pace
        self.blocks = step.blocks
        self.programs: dict[tuple, Program | None] = {}
        self.free: set[Program] = set()  # those whose bits do not depend on the number of threads
        self.untried: set[tuple] = set()  # programs that have agreed on one batch only
        self.last: tuple[Batch | None, Program | None] = None, None
        self.marks: list[list] = []

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
            if key in self.untried:
                self.untried.remove(key)
                return self._compared(key, batch, program)
            if batch.reused and all(place.data_ptr() == t.data_ptr() for place, t in places):
                self.last = batch, program
        self.pace.start(program in self.free)
        with torch.inference_mode():
            program()
        self.pace.stop()
        return program.outputs[0], self.blocks.grads

    def refresh(self, rounded: bool, changed: bool) -> None:
        """Record and compare anew if products are now ``rounded`` otherwise, or if somebody has
        changed more of the network than its weights, where it may have been ``changed`` at all."""
        marks = [[rounded], *self.marks[1:]]
        if changed or not self.marks:
            self.plain.watched = [m for net in self.plain.nets for m in watched(net)]
            marks = [[rounded], *map(_mark, self.plain.nets)]
        if marks != self.marks:
            self.marks = marks
            self.forget()

    def forget(self) -> None:
        """Record anew: tensors that recordings read lie elsewhere now."""
        self.last = None, None
        self.programs.clear()
        self.free.clear()

    def _recorded(self, key: tuple, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """A plain step that is written down and replayed for comparison."""
        self.programs[key] = None
        if not batch.reused:
            batch = Batch(*(None if t is None else t.clone() for t in _given(batch)))
        before = self._state()
        torch.set_num_threads(self.pace.most)
        try:
            with Recorder() as tape:
                values, grads = self.plain(batch)
            program = Program(tape.calls, _tensors(batch), [values, *grads])
        except (UnrepeatableError, RuntimeError, TypeError, ValueError):
            self._restore(before)
            self.pace.start(free=False)
            return self.plain(batch)
        self._restore(before)
        self.untried.add(key)  # on another batch: a constant is one on every batch
        return self._compared(key, batch, program)

    def _compared(self, key: tuple, batch: Batch, program: Program) -> tuple[Tensor, list[Tensor]]:
        """A plain step, and the program beside it on as many threads as there are, and on one."""
        before = self._state()
        torch.set_num_threads(self.pace.most)
        values, grads = self.plain(batch)
        values, wanted, after = values.clone(), [g.clone() for g in grads], self._state()

        def agrees(threads: int) -> bool:
            self._restore(before)
            for g in self.blocks.grads:
                g.fill_(torch.nan)  # what the program leaves out shows
            try:
                with machine.threads(threads), torch.inference_mode():
                    program()
            except (RuntimeError, TypeError, ValueError):  # an operation that only autograd can call
                return False
            views = self.blocks.views
            got = [program.outputs[0], *views(self.blocks.grads), *self._state()]
            return all(map(_same, [values, *views(wanted), *after], got))

        same = agrees(self.pace.most)
        free = same and (self.pace.most == 1 or agrees(1))
        self.programs[key] = program if same else None
        (self.free.add if free else self.free.discard)(program)
        self._restore(after)
        for g, value in zip(self.blocks.grads, wanted, strict=True):
            g.copy_(value)
        return values, self.blocks.grads

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
        m for m in net.modules() if m is not net and (not known(m) or any(hasattr(m, mark) for mark in marks))
    ]


def repeatable(modules: list[nn.Module]) -> bool:
    """Whether a step does the same operations every time: so unless a module says otherwise
    (``replayable = False``), is neither torch's nor ours and does not say so (``replayable = True``),
    or has a hook that may change numbers behind them and is not ``settled``."""
    for module in modules:
        hooked = hasattr(module, "on_step") or hasattr(module, "on_epoch")
        if not getattr(module, "replayable", known(module)) or not getattr(module, "settled", not hooked):
            return False
    return True


def known(module: nn.Module) -> bool:
    """Whether it is torch's or ours, as it was written."""
    changed = "forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
    return not changed and type(module).__module__.startswith(("torch.nn.modules.", "narrows."))


def _mark(net: Net) -> list:
    """What a recording takes for granted of a network: the plain numbers in its modules."""
    plain = (bool, int, float, str, tuple, type(None))
    return [
        [
            (k, v)
            for k, v in vars(m).items()
            if isinstance(v, plain) and k != "training" and not k.startswith("_")
        ]
        for m in net.modules()
    ]


def _given(batch: Batch) -> tuple[Tensor | None, ...]:
    return batch.x, batch.x_in, batch.side


def _tensors(batch: Batch) -> list[Tensor]:
    return [t for t in _given(batch) if t is not None]


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.nan_to_num(), b.nan_to_num()) and torch.equal(a.isnan(), b.isnan())
