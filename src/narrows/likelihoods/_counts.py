"""What likelihoods of counts share: rates that cannot overflow, proportions of a row's total, missing
entries, and what they learn from training rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes, Source
from narrows.likelihoods._start import mean_level

STEEP = 30.0  # logarithm of the rate above which rates grow linearly: 10¹³ is no count
NOTHING = 1e-30  # stands for a total of 0 where its logarithm is taken
START_ROWS = 4096  # that are looked at before training, at most


class CountLikelihood(nn.Module):
    """Base of the three: out (batch, \\*row) are log-rates or, of a ``library`` likelihood, logits of
    the proportions in which a row's total falls on its entries.

    The total belongs to the row, not to its code.  ``nll`` takes it from x.  ``mean``, ``mode`` and
    ``draw``, which have no x, take ``depth``: the mean total of training rows, 1 until ``prepare`` has
    seen some, so that the mean of a likelihood that nobody has trained is the proportions.
    """

    channels = 1
    unit = False
    continuous = False  # a probability, so a scaler's Jacobian has no place in it

    def __init__(self, shapes: Shapes, name: str, library: bool):
        super().__init__()
        if library and shapes.levels is not None and any(shapes.levels):
            raise ValueError(
                f"{name} got a table with categories, but divides a row's total among counts:"
                " pass columns of counts alone, or another likelihood."
            )
        self.name, self.row, self.features = name, tuple(shapes.row), shapes.features
        self.library, self.missing = library, shapes.missing
        if library:
            self.register_buffer("depth", torch.ones(()))

    def start(self, rows: Tensor) -> Tensor:
        """Log-rates, or logits, at which a decoder starts; what none of n rows has counts half in n."""
        return mean_level(rows, logit=False).clamp(min=0.5 / len(rows)).log()

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Look at training rows."""
        rows = source.head(START_ROWS)
        if tuple(rows.shape[1:]) == self.row:  # those of a mixed table are Mixed's, which shows some columns
            self.look(rows)

    def look(self, rows: Tensor) -> None:
        """Refuse rows (n, \\*row) that are no counts; learn from them what ``learn`` does."""
        if (least := float(rows.nan_to_num(0.0).min())) < 0:
            raise ValueError(
                f"{self.name} got rows with {least:.4g} in them after scaling, but explains counts:"
                " pass scale=None and numbers ≥ 0, or another likelihood."
            )
        self.learn(rows)

    def learn(self, rows: Tensor) -> None:
        """The mean total of rows (n, \\*row)."""
        if self.library:
            self.depth.copy_(self.totals(rows).mean().clamp(min=NOTHING))

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        return self.nll(out, x).flatten(1).sum(1)

    def mean(self, out: Tensor) -> Tensor:
        """Rates, (batch, \\*row); of a library likelihood those of a row with the total ``depth``."""
        return self.proportions(out) * self.depth if self.library else rate(out)

    def expected(self, out: Tensor, x: Tensor) -> Tensor:
        """``mean`` where the row x itself is known, and with it its total."""
        if not self.library:
            return self.mean(out)
        p = self.proportions(out)
        seen = self.observed(x, p).flatten(1).sum(1).clamp(min=NOTHING) if self.missing else 1.0
        return p * self.across(self.totals(x).flatten() / seen)

    def proportions(self, out: Tensor) -> Tensor:
        """softmax over all entries of a row, (batch, \\*row)."""
        return out.flatten(1).softmax(1).view_as(out)

    def log_proportions(self, out: Tensor, x: Tensor) -> Tensor:
        """Their logarithms, among the entries that are there: given the total of some entries, counts
        are multinomial with the proportions that these have among themselves."""
        flat = out.flatten(1)
        if self.missing:
            flat = flat.masked_fill(x.flatten(1).isnan(), torch.finfo(out.dtype).min / 2)
        return flat.log_softmax(1).view_as(out)

    def totals(self, x: Tensor) -> Tensor:
        """What a row sums to, (batch, 1, …); never negative, as rows of noise may be."""
        return self.across(self.filled(x).flatten(1).sum(1).clamp(min=0))

    def across(self, numbers: Tensor) -> Tensor:
        """One number per row, (batch,), in a shape that broadcasts against rows."""
        return numbers.view(-1, *(1,) * len(self.row))

    def log_rates(self, out: Tensor, x: Tensor) -> Tensor:
        """ln of the rate of each entry of a library likelihood, given x's total."""
        return self.log_proportions(out, x) + self.totals(x).clamp(min=NOTHING).log()

    def observed(self, x: Tensor, nll: Tensor) -> Tensor:
        """nll with 0 where x is missing; gradients there are exactly 0 too."""
        return torch.where(x.isnan(), torch.zeros_like(nll), nll) if self.missing else nll

    def filled(self, x: Tensor) -> Tensor:
        """x with 0 in its gaps, so that no NaN enters the arithmetic."""
        return x.masked_fill(x.isnan(), 0.0) if self.missing else x


def rate(out: Tensor) -> Tensor:
    """e^out, and above ``STEEP`` its tangent: finite, and with a gradient that leads back."""
    low = out.clamp(max=STEEP)
    return low.exp() * (1 + out - low)


def log_rate(out: Tensor) -> Tensor:
    """Its logarithm: out itself up to ``STEEP``."""
    low = out.clamp(max=STEEP)
    return low + (out - low).log1p()
