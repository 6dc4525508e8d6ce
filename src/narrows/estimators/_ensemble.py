"""What a detector consists of where nothing else is asked for."""

from __future__ import annotations

from typing import Any

from narrows.backbones import MLP
from narrows.corruptions import Gaussian
from narrows.estimators.autoencoder import Autoencoder
from narrows.likelihoods import Normal
from narrows.penalties import Trim
from narrows.scores import Ellipsoid, Neighbours, Residual, names

NOISES = (0.1, 0.3, 0.6)  # of the members, in standard deviations of a column
CODE = 64  # numbers in their codes: more than most rows have columns


def chosen(scores: Any, trim: float) -> tuple[Any, ...]:
    """The parts that ``scores`` stands for."""
    if isinstance(scores, str) and scores == "auto":
        return (Residual(), Neighbours(float(trim)), Ellipsoid()) if trim else (Residual(), Neighbours())
    several = scores if isinstance(scores, (tuple, list)) else (scores,)
    if not several:
        raise ValueError("scores=() names no score: pass 'auto' or parts such as narrows.scores.NLL().")
    return tuple(names.resolve(one) for one in several)


def members(input: Any, seed: int, trim: float, verbose: int) -> list[Autoencoder]:
    """The default ensemble, unfitted: noise of several sizes finds anomalies of several sizes."""
    penalties = (Trim(trim),) if trim else ()
    return [
        Autoencoder(
            CODE,
            input=input,
            scale="standard",
            corruption=Gaussian(noise),
            backbone=MLP((128,), activation="silu"),
            likelihood=Normal(),
            penalties=penalties,
            random_state=seed + i,
            verbose=verbose,
        )
        for i, noise in enumerate(NOISES * 2)
    ]


__all__ = ["chosen", "members"]
