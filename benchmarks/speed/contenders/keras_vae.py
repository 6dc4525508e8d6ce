"""The usual Keras variational autoencoder: a sampling layer that adds the KL, cross-entropy from logits."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from benchmarks.speed import arrays
from benchmarks.speed.bound import negative_bound
from benchmarks.speed.contenders.keras_fit import Restartable
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import Clock


class Sampling(layers.Layer):
    """z = mean + spread·noise; adds the divergence from a standard normal to the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs: tuple) -> object:
        mean, logvar = inputs
        rate = 0.5 * ops.sum(ops.square(mean) + ops.exp(logvar) - 1 - logvar, axis=-1)
        self.add_loss(ops.mean(rate))
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * logvar) * noise


def cross_entropy(x: object, logits: object) -> object:
    """Nats per row."""
    return ops.sum(ops.binary_crossentropy(x, logits, from_logits=True), axis=-1)


def network(features: int, hidden: int, code: int) -> keras.Model:
    x = keras.Input((features,))
    h = layers.Dense(hidden, activation="relu", name="inwards")(x)
    mean, logvar = layers.Dense(code, name="mean")(h), layers.Dense(code, name="logvar")(h)
    h = layers.Dense(hidden, activation="relu", name="outwards")(Sampling()([mean, logvar]))
    return keras.Model(x, layers.Dense(features, name="logits")(h))


class Fit:
    """Seconds of a fixed number of epochs."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.made: Restartable | None = None

    def run(self, case: Case) -> Figures:
        p = case.params
        if self.made is None:
            keras.utils.set_random_seed(0)
            self.made = Restartable(network(self.train.shape[1], p["hidden"], p["code"]), cross_entropy)
        model = self.made.restart()
        clock = Clock()
        model.fit(self.train, self.train, batch_size=p["batch"], epochs=p["epochs"], shuffle=True, verbose=0)
        seconds = clock.seconds()
        names = ("inwards", "mean", "logvar", "outwards", "logits")
        weights = [tuple(map(np.asarray, model.get_layer(name).get_weights())) for name in names]
        return {"value": seconds, "quality": negative_bound(weights, self.test)}
