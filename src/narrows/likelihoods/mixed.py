"""Columns of several types, each by a likelihood of its own: one honest sum, in nats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source
from narrows.likelihoods._counts import START_ROWS
from narrows.likelihoods.bernoulli import Bernoulli
from narrows.likelihoods.categorical import Categorical
from narrows.likelihoods.normal import Normal

NUMBERS = Normal(variance="feature")


@dataclass(frozen=True)
class Mixed:
    """Numbers by ``numbers``, columns of two categories by Bernoulli, of more by Categorical.

    A row's nll is the sum over its columns; what is missing counts 0.  Any other likelihood that is
    given a table with categories becomes ``Mixed(numbers=itself)``.

    With a likelihood of counts as ``numbers`` every number is one: none is scaled, all must be ≥ 0, and
    columns of times, whose unit is nobody's count, are refused.

    >>> Mixed()
    Mixed(numbers=Normal(variance='feature', mean='identity'))
    """

    numbers: Any = NUMBERS
    typed = True

    def __post_init__(self) -> None:
        if not hasattr(self.numbers, "build") or getattr(self.numbers, "typed", False):
            raise ValueError(
                f"Mixed got numbers={self.numbers!r}, but needs a likelihood of numbers: pass Normal() or Laplace()."
            )

    @property
    def unit(self) -> bool:
        """Whether number columns must lie in [0, 1]."""
        return self.numbers.unit

    @property
    def scaled(self) -> bool:
        """False where number columns must stay in the user's units: counts have no other."""
        return getattr(self.numbers, "scaled", True)

    def build(self, shapes: Shapes) -> nn.Module:
        levels = shapes.levels or (0,) * shapes.features
        groups = []
        for part, which in (
            (self.numbers, [i for i, k in enumerate(levels) if k == 0]),
            (Bernoulli(), [i for i, k in enumerate(levels) if k == 2]),
            (Categorical(), [i for i, k in enumerate(levels) if k not in (0, 2)]),
        ):
            if which:
                mine = tuple(levels[i] for i in which) if isinstance(part, Categorical) else None
                groups.append((part.build(shapes.but(row=(len(which),), levels=mine)), which))
        return _Mixed(groups, len(levels))


def typed(likelihood: Any, shapes: Shapes) -> Any:
    """The likelihood that the columns need: Mixed where some are categories."""
    plain = shapes.levels is None or getattr(likelihood, "typed", False)
    return likelihood if plain or not any(shapes.levels) else Mixed(likelihood)


class _Mixed(nn.Module):
    """``groups``: modules and the columns they explain; out is theirs one after another."""

    def __init__(self, groups: list[tuple[nn.Module, list[int]]], columns: int):
        super().__init__()
        self.parts = nn.ModuleList(part for part, _ in groups)
        self.where = [which for _, which in groups]
        widths = [_widths(part, len(which)) for part, which in groups]
        self.sizes = [sum(w) for w in widths]
        order = [i for which in self.where for i in which]  # columns in the order of the groups
        by_column = dict(zip(order, (k for w in widths for k in w), strict=True))
        self.channels = tuple(by_column[i] for i in range(columns))
        self.continuous = any(part.continuous for part in self.parts)
        self.unit = any(part.continuous and part.unit for part in self.parts)
        for i, which in enumerate(self.where):
            self.register_buffer(f"columns_{i}", torch.tensor(which))
        self.register_buffer("back", torch.tensor(order).argsort())

    def _split(self, out: Tensor, x: Tensor | None = None) -> list[tuple]:
        outs = out.split(self.sizes, 1)
        if x is None:
            return list(zip(self.parts, outs, strict=True))
        xs = [x.index_select(1, getattr(self, f"columns_{i}")) for i in range(len(self.parts))]
        return list(zip(self.parts, outs, xs, strict=True))

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1).index_select(1, self.back)

    def start(self, rows: Tensor) -> Tensor:
        """What a decoder puts out, at first: each column's mean, or its categories' frequencies."""
        return torch.cat([p.start(rows[:, which]) for p, which in zip(self.parts, self.where, strict=True)])

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Show training rows to parts that look at some, each its own columns."""
        looking = [(p, which) for p, which in zip(self.parts, self.where, strict=True) if hasattr(p, "look")]
        rows = source.head(START_ROWS) if looking else None
        for part, which in looking:
            part.look(rows[:, which])

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        return self._joined([part.nll(o, mine) for part, o, mine in self._split(out, x)])

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        rows = [
            part.row_nll(o, mine) if hasattr(part, "row_nll") else part.nll(o, mine).sum(1)
            for part, o, mine in self._split(out, x)
        ]
        return torch.stack(rows).sum(0)

    def mean(self, out: Tensor) -> Tensor:
        """The mean of numbers, the likeliest category of the others."""
        return self._joined([(p.mean if p.continuous else p.mode)(o) for p, o in self._split(out)])

    def mode(self, out: Tensor) -> Tensor:
        return self._joined([part.mode(o) for part, o in self._split(out)])

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        return self._joined([part.draw(o, gen) for part, o in self._split(out)])


def _widths(part: nn.Module, columns: int) -> tuple[int, ...]:
    return (part.channels,) * columns if isinstance(part.channels, int) else part.channels
