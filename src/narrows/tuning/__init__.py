"""Choosing a model's numbers for the user: sizes, noise, weights, widths and rates."""

from narrows.tuning.search import tune
from narrows.tuning.space import axes
from narrows.tuning.sweep import RateDistortion, rate_distortion
from narrows.tuning.tuned import Tuned

__all__ = ["RateDistortion", "Tuned", "axes", "rate_distortion", "tune"]
