"""The search beside an exhaustive grid, and quick ways to guess a latent size.

OMP_NUM_THREADS=1 NARROWS_DATA=… python benchmarks/tuning.py [digits breast_cancer cardio] [--seeds 3]
OMP_NUM_THREADS=1 NARROWS_DATA=… python benchmarks/tuning.py sizes [--seeds 3]

The grid has 5 latent sizes, 3 learning rates and 2 widths of ``deep``, every model fitted to the end.  The
same 30 are given to ``tune``: all of them, half of them spread evenly, and half of them chosen by Optuna.
All see the same rows and hold out the same ones; a fifth of the data, which none of them sees, judges what
they chose.  ``seconds`` and those the ``processor`` worked are of one run on one thread.  ``sizes`` compares numbers of
latents that take seconds at most to guess.  ``--out`` keeps every line as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA

import narrows as nw
from narrows.tuning.held import split

WIDTHS = [(128, 64), (512, 256)]
RATES = ["auto", 3e-3, 1e-3]
SIZES = {"digits": [2, 4, 8, 16, 32], "breast_cancer": [1, 2, 4, 8, 16], "cardio": [1, 2, 4, 8, 16]}


def data(name: str) -> np.ndarray:
    built_in = {"digits": load_digits, "breast_cancer": load_breast_cancer, "wine": load_wine}
    if name in built_in:
        return built_in[name]().data
    folder = Path(os.environ["NARROWS_DATA"])
    if name == "fashion_mnist":
        return np.load(folder / "fashion_mnist.npz")["x_train"][:3000].reshape(3000, -1) / 255.0
    (path,) = (folder / "adbench").glob(f"*_{name}.npz")
    return np.load(path)["X"].astype(np.float64)


def parted(x: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and those that judge."""
    order = np.random.default_rng(1000 + seed).permutation(len(x))
    return x[order[len(x) // 5 :]], x[order[: len(x) // 5]]


def space(name: str) -> dict[str, list[Any]]:
    return {"latent_dim": SIZES[name], "learning_rate": RATES, "backbone__hidden": WIDTHS}


def error(ae: nw.Autoencoder, x: np.ndarray) -> float:
    """Squared error in the scaled units that training minimises: the score, but for a factor and constants
    that would hide every difference."""
    f = ae.fitted_
    return float(np.square((ae.reconstruct(x) - x) / f.affine.scale).sum(1).mean())


def grid(name: str, rows: np.ndarray, test: np.ndarray, seed: int) -> dict[str, Any]:
    """Every model fitted; the best on the rows held out is judged."""
    parts = split(rows, seed)
    (began, busy), found = (time.perf_counter(), time.process_time()), []
    for size, rate, hidden in product(*space(name).values()):
        ae = nw.recipes.deep(size, learning_rate=rate, hidden=hidden, random_state=seed)
        ae.fit(parts.train, validation_data=parts.held)
        found.append(
            (ae.score(parts.held), ae, {"latent_dim": size, "learning_rate": rate, "hidden": hidden})
        )
    seconds = time.perf_counter() - began, time.process_time() - busy
    score, best, chosen = max(found, key=lambda each: each[0])
    luckiest = min(error(ae, test) for _, ae, _ in found)
    return figures("grid", score, best, parts.held, test, seconds) | {
        "chosen": str(chosen),
        "luckiest": luckiest,
    }


def figures(
    way: str,
    score: float,
    ae: nw.Autoencoder,
    held: np.ndarray,
    test: np.ndarray,
    seconds: tuple[float, float],
) -> dict[str, Any]:
    return {
        "way": way,
        "seconds": seconds[0],
        "processor": seconds[1],
        "held_score": score,
        "held_error": error(ae, held),
        "test_score": ae.score(test),
        "test_error": error(ae, test),
    }


def searched(
    name: str, way: str, rows: np.ndarray, test: np.ndarray, seed: int, **how: Any
) -> dict[str, Any]:
    busy = time.process_time()
    found = nw.tune(rows, "deep", space=space(name), random_state=seed, **how)
    held = split(rows, seed).held
    line = figures(way, found.score_, found.best_, held, test, (found.seconds_, time.process_time() - busy))
    return line | {"chosen": str(found.parameters_), "verdict": found.verdict}


def compared(name: str, seed: int) -> Iterator[dict[str, Any]]:
    rows, test = parted(data(name), seed)
    nw.recipes.deep(2, max_epochs=1).fit(rows[:64])  # torch loads parts of itself in its first fit
    best = grid(name, rows, test, seed)
    yield best
    half = 15
    for way, how in (
        ("tune, all 30", {"trials": 30}),
        ("tune, 15 spread", {"trials": half}),
        ("tune, 15 by Optuna", {"trials": half, "search": "optuna"}),
        ("tune, 60 s", {"budget": 60.0}),
    ):
        line = searched(name, way, rows, test, seed, **how)
        for key in ("held_error", "test_error"):
            line[f"{key} / grid's"] = line[key] / best[key]
        line["test_score / grid's"] = line["test_score"] / best["test_score"]
        line["test_error / luckiest"] = line["test_error"] / best["luckiest"]
        for key in ("seconds", "processor"):
            line[f"{key} / grid's"] = line[key] / best[key]
        yield line


def guesses(x: np.ndarray, seed: int) -> dict[str, int]:
    """Latent sizes from rows (n, d) scaled as a fit scales them, by ways that take seconds at most."""
    n, d = x.shape
    x = x - x.mean(0)
    s = np.linalg.svd(x, compute_uv=False)
    variances = s**2 / n
    share = np.cumsum(variances) / variances.sum()
    found = {f"{p}%": int(np.searchsorted(share, p / 100)) + 1 for p in (90, 95, 99)}
    # The number of equal variances that are as concentrated as these (Kish's effective number).
    found["participation"] = round(variances.sum() ** 2 / np.square(variances).sum())
    # Horn's parallel analysis: components above those of columns shuffled apart.
    rng = np.random.default_rng(seed)
    shuffled = np.mean(
        [np.linalg.svd(rng.permuted(x, axis=0), compute_uv=False) ** 2 / n for _ in range(3)], axis=0
    )
    found["parallel"] = int(np.argmin(np.append(variances > shuffled, False)))
    # Gavish & Donoho 2014: singular values above a multiple of the median one, noise of unknown level.
    beta = min(n, d) / max(n, d)
    there = s[s > 1e-9 * s[0]]
    limit = (0.56 * beta**3 - 0.95 * beta**2 + 1.82 * beta + 1.43) * np.median(there)
    found["Gavish-Donoho"] = int((there > limit).sum())
    # Probabilistic PCA: the density of rows that it was not learned from; and Minka's evidence (2000) where
    # there are few enough columns for it to be quick.
    cut = rng.permutation(n)
    found["held-out pPCA"] = int(np.argmax(held_densities(x[cut[n // 5 :]], x[cut[: n // 5]]))) + 1
    varying = x[:, x.std(0) > 1e-6]
    if varying.shape[1] <= 100:
        found["Minka"] = PCA("mle", svd_solver="full").fit(varying).n_components_
    return {way: int(np.clip(k, 2, min(64, d))) for way, k in found.items()}


def held_densities(rows: np.ndarray, held: np.ndarray) -> list[float]:
    """Mean ln p, but for a constant, of held-out rows under probabilistic PCA with 1, 2 … 64 components."""
    d, mean = rows.shape[1], rows.mean(0)
    _, s, axes = np.linalg.svd(rows - mean, full_matrices=False)
    v, codes, found = s**2 / len(rows), (held - mean) @ axes.T, []
    for k in range(1, min(len(v), 65)):
        noise = max(v[k:].sum() / max(d - k, 1), 1e-9)
        spread = np.maximum(v[:k], noise)
        outside = (np.square(held - mean).sum(1) - (codes[:, :k] ** 2).sum(1)) / noise
        inside = (codes[:, :k] ** 2 / spread).sum(1)
        found.append(-0.5 * float((inside + outside).mean() + np.log(spread).sum() + (d - k) * np.log(noise)))
    return found


def sizes(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """What a variational model, whose score pays for every latent, and ``deep`` make of each guess."""
    rows, test = parted(data(name)[:4000], seed)
    affine = nw.recipes.deep(2, max_epochs=1).fit(rows).fitted_.affine
    found = guesses(affine.forward(rows, torch.float64).numpy(), seed)
    lines = {}
    for k in sorted(set(found.values())):
        how = {"hidden": WIDTHS[0], "random_state": seed}
        plain = nw.recipes.deep(k, **how).fit(rows).evaluate(test)
        lines[k] = {
            "bound": nw.recipes.variational(k, **how).fit(rows).score(test),
            "deep, r2": plain["r2"],
            "PCA, r2": plain["pca_r2"],
        }
    for way, k in found.items():
        yield {"way": way, "latents": k} | lines[k]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("jobs", nargs="*", default=["digits", "breast_cancer", "cardio"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    for job in arguments.jobs:
        names = ["digits", "breast_cancer", "wine", "cardio", "fashion_mnist"] if job == "sizes" else [job]
        for name, seed in product(names, range(arguments.seeds)):
            for line in (sizes if job == "sizes" else compared)(name, seed):
                line = {"data": name, "seed": seed} | line
                print(
                    "  ".join(
                        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in line.items()
                    ),
                    flush=True,
                )
                if arguments.out:
                    with arguments.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
