"""Keras, on the backend that KERAS_BACKEND names: the tutorial's recipe, Adam at 1e-3 and ``model.fit``."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
from keras import layers

from benchmarks.speed import arrays, networks
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock, Race, mse, one_thread


def dense(stack: networks.Stack) -> keras.Model:
    units = zip(stack.widths[1:], stack.activations, strict=True)
    return keras.Sequential(
        [keras.Input((stack.widths[0],)), *(layers.Dense(n, activation=follows) for n, follows in units)]
    )


def convolutional(side: int, code: int) -> keras.Model:
    """The layers of Narrows' ``convolutional`` recipe on square images of one channel, whose sides
    Keras' own padding brings back exactly when they are divisible by 4."""
    quarter = side // 4
    return keras.Sequential([
        keras.Input((side, side, 1)),
        layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
        layers.Flatten(), layers.Dense(code),
        layers.Dense(32 * quarter**2, activation="relu"),
        layers.Reshape((quarter, quarter, 32)),
        layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
    ])  # fmt: skip


class Restartable:
    """A compiled model that goes back to where it began, so that only a process's first fit compiles.

    A user's second fit of a new model would compile again; this is in the peers' favour.
    """

    def __init__(self, model: keras.Model, loss: Any = "mse") -> None:
        model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
        model.optimizer.build(model.trainable_variables)
        self.model = model
        self.variables = [*model.variables, *model.optimizer.variables]
        self.start = [keras.ops.convert_to_numpy(v).copy() for v in self.variables]

    def restart(self) -> keras.Model:
        for variable, value in zip(self.variables, self.start, strict=True):
            variable.assign(value)
        return self.model


def pairs(model: keras.Model) -> networks.Weights:
    flat = model.get_weights()
    return list(zip(flat[::2], flat[1::2], strict=True))


class _Fit:
    """What the jobs share: data in memory and one restartable model per case's code."""

    def __init__(self, folder: Path, network: str) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.network = network
        if network == "convolutional":
            self.train, self.test = self.train[..., None], self.test[..., None]
        self.models: dict[int, Restartable] = {}

    def stack(self, case: Case) -> networks.Stack:
        return networks.vanilla(self.train.shape[1], case.params["code"])

    def fresh(self, case: Case) -> keras.Model:
        code = case.params["code"]
        if code not in self.models:
            keras.utils.set_random_seed(0)
            made = (
                convolutional(self.train.shape[1], code)
                if self.network == "convolutional"
                else dense(self.stack(case))
            )
            self.models[code] = Restartable(made)
        return self.models[code].restart()

    def judged(self, model: keras.Model, case: Case) -> float:
        if self.network == "convolutional":
            return mse(model.predict(self.test, batch_size=1000, verbose=0), self.test)
        with one_thread():
            return mse(networks.forward(self.stack(case), pairs(model), self.test), self.test)


class ToTarget(_Fit):
    """Trains until the target is met."""

    def __init__(self, folder: Path, batch: int) -> None:
        super().__init__(folder, "vanilla")
        self.batch = batch

    def run(self, case: Case) -> Figures:
        owner = self
        race = Race(case.params["target"])

        class Judge(keras.callbacks.Callback):
            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                with race.clock.paused():
                    self.model.stop_training = race.judged(owner.judged(self.model, case))

        model = self.fresh(case)
        race.clock = Clock()  # a new model's making is not the fit's time, its compilation is
        model.fit(
            self.train,
            self.train,
            batch_size=self.batch,
            epochs=case.params["cap"],
            shuffle=True,
            verbose=0,
            callbacks=[Judge()],
        )
        return race.result()


class EpochEnds(keras.callbacks.Callback):
    """When each epoch was over; by then its loss is a number, so all its work is done."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.ends.append(time.perf_counter())


class Epochs(_Fit):
    """Time of an epoch; the first, which compiles, is not counted."""

    def run(self, case: Case) -> Figures:
        p = case.params
        model = self.fresh(case)
        noted = EpochEnds()
        model.fit(
            self.train,
            self.train,
            batch_size=p["batch"],
            epochs=p["epochs"],
            shuffle=True,
            verbose=0,
            callbacks=[noted],
        )
        seconds = median(np.diff(noted.ends))
        steps = -(-len(self.train) // p["batch"])
        values = {"steps/s": steps / seconds, "rows/s": len(self.train) / seconds}
        return {"value": values[case.unit], "quality": self.judged(model, case)}
