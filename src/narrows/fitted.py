"""A fitted model: what every verb works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from narrows.baseline import Baseline
from narrows.contracts import Schema
from narrows.inputs.scaling import Affine
from narrows.net import Net
from narrows.spec import Spec


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (latent_dim,) and a factor (latent_dim, rank) of the covariance of the codes of training
    ``rows``."""

    mean: torch.Tensor
    factor: torch.Tensor
    rows: int


@dataclass(frozen=True, eq=False)
class Fitted:
    """The choices, the network, the way in and out of it, and how it came to be.

    ``seed`` feeds whatever a verb draws for itself; ``history`` has one dict per epoch;
    ``codes`` are moments of the training codes, for bottlenecks without a prior to draw from;
    ``training`` records rows, seconds and why training stopped.
    """

    spec: Spec
    schema: Schema
    affine: Affine
    net: Net
    baseline: Baseline
    codes: Moments | None
    seed: int
    history: tuple[dict[str, float], ...] = ()
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.net.parameters()).dtype

    @property
    def device(self) -> torch.device:
        return next(self.net.parameters()).device

    @property
    def latent_dim(self) -> int:
        return self.net.shapes.latent_dim
