"""The verbs: functions of a fitted model."""

from narrows.tasks.decode import decode, reconstruct
from narrows.tasks.encode import encode
from narrows.tasks.evaluate import evaluate
from narrows.tasks.generate import interpolate, sample, traverse
from narrows.tasks.score import nll, score_rows

__all__ = [
    "decode",
    "encode",
    "evaluate",
    "interpolate",
    "nll",
    "reconstruct",
    "sample",
    "score_rows",
    "traverse",
]
