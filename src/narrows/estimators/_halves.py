"""The half of a codec that decompresses: what an archive needs inside, and nothing else."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from narrows import artifact
from narrows.artifact import Model, Task
from narrows.baseline import Baseline
from narrows.estimators._seal import encodes


def save(path: str | os.PathLike[str], model: Model, task: Task) -> None:
    """Write a codec without what only compression needs: the encoder's weights, PCA of the training rows, densities of
    codes, the history."""
    fitted = model.fitted
    width = fitted.baseline.components.shape[1]
    bare = dataclasses.replace(
        fitted,
        baseline=Baseline(np.zeros(width), np.zeros((0, width)), np.zeros(0), 0.0),
        codes=None,
        labelled=None,
        densities={},
        history=(),
    )
    # What it was made of is the whole codec's business.
    state = {**task.state, "given": False, "own": {**task.state["own"], "half": True}}
    task = dataclasses.replace(task, state=state)
    artifact.save(Path(path), dataclasses.replace(model, fitted=bare), task, encodes(fitted))
