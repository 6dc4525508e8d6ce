"""What the machine can do: a whole epoch as one compiled loop, in plain JAX with an Adam of its own.

No library of estimators works like this; it is the bar for overhead, not a peer.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.speed import arrays, networks
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import mse, one_thread

RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
State = tuple[Any, Any, Any, jax.Array]  # weights, first and second moments, steps done


def reconstruct(weights: Any, x: jax.Array) -> jax.Array:
    (w1, b1), (w2, b2) = weights
    return jax.nn.sigmoid(jax.nn.relu(x @ w1 + b1) @ w2 + b2)


def loss(weights: Any, x: jax.Array) -> jax.Array:
    return jnp.mean((reconstruct(weights, x) - x) ** 2)


@partial(jax.jit, static_argnames="batch", donate_argnums=0)
def epoch(state: State, rows: jax.Array, key: jax.Array, batch: int) -> tuple[State, jax.Array]:
    """All whole batches of a new order of the rows."""
    steps = len(rows) // batch
    order = jax.random.permutation(key, len(rows))[: steps * batch].reshape(steps, batch)

    def step(state: State, chosen: jax.Array) -> tuple[State, jax.Array]:
        weights, first, second, t = state
        value, slopes = jax.value_and_grad(loss)(weights, rows[chosen])
        t = t + 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, slopes)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, slopes)
        rate = RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, first, second)
        return (weights, first, second, t), value

    return jax.lax.scan(step, state, order)


class Epochs:
    """Time of an epoch; the first, which compiles, is not counted."""

    def __init__(self, folder: Path) -> None:
        self.train, self.test = arrays.read(folder, *arrays.PARTS)
        self.rows = jnp.asarray(self.train)

    def run(self, case: Case) -> Figures:
        p = case.params
        stack = networks.vanilla(self.train.shape[1], p["code"])
        weights = jax.tree.map(jnp.asarray, networks.initial(stack, np.random.default_rng(0)))
        zeros = partial(jax.tree.map, jnp.zeros_like)
        state: State = (weights, zeros(weights), zeros(weights), jnp.zeros(()))
        seconds: list[float] = []
        for key in jax.random.split(jax.random.key(0), p["epochs"]):
            began = time.perf_counter()
            state, losses = epoch(state, self.rows, key, p["batch"])
            losses.block_until_ready()
            seconds.append(time.perf_counter() - began)
        with one_thread():
            answer = networks.forward(stack, jax.tree.map(np.asarray, state[0]), self.test)
        return {
            "value": len(self.train) // p["batch"] / median(seconds[1:]),
            "quality": mse(answer, self.test),
        }
