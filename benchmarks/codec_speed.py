"""How fast a codec is: MB of float32 a second, both ways.

    NARROWS_DATA=folder python -m benchmarks.codec_speed [small wide] [--threads 1 2] [--repeats 5]

Fashion-MNIST's training images as rows of 784 numbers in [0, 1]; the models are dense networks, trained for one pass
over them (what they learn hardly matters here).  Every kind of promise is kept in turn, on each number of threads, and
that again and again, so that whatever else the machine does meets all of them alike; medians.  The first round is not
counted.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import narrows as nw

ROWS = 20_000
# (latents, hidden units, classes of rows, β)
MODELS = {"small": (64, 256, 1, 0.01), "wide": (128, 512, 4, 0.01)}
PROMISES: dict[str, dict[str, Any]] = {
    "the model's own error": {},
    "± 0.05": {"max_error": 0.05},
    "± 0.005": {"max_error": 0.005},
    "lossless": {"lossless": True},
}
NONE = {"max_error": None, "lossless": False}


def trained(name: str, x: np.ndarray) -> nw.Codec:
    latents, hidden, classes, beta = MODELS[name]
    ae = nw.recipes.rate_distortion(
        latents, beta=beta, hidden=(hidden,), classes=classes, scale=None, max_epochs=1, patience=None
    )
    return nw.Codec(ae).fit(x)


def timed(codec: nw.Codec, x: np.ndarray) -> tuple[float, float, int]:
    """Seconds there and back, and the bytes between."""
    began = time.perf_counter()
    data = codec.compress(x)
    there = time.perf_counter()
    codec.decompress(data)
    return there - began, time.perf_counter() - there, len(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", choices=[[], *MODELS])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    with np.load(Path(os.environ["NARROWS_DATA"]) / "fashion_mnist.npz") as file:
        x = file["x_train"][:ROWS].reshape(ROWS, -1) / np.float32(255)
    size = x.nbytes / 1e6
    heads = " | ".join(
        f"{way}, {n} thread{'s' * (n > 1)}" for n, way in product(args.threads, ("there", "back"))
    )
    print(
        f"{size:.0f} MB; MB/s\n\n| model | promise | bytes | {heads} |\n|---|---|---|{'---|' * 2 * len(args.threads)}"
    )
    for name in args.models or MODELS:
        codec = trained(name, x)
        found: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
        for _ in range(1 + args.repeats):
            for (promise, settings), threads in product(PROMISES.items(), args.threads):
                torch.set_num_threads(threads)
                codec.set_params(**(NONE | settings))
                found.setdefault((promise, threads), []).append(timed(codec, x))
        latents, hidden, classes, _ = MODELS[name]
        for promise in PROMISES:
            told = [np.median(found[promise, n][1:], axis=0) for n in args.threads]
            rates = " | ".join(f"{size / there:.0f} | {size / back:.0f}" for there, back, _ in told)
            print(
                f"| {latents} latents, {hidden} hidden, classes: {classes} | {promise} | {told[0][2]:,.0f} | {rates} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
