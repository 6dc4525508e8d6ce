"""Cross-entropy: binary data, or intensities in [0, 1] read as probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from narrows.contracts import Shapes
from narrows.likelihoods._rows import CrossEntropy
from narrows.likelihoods._start import mean_level
from narrows.numerics import uniform


@dataclass(frozen=True)
class Bernoulli:
    """p(x|out) = πˣ(1−π)¹⁻ˣ with π = sigmoid(out): ln(1 + eˡ) − x·l nats per entry, from logits
    l, so that it never overflows.

    >>> Bernoulli()
    Bernoulli()
    """

    channels = 1
    unit = True

    def build(self, shapes: Shapes) -> nn.Module:
        return _Bernoulli(shapes)


class _Bernoulli(nn.Module):
    channels = 1
    unit = True
    continuous = False  # a probability, so a scaler's Jacobian has no place in it

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.missing = shapes.missing

    def start(self, rows: Tensor) -> Tensor:
        """Logits at which a decoder starts."""
        return mean_level(rows, logit=True)

    def nll(self, out: Tensor, x: Tensor) -> Tensor:
        if not self.missing:
            return binary_cross_entropy_with_logits(out, x, reduction="none")
        gaps = x.isnan()
        nll = softplus(out) - x.masked_fill(gaps, 0.0) * out
        return torch.where(gaps, torch.zeros_like(nll), nll)

    def row_nll(self, out: Tensor, x: Tensor) -> Tensor:
        return self.nll(out, x).flatten(1).sum(1) if self.missing else CrossEntropy.apply(out, x)

    def mean(self, out: Tensor) -> Tensor:
        return out.sigmoid()

    def mode(self, out: Tensor) -> Tensor:
        return (out > 0).to(out)

    def draw(self, out: Tensor, gen: torch.Generator) -> Tensor:
        return (uniform(out, gen) < self.mean(out)).to(out)
