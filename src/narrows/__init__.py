"""Narrows: the autoencoder toolkit.  Fit any data once, then use every verb an autoencoder has.

>>> import narrows as nw
>>> ae = nw.recipes.variational(latent_dim=2)

Public names are loaded when they are first used, so that ``import narrows`` is instant.
"""

from __future__ import annotations

import importlib
from typing import Any

from narrows._version import __version__

_ROOMS = (
    "backbones", "bottlenecks", "corruptions", "datasets", "demo", "inputs", "likelihoods", "penalties", "priors",
    "recipes", "report", "scores", "sources", "tasks", "training", "tuning",
)  # fmt: skip
_NAMES = dict.fromkeys(
    (
        "AnomalyDetector",
        "Autoencoder",
        "Classifier",
        "Codec",
        "Denoiser",
        "Imputer",
        "Recommender",
        "Regressor",
        "fine_tune",
        "fit_many",
        "load",
        "rates",
    ),
    "estimators",
) | {"rate_distortion": "tuning", "tune": "tuning"}

__all__ = ["__version__", *_NAMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"narrows.{_NAMES[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"narrows.{name}")
    else:
        raise AttributeError(f"module 'narrows' has no attribute {name!r}")
    globals()[name] = value  # found once, then as fast as any other name
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
