"""How good an answer is, in one definition for all, and clocks that leave the judging out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from benchmarks.speed.contract import FailedError


def mse(a: np.ndarray, b: np.ndarray) -> float:
    """Mean squared error over all entries."""
    return float(np.mean(np.square(a - b), dtype=np.float64))


def allowed(threads: int) -> int:
    """That many threads, or what OMP_NUM_THREADS allows if it is less."""
    return min(threads, int(os.environ.get("OMP_NUM_THREADS") or threads))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let NumPy judge on one thread, so that no workers of its own spin into the next timed epoch."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


class Clock:
    """Seconds since it was made, less those inside ``paused``."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.out = 0.0
        self.stopped: float | None = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock for a while; ``seconds`` stands still inside."""
        self.stopped = time.perf_counter()
        try:
            yield
        finally:
            self.out += time.perf_counter() - self.stopped
            self.stopped = None

    def seconds(self) -> float:
        now = time.perf_counter() if self.stopped is None else self.stopped
        return now - self.began - self.out


class Race:
    """A fit that is judged after every epoch, inside ``clock.paused()``, and has won when its test error
    is ``target``."""

    def __init__(self, target: float) -> None:
        self.target = target
        self.clock = Clock()
        self.epochs = 0
        self.error = float("nan")
        self.seconds: float | None = None

    def judged(self, error: float) -> bool:
        """Take note of an epoch's error; whether the target is reached, now or before."""
        self.epochs += 1
        self.error = error
        if self.seconds is None and error <= self.target:
            self.seconds = self.clock.seconds()
        return self.seconds is not None

    def result(self) -> dict[str, float]:
        if self.seconds is None:
            raise FailedError(
                f"test MSE {self.error:.5f} after {self.epochs} epochs: {self.target} was not reached"
            )
        return {"value": self.seconds, "quality": self.error, "epochs": self.epochs}
