"""Choosing a model's numbers for the user: sizes, noise, weights, widths and rates."""

from narrows.tuning.search import tune
from narrows.tuning.space import axes
from narrows.tuning.tuned import Tuned

__all__ = ["Tuned", "axes", "tune"]
