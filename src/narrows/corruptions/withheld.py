"""Some of what a row has is held back, and asked for alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform


@dataclass(frozen=True)
class Withheld:
    """The encoder is shown each entry that is not 0 with probability 1 − p; what is asked for are the others, and
    that those which are 0 are 0.  Entries that were shown are no targets.

    So a model of counts learns to say what else belongs to a row, which is what a recommender is for, and not to
    repeat what it was told; for likelihoods that take proportions among the entries that are asked for, such as
    ``Multinomial``.

    >>> Withheld(0.2)
    Withheld(p=0.2)
    """

    p: float = 0.5

    hides = True  # targets have gaps

    def __post_init__(self) -> None:
        if not 0 < self.p <= 1:
            raise ValueError(f"Withheld got p={self.p!r}, but needs a share of the entries: pass 0 < p ≤ 1.")

    def build(self, shapes: Shapes) -> nn.Module:
        return _Withheld(self.p)


class _Withheld(nn.Module):
    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        return self.targeted(x, gen)[0]

    def targeted(self, x: Tensor, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """What is shown, and what is asked for: NaN where it is nothing."""
        shown = (uniform(x, gen) >= self.p) & (x != 0)
        return x * shown, x.masked_fill(shown, torch.nan)
