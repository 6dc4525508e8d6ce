"""Several networks of one shape as one: every tensor gets an axis of members.

A small network spends its time on calling operations, not on arithmetic; sixteen of them stacked
call each operation once.  Members keep their own weights, order of rows, noise, rates and penalty
weights, and end up where training them alone would have led, to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from narrows.contracts import Batch
from narrows.engine.blocks import Blocks
from narrows.engine.steps import known, watched
from narrows.net import Net
from narrows.numerics import generator

MARK = 0x6E6172726F7773  # the seed by which the members' stand-in generator is known


class UnstackableError(ValueError):
    """The networks differ in more than their numbers, or do something that has no stacked form."""


class Stacked:
    """The step of all ``nets`` at once, on batches (members, batch, \\*row); see ``steps.Step``.

    Values come as (members, terms).  The nets' own tensors become views of the stacked ones, so what
    is done to a net is done to the stack; ``blocks.release`` ends that.
    """

    def __init__(self, nets: Sequence[Net], noises: Sequence[torch.Generator], split: bool = False):
        self.nets, self.noises = list(nets), list(noises)
        self.knobs = list(_knobs(self.nets))  # found anew for every step: warm-ups move them
        self.names: list[str] = []
        self.watched = [m for net in nets for m in watched(net)]
        self.template = _Objective(self.nets[0])
        self.blocks = Blocks(nets, split)
        trained = zip(self.blocks.names, self.blocks.views(self.blocks.weights), strict=True)
        self.state = {f"net.{name}": stacked.requires_grad_() for name, stacked in trained}
        self.leaves = list(self.state.values())
        self.buffers = []
        named = [dict(_named(net)) for net in nets]
        for name in (n for n in named[0] if n not in self.blocks.names):
            stacked = torch.stack([own[name].detach() for own in named])
            for own, view in zip(named, stacked, strict=True):
                own[name].data = view
            self.state[f"net.{name}"] = stacked
            self.buffers.append(stacked)
        self.placeholder = generator(MARK, self.blocks.weights[0].device)

    def refresh(self, rounded: bool, changed: bool) -> None:
        """Nothing is taken for granted."""

    def __call__(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        self.knobs = list(_knobs(self.nets))
        device = self.blocks.weights[0].device
        knobs = [
            torch.tensor([getattr(m, attr) for m in each], dtype=torch.float64, device=device)
            for each, attr in self.knobs
        ]

        def member(
            state: dict[str, Tensor], x: Tensor, x_in: Tensor, side: Tensor, numbers: list[Tensor]
        ) -> Tensor:
            for (each, attr), number in zip(self.knobs, numbers, strict=True):
                each[0].__dict__[attr] = number.to(x.dtype)
            terms = torch.func.functional_call(
                self.template, state, (x, x_in, side, self.placeholder), strict=True
            )
            self.names = list(terms)
            return torch.stack(list(terms.values()))

        plain = [each[0].__dict__[attr] for each, attr in self.knobs]
        axes = (
            dict.fromkeys(self.state, 0),
            0,
            *(None if t is None else 0 for t in (batch.x_in, batch.side)),
        )
        try:
            with _MemberNoise(self.noises):
                values = torch.func.vmap(
                    member, in_dims=(*axes, 0 if knobs else None), randomness="different"
                )(self.state, batch.x, batch.x_in, batch.side, knobs)
        finally:
            for (each, attr), number in zip(self.knobs, plain, strict=True):
                each[0].__dict__[attr] = number
        found = torch.autograd.grad(values.sum(), self.leaves, allow_unused=True)
        return values.detach(), self.blocks.gather(found)


def agree(a: Net, b: Net) -> bool:
    """Whether two networks can be stacked, as far as can be seen without running them."""
    if any(True for _ in a.hooks("turn")):  # members train the same weights at the same time
        return False
    try:
        list(_knobs([a, b]))
    except UnstackableError:
        return False
    return True


class _Objective(nn.Module):
    """A net whose forward pass ends at the terms of its objective."""

    def __init__(self, net: Net):
        super().__init__()
        self.net = net

    def forward(
        self, x: Tensor, x_in: Tensor | None, side: Tensor | None, noise: torch.Generator
    ) -> dict[str, Tensor]:
        return self.net.terms(self.net(x, noise, x_in=x_in, side=side, dropout=noise))


class _MemberNoise(TorchDispatchMode):
    """Draws from one generator of the code become draws from each member's own."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in Recorder

    def __init__(self, noises: list[torch.Generator]):
        super().__init__()
        self.noises = noises

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = kwargs.get("generator")
        if given is None or given.initial_seed() != MARK:  # a new object each time, so not by identity
            return func(*args, **kwargs)
        place, *rest = args
        if not func._schema.is_mutable or len(place) != len(self.noises):
            raise RuntimeError(f"{func} draws noise that is not one member's.")
        for mine, noise in zip(place.unbind(), self.noises, strict=True):
            func(mine, *rest, **kwargs | {"generator": noise})
        return place


def _named(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from net.named_parameters()
    yield from net.named_buffers()


def _knobs(nets: list[Net]) -> Iterator[tuple[list[nn.Module], str]]:
    """The plain numbers in which members' modules differ; anything else they must agree in."""
    shapes = [[(name, t.shape, t.dtype, t.device) for name, t in _named(net)] for net in nets]
    if any(s != shapes[0] for s in shapes):
        raise UnstackableError("The networks have tensors of different shapes.")
    for each in zip(*(net.modules() for net in nets), strict=True):
        if len({type(m) for m in each}) > 1:
            raise UnstackableError(f"The networks differ in kind: {type(each[0]).__name__} and others.")
        if not all(getattr(m, "replayable", known(m)) for m in each):
            raise UnstackableError("Modules of your own are trained one at a time.")
        for attr, value in vars(each[0]).items():
            values = [vars(m).get(attr) for m in each]
            if attr.startswith("_") or all(v is value or _equal(v, value) for v in values):
                continue
            if not all(isinstance(v, float) for v in values):
                raise UnstackableError(f"The networks differ in {type(each[0]).__name__}.{attr}.")
            yield list(each), attr


def _equal(a: Any, b: Any) -> bool:
    plain = (bool, int, float, str, tuple, frozenset, type(None))
    if isinstance(a, plain) and isinstance(b, plain):
        return type(a) is type(b) and a == b
    return type(a) is type(b)  # modules, tensors and parts show their numbers where they are used
