"""Rows to codes."""

from __future__ import annotations

import numpy as np

from narrows.fitted import Fitted
from narrows.tasks.chunks import through


def encode(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Codes (n, latent_dim) of rows (n, \\*row) in user units: the posterior's mean, never a draw."""
    return through(fitted, rows, lambda x: fitted.net.encode(x).mean.flatten(1), verb="encode")
