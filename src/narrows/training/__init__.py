"""How a network is fitted: the loop and the pieces behind it."""

from narrows.training.fit import fit, resume
from narrows.training.loop import Progress, TrainingError
from narrows.training.many import Order, fit_many
from narrows.training.settings import Settings

__all__ = ["Order", "Progress", "Settings", "TrainingError", "fit", "fit_many", "resume"]
