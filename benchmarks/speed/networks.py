"""The networks of the jobs as plain data, so that every library builds the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Weights = Sequence[Sequence[np.ndarray]]  # a matrix (in, out) and a bias (out,) per layer


@dataclass(frozen=True)
class Stack:
    """Dense layers: ``widths`` from input to output, and what follows each layer."""

    widths: tuple[int, ...]
    activations: tuple[str, ...]  # "relu", "sigmoid" or "linear", one per layer

    @property
    def shapes(self) -> list[tuple[int, int]]:
        return list(pairwise(self.widths))


def vanilla(features: int, code: int) -> Stack:
    """The tutorials' autoencoder: one ReLU layer in, one sigmoid layer out."""
    return Stack((features, code, features), ("relu", "sigmoid"))


def tabular(features: int) -> Stack:
    """The network of PyOD's default: 64, 32 and 64 ReLU units."""
    return Stack((features, 64, 32, 64, features), ("relu", "relu", "relu", "linear"))


def initial(stack: Stack, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Glorot's uniform weights, biases 0, float32."""
    limits = [(a, b, np.sqrt(6 / (a + b))) for a, b in stack.shapes]
    return [
        (rng.uniform(-lim, lim, (a, b)).astype(np.float32), np.zeros(b, np.float32)) for a, b, lim in limits
    ]


def forward(stack: Stack, weights: Weights, x: np.ndarray) -> np.ndarray:
    """The network's answer, by NumPy: the same judge for libraries whose own would be slow to compile."""
    for (w, b), follows in zip(weights, stack.activations, strict=True):
        x = x @ w + b
        if follows == "relu":
            x = np.maximum(x, 0, out=x)
        elif follows == "sigmoid":
            x = 1 / (1 + np.exp(-x))
    return x
