"""One of several categories per column, by a softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform

SMOOTHING = 0.5  # rows that each category is taken to have been seen in, besides those it was


@dataclass(frozen=True)
class Categorical:
    """p(x = k) = softmax(l)ₖ for each column of category codes, with one logit per category.

    nll = ln Σ exp(l) − lₓ.  For tables whose columns are all categories; ``Mixed`` takes those that
    also have numbers.

    >>> Categorical()
    Categorical()
    """

    unit = False
    typed = True

    def build(self, shapes: Shapes) -> nn.Module:
        if shapes.levels is None or 0 in shapes.levels:
            raise ValueError(
                "Categorical got columns of numbers, but explains categories alone: pass likelihood='mixed'."
            )
        return CategoricalColumns(shapes.levels)


class CategoricalColumns(nn.Module):
    """``levels``: the number of categories of each column; codes (batch, columns), NaN is missing;
    out (batch, Σ levels), column by column."""

    unit = False
    continuous = False

    def __init__(self, levels: Sequence[int]):
        super().__init__()
        self.channels = tuple(levels)
        first = torch.tensor([sum(levels[:i]) for i in range(len(levels))])
        self.register_buffer("first", first)  # each column's first logit

    def start(self, codes: Tensor) -> Tensor:
        """The logits of the categories' frequencies in codes."""
        return torch.cat([_log_frequencies(c, k) for c, k in zip(codes.T, self.channels, strict=True)])

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        gaps = x.isnan()
        picked = out.gather(1, x.nan_to_num(0.0).long() + self.first)
        whole = torch.stack([part.logsumexp(1) for part in out.split(self.channels, 1)], 1)
        return torch.where(gaps, 0.0, whole - picked)

    def mode(self, out: Tensor) -> Tensor:
        """The likeliest category's code."""
        return torch.stack([part.argmax(1) for part in out.split(self.channels, 1)], 1).to(out)

    mean = mode  # codes have no mean that means anything

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        # Gumbel noise: the largest of logits − ln(−ln u) is a draw from their softmax.
        return self.mode(out - (-uniform(out, gen).clamp(min=1e-20).log()).clamp(min=1e-20).log())


def _log_frequencies(codes: Tensor, levels: int) -> Tensor:
    seen = codes[~codes.isnan()].long()
    counts = torch.bincount(seen, minlength=levels).to(codes) + SMOOTHING
    return (counts / counts.sum()).log()
