"""What recipes have in common: a caller's keywords win."""

from __future__ import annotations

from typing import Any, TypedDict

from narrows.estimators import Autoencoder

Size = int | str


class Keywords(TypedDict, total=False):
    """The keywords of ``Autoencoder``."""

    input: Any
    scale: str | None
    corruption: Any
    backbone: Any
    bottleneck: Any
    likelihood: Any
    penalties: Any
    max_epochs: int
    batch_size: int | str
    learning_rate: float | str
    weight_decay: float
    patience: int | None
    validation_fraction: float
    callbacks: Any
    device: str
    precision: str
    random_state: Any
    verbose: int
    warm_start: bool
    conditional: bool


def compose(latent_dim: Size, keywords: Keywords, **choices: Any) -> Autoencoder:
    """The recipe's choices, overruled by the caller's keywords."""
    return Autoencoder(latent_dim, **(choices | keywords))
