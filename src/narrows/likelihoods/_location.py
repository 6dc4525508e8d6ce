"""What location-scale likelihoods share: the link of the mean, a learned spread, missing entries."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.likelihoods._start import mean_level

MEANS = ("identity", "sigmoid", "auto")
SPREADS = ("unit", "shared", "feature")

# A learned log-spread moves this many times further per step than the parameter behind it, so that
# it keeps up with the weights: it starts at the data's scale and may end at a hundredth of it.
SPEED = 5.0
FLOOR = 1e-6  # of a learned variance, in scaled units: a constant column has no density without it


def check_choice(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(
            f"{owner} got {name}={value!r}, but expected one of {', '.join(map(repr, allowed))}."
        )


class Location(nn.Module):
    """Base of the two: out (batch, \\*row) is the location before its link."""

    channels = 1
    continuous = True

    def __init__(self, shapes: Shapes, mean: str, spread: str):
        super().__init__()
        self.unit = mean == "sigmoid" or (mean == "auto" and shapes.bounded)
        self.missing = shapes.missing
        self.theta: nn.Parameter | None = None
        if spread != "unit":
            self.theta = nn.Parameter(torch.zeros(shapes.row if spread == "feature" else ()))

    def start(self, rows: Tensor) -> Tensor:
        """What a decoder puts out, at first, for such rows: (row[0],)."""
        return mean_level(rows, logit=self.unit)

    def mean(self, out: Tensor) -> Tensor:
        """The location, (batch, \\*row)."""
        return out.sigmoid() if self.unit else out

    mode = mean

    def variance(self) -> Tensor | float:
        """The learned spread squared, () or row; 1 for a unit spread."""
        return 1.0 if self.theta is None else (SPEED * self.theta).exp() + FLOOR

    def observed(self, x: Tensor, nll: Tensor) -> Tensor:
        """nll with 0 where x is missing; gradients there are exactly 0 too."""
        return torch.where(x.isnan(), torch.zeros_like(nll), nll) if self.missing else nll

    def filled(self, x: Tensor, location: Tensor) -> Tensor:
        """x with its gaps at the location, so that no NaN enters the arithmetic."""
        return torch.where(x.isnan(), location.detach(), x) if self.missing else x
