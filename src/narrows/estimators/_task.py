"""What estimators that use an autoencoder for a task have in common."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from narrows import artifact, corruptions, inputs, scores
from narrows.artifact import Model, Task
from narrows.estimators._fitting import seed_of
from narrows.estimators._params import replaced, saved
from narrows.estimators.autoencoder import Autoencoder
from narrows.spec import plain


class TaskEstimator(BaseEstimator):
    """Base of estimators with a parameter ``ae``: an Autoencoder, fitted or not, or None for a default.

    A subclass keeps its fitted models in ``models_`` (``ae_`` is the first), and what else it learned in
    attributes that :meth:`_learned` names and :meth:`_relearn` sets again.
    """

    models_: Sequence[Autoencoder]

    def _learned(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What was learned beyond the models: as JSON, and as arrays by name."""
        raise NotImplementedError

    def _relearn(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """The inverse of :meth:`_learned`."""
        raise NotImplementedError

    @property
    def ae_(self) -> Autoencoder:
        """The fitted autoencoder, the first where there are several."""
        if not hasattr(self, "models_"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet: call fit(X) first.")
        return self.models_[0]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; ``deep`` adds those of parts, as in ``input__window``, and of ``ae``."""
        params = super().get_params(deep)
        part = params.get("input")
        if deep and dataclasses.is_dataclass(part):
            params |= {f"input__{f.name}": getattr(part, f.name) for f in dataclasses.fields(part)}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also inside ``input`` and ``ae``: ``set_params(input="signals", input__window=32)``."""
        inner = {key: value for key, value in params.items() if key.startswith("input__")}
        super().set_params(**{key: value for key, value in params.items() if key not in inner})
        for key, value in inner.items():
            self.input = replaced("input", self.input, key.split("__")[1:], value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "models_")

    def _adopt(self, models: Sequence[Autoencoder]) -> None:
        """Keep fitted models, and what the first knows of the columns."""
        self.models_ = tuple(models)
        self.n_features_in_ = models[0].n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(models[0], "feature_names_in_"):
            self.feature_names_in_ = models[0].feature_names_in_

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one ``.safetensors`` file: the models, and what was learned beyond them; ``narrows.load``
        reads it."""
        check_is_fitted(self)
        artifact.save(path, *self._file())

    def _file(self) -> tuple[Model, Task]:
        """What a file holds: the first model, and the task with the others."""
        state, arrays = self._learned()
        params = {n: _described(v) for n, v in self.get_params(deep=False).items() if n != "ae"}
        if "random_state" in params:
            params["random_state"] = (
                self.ae_.fitted_.seed if params["random_state"] is None else params["random_state"]
            )
            params["random_state"] = seed_of(params["random_state"])
        given = unwrapped(self.ae)
        state = {"own": state, "given": given is not None, "fitted": hasattr(given, "fitted_")}
        first, *others = (saved(model) for model in self.models_)
        return first, Task(type(self).__name__, params, state, arrays, tuple(others))

    @classmethod
    def restored(cls, task: Task, models: Sequence[Autoencoder]) -> Self:
        """What was saved; ``models`` are the task's, fitted."""
        params = {name: _undescribed(value) for name, value in task.params.items()}
        ae = models[0] if task.state["fitted"] else clone(models[0])
        found = cls(ae=ae if task.state["given"] else None, **params)
        found._adopt(models)
        found._relearn(task.state["own"], task.arrays)
        return found


def unwrapped(ae: Any) -> Autoencoder | None:
    """The Autoencoder that was given, also as scikit-learn's FrozenEstimator; refused if it is none."""
    inner = ae.estimator if isinstance(ae, FrozenEstimator) else ae
    if inner is None or isinstance(inner, Autoencoder):
        return inner
    raise TypeError(
        f"ae is a {type(inner).__name__}, but an autoencoder was expected: pass an nw.Autoencoder, a recipe's, or None."
    )


# Where parts among a task's parameters are looked up, by the name of their room.
ROOMS = {room.__name__.rpartition(".")[2]: room for room in (corruptions, inputs, scores)}


def _described(value: Any) -> Any:
    """A parameter as JSON; of a part, its room, name and parameters."""
    if isinstance(value, (tuple, list)):
        return [_described(v) for v in value]
    room = type(value).__module__.split(".")[1:2]
    if dataclasses.is_dataclass(value) and room and room[0] in ROOMS:
        fields = {f.name: _described(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"room": room[0], "part": type(value).__name__, "of": fields}
    return plain(value)


def _undescribed(value: Any) -> Any:
    """The inverse; only public names are looked up, so a file cannot run code."""
    if isinstance(value, list):
        return tuple(_undescribed(v) for v in value)
    if not isinstance(value, dict):
        return value
    room = ROOMS[value["room"]]
    if value["part"] not in room.__all__:
        raise KeyError(f"there is no {value['part']} among {value['room']}")
    return getattr(room, value["part"])(**{name: _undescribed(v) for name, v in value["of"].items()})
