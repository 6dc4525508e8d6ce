"""The verbs: functions of a fitted model."""

from narrows.tasks.decode import decode, reconstruct
from narrows.tasks.denoise import boundless, denoise, denoise_whole, told
from narrows.tasks.encode import encode
from narrows.tasks.evaluate import evaluate
from narrows.tasks.generate import interpolate, sample, traverse
from narrows.tasks.inpaint import inpaint
from narrows.tasks.score import nll, score_rows

__all__ = [
    "boundless",
    "decode",
    "denoise",
    "denoise_whole",
    "encode",
    "evaluate",
    "inpaint",
    "interpolate",
    "nll",
    "reconstruct",
    "sample",
    "score_rows",
    "told",
    "traverse",
]
