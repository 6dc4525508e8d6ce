"""Anomaly detection beside nearest neighbours and the usual detectors: ADBench's tables, series, guarantees.

NARROWS_DATA=… python benchmarks/anomaly.py [tables contaminated calibration reasons series] [--seeds 3]

``tables``        trained on half of the usual rows, tested on the rest and all anomalies; split first.
``contaminated``  trained on 70% of all rows, whatever they are, tested on the rest.
``calibration``   how often new usual rows get small p-values, and the share of false discoveries.
``reasons``       how often the one cell of a row that was changed ranks first in ``explain``.
``series``        NAB's realKnownCause, scored at each time, and ECG5000, by window.

Each figure is a mean over data sets and seeds; ``--out`` keeps every single one as a line of JSON, and
what stands there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

import narrows as nw

Scores = dict[
    str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]
]  # (train, test, seed) → higher is odder


def folder() -> Path:
    return Path(os.environ["NARROWS_DATA"])


def tables() -> list[str]:
    return sorted(path.stem for path in (folder() / "adbench").glob("*.npz"))


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    found = np.load(folder() / "adbench" / f"{name}.npz")
    return found["X"].astype(np.float64), found["y"].astype(int)


def ours(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return -nw.AnomalyDetector(random_state=seed).fit(train).score_samples(test)


def neighbour(k: int) -> Callable:
    def score(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        return NearestNeighbors(n_neighbors=k).fit(train).kneighbors(test)[0][:, -1]

    return score


def forest(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return -IsolationForest(random_state=seed).fit(train).score_samples(test)


def machine(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    some = np.random.default_rng(seed).permutation(len(train))[:8000]  # its time grows with their square
    return -OneClassSVM().fit(train[some]).score_samples(test)


def plane(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    pca = PCA(0.95, random_state=seed).fit(train)
    return np.square(test - pca.inverse_transform(pca.transform(test))).sum(1)


def ellipse(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.covariance import MinCovDet

    return MinCovDet(random_state=seed).fit(train).mahalanobis(test)


def pyod(name: str) -> Callable:
    def score(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        if name == "AutoEncoder":
            from pyod.models.auto_encoder import AutoEncoder as Model
        else:
            from pyod.models.vae import VAE as Model  # noqa: N811 (one of two)
        return Model(random_state=seed, verbose=0).fit(train).decision_function(test)

    return score


def length(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    return np.linalg.norm(test, axis=1)


USUAL: Scores = {
    "narrows": ours, "kNN (5)": neighbour(5), "kNN (1)": neighbour(1), "‖x‖": length, "IForest": forest,
    "OCSVM": machine, "PCA": plane, "PyOD AutoEncoder": pyod("AutoEncoder"), "PyOD VAE": pyod("VAE"),
}  # fmt: skip
MIXED: Scores = {
    "narrows": ours,
    "narrows, trim=0.1": lambda a, b, seed: (
        -nw.AnomalyDetector(trim=0.1, random_state=seed).fit(a).score_samples(b)
    ),
    "kNN (5)": neighbour(5), "IForest": forest, "MCD": ellipse,
}  # fmt: skip


def halves(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    usual = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    half = len(usual) // 2
    return usual[:half], np.concatenate([usual[half:], np.flatnonzero(y == 1)])


def thirds(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(y))
    cut = int(0.7 * len(y))
    return order[:cut], order[cut:]


def on_tables(job: str, detectors: Scores, split: Callable, seeds: int, out: Path | None) -> None:
    done = read(out)
    for name in tables():
        X, y = table(name)
        for seed in range(seeds):
            a, b = split(y, seed)
            if y[b].min() == y[b].max():
                continue
            scaler = StandardScaler().fit(X[a])
            train, test = scaler.transform(X[a]), scaler.transform(X[b])
            for title, score in detectors.items():
                key = f"{job}|{name}|{seed}|{title}"
                if key not in done:
                    began = time.perf_counter()
                    # Narrows scales for itself.
                    s = score(X[a], X[b], seed) if title.startswith("narrows") else score(train, test, seed)
                    found = [
                        roc_auc_score(y[b], s),
                        average_precision_score(y[b], s),
                        time.perf_counter() - began,
                    ]
                    done[key] = found
                    if out is not None:
                        with out.open("a") as file:
                            file.write(json.dumps({key: found}) + "\n")
        mine = [
            done[f"{job}|{name}|{s}|narrows"] for s in range(seeds) if f"{job}|{name}|{s}|narrows" in done
        ]
        print(f"{name:20} narrows ROC {np.mean(mine, 0)[0]:.3f} PR {np.mean(mine, 0)[1]:.3f}", flush=True)
    summary(done, job, detectors)


def read(out: Path | None) -> dict[str, list[float]]:
    if out is None or not out.exists():
        return {}
    return {k: v for line in out.read_text().splitlines() for k, v in json.loads(line).items()}


def summary(done: dict[str, list[float]], job: str, detectors: Scores) -> None:
    """Means over sets and seeds, and a bootstrap over sets of the difference to kNN (5)."""
    keys = [k.split("|") for k in done if k.startswith(f"{job}|")]
    names = sorted({k[1] for k in keys})
    mean = {}
    for t in detectors:
        found = [
            [v for k, v in done.items() if k.startswith(f"{job}|{n}|") and k.endswith(f"|{t}")] for n in names
        ]
        if all(found):
            mean[t] = np.array([np.mean(values, 0) for values in found])
    seeds = sorted({k[2] for k in keys})
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(names), (10_000, len(names)))
    print(f"\n{job}: {len(names)} sets, {len(seeds)} seeds")
    print(f"{'':20}{'ROC':>8}{'PR':>8}{'± seeds':>16}{'s':>8}   ROC and PR over kNN (5) [95% over sets]")
    for title, found in mean.items():
        by_seed = [
            np.mean([done[f"{job}|{n}|{s}|{title}"] for n in names if f"{job}|{n}|{s}|{title}" in done], 0)
            for s in seeds
        ]
        spread = np.std(by_seed, 0, ddof=1) if len(seeds) > 1 else np.zeros(3)
        text = (
            f"{title:20}{found[:, 0].mean():8.4f}{found[:, 1].mean():8.4f}  ±{spread[0]:.4f} ±{spread[1]:.4f}"
        )
        text += f"{found[:, 2].mean():8.1f}  "
        for i in (0, 1):
            apart = found[:, i] - mean["kNN (5)"][:, i]
            low, high = np.quantile(apart[draws].mean(1), [0.025, 0.975])
            text += f" {apart.mean():+.4f} [{low:+.4f}, {high:+.4f}]"
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("jobs", nargs="*", default=[], metavar="job", help=", ".join(JOBS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="a file of JSON lines")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for job in args.jobs or JOBS:
        JOBS[job](args.seeds, args.out)


JOBS: dict[str, Callable[[int, Path | None], None]] = {
    "tables": lambda seeds, out: on_tables("tables", USUAL, halves, seeds, out),
    "contaminated": lambda seeds, out: on_tables("contaminated", MIXED, thirds, seeds, out),
}


if __name__ == "__main__":
    main()
