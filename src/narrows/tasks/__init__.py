"""The verbs: functions of a fitted model."""

from __future__ import annotations

from typing import Any

from narrows.tasks import recommend
from narrows.tasks.cluster import cluster
from narrows.tasks.decode import decode, reconstruct
from narrows.tasks.denoise import boundless, denoise, denoise_whole, told
from narrows.tasks.encode import encode, last_layer, layer_number
from narrows.tasks.evaluate import evaluate
from narrows.tasks.frechet import frechet
from narrows.tasks.generate import interpolate, perturb, sample, traverse
from narrows.tasks.importance import importance
from narrows.tasks.inpaint import inpaint
from narrows.tasks.labels import classes_of, labelled
from narrows.tasks.likelihood import log_likelihood
from narrows.tasks.neighbourhoods import continuity, trustworthiness
from narrows.tasks.per_feature import per_feature
from narrows.tasks.probe import probe
from narrows.tasks.score import nll, score_rows
from narrows.tasks.selected import selected

__all__ = [
    "boundless",
    "classes_of",
    "cluster",
    "continuity",
    "decode",
    "denoise",
    "denoise_whole",
    "encode",
    "evaluate",
    "fine_tune",
    "frechet",
    "importance",
    "inpaint",
    "interpolate",
    "labelled",
    "last_layer",
    "layer_number",
    "log_likelihood",
    "nll",
    "per_feature",
    "perturb",
    "probe",
    "recommend",
    "reconstruct",
    "sample",
    "score_rows",
    "selected",
    "told",
    "traverse",
    "trustworthiness",
]


def __getattr__(name: str) -> Any:
    if name == "fine_tune":  # its answer is an estimator, and their room stands above this one
        import narrows

        return narrows.fine_tune
    raise AttributeError(f"module 'narrows.tasks' has no attribute {name!r}")
