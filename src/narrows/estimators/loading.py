"""Fitted estimators from files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from narrows import artifact
from narrows.artifact import Model
from narrows.coding import Reader
from narrows.coding.layout import MAGIC
from narrows.estimators._params import from_json
from narrows.estimators._task import TaskEstimator
from narrows.estimators.autoencoder import Autoencoder
from narrows.estimators.classifier import Classifier
from narrows.estimators.codec import Codec
from narrows.estimators.denoiser import Denoiser
from narrows.estimators.detector import AnomalyDetector
from narrows.estimators.imputer import Imputer
from narrows.estimators.recommender import Recommender
from narrows.estimators.regressor import Regressor
from narrows.header import damaged

TASKS: tuple[type[TaskEstimator], ...] = (
    AnomalyDetector,
    Classifier,
    Codec,
    Denoiser,
    Imputer,
    Recommender,
    Regressor,
)
FACES = {task.__name__: task for task in TASKS}  # what a file may name


def load(path: str | os.PathLike[str], modules: tuple[nn.Module, nn.Module] | None = None) -> Any:
    """Read what ``save`` wrote: an Autoencoder, or an estimator of a task with its models; code is never
    run from the file.

    Of an ``.nrw`` file that was compressed with ``embed=True``, the :class:`Codec` inside.

    ``modules``: the (encoder, decoder) of a model that was fitted with networks of your own.
    The model answers on the processor; ``ae.net_.to("cuda")`` moves it.
    """
    if is_archive(path):
        with Reader(path) as reader, tempfile.TemporaryDirectory() as folder:
            inside = Path(folder, "model.safetensors")
            inside.write_bytes(reader.model())
            if not reader.model_length:
                raise ValueError(
                    f"'{path}' holds compressed rows, but not the model that they need: load that, and decompress with"
                    " it."
                )
            try:
                return load(inside, modules)
            except ValueError as error:  # by the name that the user knows
                raise ValueError(str(error).replace(str(inside), f"The model in '{path}'")) from None
    model, task = artifact.load(path, modules)
    try:
        ae = _autoencoder(model, modules)
        if task is None:
            return ae
        if task.face not in FACES:
            raise ValueError(
                f"{path} holds a {task.face}, but this version knows {', '.join(FACES)}:"
                " load it with the version that wrote it."
            )
        return FACES[task.face].restored(task, [ae, *(_autoencoder(other, modules) for other in task.others)])
    except (TypeError, KeyError, AttributeError) as error:
        raise damaged(path, f"its parameters do not fit: {error}") from None


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether this is what a codec wrote."""
    if not Path(path).is_file():  # which the reader of models says
        return False
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _autoencoder(model: Model, modules: tuple[nn.Module, nn.Module] | None) -> Autoencoder:
    ae = Autoencoder(**from_json(model.params, modules))
    ae.fitted_ = model.fitted
    ae.n_features_in_ = model.fitted.schema.features
    if model.names is not None:
        ae.feature_names_in_ = np.asarray(model.names, dtype=object)
    return ae


__all__ = ["load"]
