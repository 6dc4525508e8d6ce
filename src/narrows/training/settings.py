"""What the user decides about training, and what "auto" comes to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import torch
from torch import nn

STEPS = 5000  # that a fit which may stop early plans for, if max_epochs allows
PRECISIONS = {"auto": torch.float32, "float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Settings:
    """The estimator's training parameters, checked; see ``Autoencoder`` for what each means."""

    max_epochs: int = 100
    batch_size: int | str = "auto"
    learning_rate: float | str = "auto"
    weight_decay: float = 0.0
    patience: int | None = 10
    validation_fraction: float = 0.1
    callbacks: tuple[Any, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    verbose: int = 0

    def __post_init__(self) -> None:
        def whole(value: Any) -> bool:
            return isinstance(value, Integral) and not isinstance(value, bool) and value >= 1

        def number(value: Any) -> bool:
            return isinstance(value, Real) and not isinstance(value, bool)

        def need(fine: bool, name: str, wanted: str) -> None:
            if not fine:
                raise ValueError(f"{name}={getattr(self, name)!r} is not usable: pass {wanted}.")

        need(whole(self.max_epochs), "max_epochs", "a whole number ≥ 1")
        need(
            self.batch_size == "auto" or whole(self.batch_size), "batch_size", "'auto' or a whole number ≥ 1"
        )
        rate, decay, held = self.learning_rate, self.weight_decay, self.validation_fraction
        need(
            rate == "auto" or (number(rate) and 0 < rate < math.inf),
            "learning_rate",
            "'auto' or a positive number",
        )
        need(number(decay) and 0 <= decay < math.inf, "weight_decay", "a number ≥ 0")
        need(self.patience is None or whole(self.patience), "patience", "None or a whole number ≥ 1")
        need(number(held) and 0 <= held < 1, "validation_fraction", "a share 0 ≤ fraction < 1")
        need(self.precision in PRECISIONS, "precision", f"one of {', '.join(map(repr, PRECISIONS))}")

    @property
    def dtype(self) -> torch.dtype:
        return PRECISIONS[self.precision]

    def batch(self, rows: int) -> int:
        """Rows per step: about 50 steps an epoch on small data, 128 rows on large."""
        if self.batch_size != "auto":
            return int(self.batch_size)
        return int(min(128, max(8, 2 ** round(math.log2(max(rows, 1) / 50)))))

    def rate(self, net: nn.Module, steps: int) -> float:
        """Peak learning rate of a fit of so many steps: 0.01 for one layer each way, up to 64 latents and up to
        5,000 steps, less for more of any of these.

        Adam's steps change an output in proportion to how many weights move at once.  A rate that does well
        for minutes lets weights grow until the loss rises again: a variational model of MNIST came to 86.7
        nats in 98,000 steps at 0.002, and to 124.6 at 0.005.
        """
        if self.learning_rate != "auto":
            return float(self.learning_rate)
        many = max(1.0, steps / STEPS) ** (1 / 3)
        return 0.01 / (many * math.sqrt(max(1, depth(net) / 2) * max(1, net.shapes.latent_dim / 64)))


def depth(net: nn.Module) -> int:
    """Weight layers between input and output."""
    kinds = (nn.Linear, nn.modules.conv._ConvNd, nn.RNNBase)
    modules = [m for part in (net.encoder, net.bottleneck, net.decoder) for m in part.modules()]
    return sum(isinstance(m, kinds) or getattr(m, "weight_layer", False) for m in modules)
