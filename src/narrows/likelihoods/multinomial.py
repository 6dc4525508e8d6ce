"""Proportions: on which of its entries does a row's total fall?

Liang, Krishnan, Hoffman & Jebara 2018, "Variational autoencoders for collaborative filtering",
equation 2: the likelihood that ranks best among those for clicks, for entries compete for a budget.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.likelihoods._counts import CountLikelihood
from narrows.likelihoods._rows import Choice

HALVINGS = 60  # of an interval that holds what the mode's quotients are multiplied with
DRAWN = 2**24  # numbers that a draw holds at once, at most


@dataclass(frozen=True)
class Multinomial:
    """−xⱼ ln πⱼ nats per entry, with π = softmax(out) over the entries of a row: clicks, words, reads.

    The multinomial coefficient, which does not depend on the model, is left out; so counts need not
    be whole (weights such as tf-idf do).  How much a row sums to is not explained.  ``mean`` and
    ``draw`` are counts of a row with the mean total of the training rows; of a likelihood that was
    not trained, proportions and one count.  ``expected(out, x)`` takes the total from x.

    Entries that are missing leave the others' proportions among themselves.

    >>> module = Multinomial().build(Shapes(row=(3,), latent_dim=1))
    >>> module.row_nll(torch.zeros(1, 3), torch.tensor([[2.0, 1.0, 0.0]]))  # 3 ln 3
    tensor([3.2958])
    """

    channels = 1
    unit = False
    scaled = False  # a count has no other unit
    typed = True  # it wants a row to itself: not to be made a part of Mixed

    def build(self, shapes: Shapes) -> nn.Module:
        return _Multinomial(shapes, "Multinomial", library=True)


class _Multinomial(CountLikelihood):
    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        return self.observed(x, -self.filled(x) * self.log_proportions(out, x))

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        if self.missing:
            return super().row_nll(out, x)
        return Choice.apply(out, x.to(out.dtype), torch.is_grad_enabled())[0]

    def trials(self) -> int:
        return max(1, round(float(self.depth)))

    def mode(self, out: Tensor) -> Tensor:
        """The likeliest whole counts of a row with the total ``depth``.

        Counts one at a time go where π/(count + 1) is largest, as seats do after d'Hondt (Finucan
        1964): so they are ⌊λπ⌋ for the λ at which they sum to the total.
        """
        p, n = out.flatten(1).softmax(1), self.trials()
        low, high = torch.zeros_like(p[:, :1]), torch.full_like(p[:, :1], n + p.shape[1] + 1.0)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            fits = (middle * p).floor().sum(1, keepdim=True) <= n
            low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
        counts = (low * p).floor()
        next_in_line = (high * p).floor() > counts  # several where they tie: the first of them
        left = n - counts.sum(1, keepdim=True)
        return (counts + (next_in_line & (next_in_line.cumsum(1) <= left))).view_as(out)

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        """Whole counts that sum to ``depth``."""
        p, n = out.flatten(1).softmax(1), self.trials()
        counts = torch.zeros_like(p)
        at_once = max(1, DRAWN // len(p))
        for done in range(0, n, at_once):
            hits = torch.multinomial(p, min(at_once, n - done), replacement=True, generator=gen)
            counts.scatter_add_(1, hits, torch.ones_like(hits, dtype=p.dtype))
        return counts.view_as(out)
