"""Small fitted models of each kind of data, and pages about them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import narrows as nw


@cache
def pictures():
    data = nw.datasets.digits()
    ae = nw.recipes.variational(3, backbone=nw.backbones.MLP((32,)), max_epochs=4).fit(data.x_train)
    return ae, data.x_test, data.y_test


@cache
def table():
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, 300)
    frame = pd.DataFrame(
        {
            "age": age,
            "pay": np.exp(rng.normal(8, 1, 300)) * (1 + age / 90),
            "job": rng.choice(["cook", "nurse", "<b>pilot</b>"], 300),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(age, "D"),
            "flag": age > 50,
        }
    )
    frame.loc[::7, "pay"] = np.nan
    frame.loc[::9, "job"] = None
    return nw.recipes.undercomplete(2, max_epochs=3).fit(frame), frame, np.where(age > 50, "old", "young")


@cache
def signals():
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 40)
    X = np.sin(t + rng.uniform(0, 6, (120, 1)))[..., None] * [1.0, 2.0] + 0.1 * rng.normal(size=(120, 40, 2))
    ae = nw.Autoencoder(4, input="signals", backbone=nw.backbones.MLP((16,)), max_epochs=3).fit(X)
    return ae, X, rng.normal(size=120)


@cache
def vectors():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2)) @ rng.normal(size=(2, 9))
    return nw.recipes.linear(1, max_epochs=3).fit(X), X, None


@cache
def wide():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3)) @ rng.normal(size=(3, 80))
    return nw.recipes.topk(100, k=5, max_epochs=2).fit(X), X, None


@cache
def words():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.poisson(0.4, (80, 60)), columns=[f"word {j}" for j in range(60)])
    return nw.Autoencoder(3, likelihood="multinomial", input="counts", max_epochs=2).fit(X), X, ["x"] * 80


EVERY = {made.__name__: made for made in (pictures, table, signals, vectors, wide, words)}
