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
from typing import Any

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


ALPHAS = (0.01, 0.05, 0.1)
SPLITS = 20


def calibration(seeds: int, out: Path | None) -> None:
    """P(p ≤ α) on new usual rows, and the share of false discoveries among them and the anomalies."""
    for name in ("6_cardio", "40_vowels", "31_satimage-2"):
        X, y = table(name)
        rates, false, power = [], [], []
        for seed in range(SPLITS):
            a, b = halves(y, seed)
            detector = nw.AnomalyDetector(random_state=seed).fit(X[a])
            p = detector.p_values(X[b])
            rates.append([(p[y[b] == 0] <= alpha).mean() for alpha in ALPHAS])
            called = detector.predict(X[b], fdr=0.1) == -1
            false.append((called & (y[b] == 0)).sum() / max(called.sum(), 1))
            power.append(called[y[b] == 1].mean())
        mean, se = np.mean(rates, 0), np.std(rates, 0, ddof=1) / np.sqrt(SPLITS)
        kept = all(m <= alpha + 2 * s for m, s, alpha in zip(mean, se, ALPHAS, strict=True))
        text = "  ".join(f"P(p ≤ {a}) = {m:.4f} ± {s:.4f}" for a, m, s in zip(ALPHAS, mean, se, strict=True))
        print(f"{name:14} {text}  {'kept' if kept else 'NOT KEPT'}")
        se = np.std(false, ddof=1) / np.sqrt(SPLITS)
        print(
            f"{'':14} at fdr=0.1: {np.mean(false):.4f} ± {se:.4f} false, {np.mean(power):.2f} of the anomalies found",
            flush=True,
        )


def mixed() -> tuple[np.ndarray, Any]:
    """Numbers and categories: census rows without gaps."""
    import pandas as pd

    frame = pd.read_parquet(folder() / "adult.parquet").dropna().reset_index(drop=True)
    numbers = [c for c in frame if pd.api.types.is_numeric_dtype(frame[c])]
    return np.array(numbers), frame


def reasons(seeds: int, out: Path | None) -> None:
    """One number of each of 200 new usual rows is moved by 5 standard deviations of its column; in a mixed
    frame also a category replaced by the column's rarest, if that is one of fewer than 1% of the rows."""
    for name in ("32_shuttle", "6_cardio", "adult"):
        shares, apart = [], 0.0
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            if name == "adult":
                numbers, frame = mixed()
                order = rng.permutation(len(frame))
                train, new = frame.iloc[order[:4000]], frame.iloc[order[4000:4200]].reset_index(drop=True)
                columns = list(frame.columns)
            else:
                X, y = table(name)
                a, b = halves(y, seed)
                train, new = X[a][:8000], X[b][y[b] == 0][:200].copy()
                columns = list(range(X.shape[1]))
            able = [
                j
                for j, c in enumerate(columns)
                if name != "adult" or c in numbers or train[c].value_counts(normalize=True).iloc[-1] < 0.01
            ]
            which = rng.choice(able, 200)
            detector = nw.AnomalyDetector(random_state=seed).fit(train)
            for i, j in enumerate(which):
                if name != "adult":
                    new[i, j] += rng.choice([-5, 5]) * max(train[:, j].std(), 1e-9)
                elif columns[j] in numbers:
                    column = columns[j]
                    moved = new.loc[i, column] + rng.choice([-5, 5]) * train[column].std()
                    new[column] = new[column].astype(float)
                    new.loc[i, column] = moved
                else:
                    new.loc[i, columns[j]] = train[columns[j]].value_counts().index[-1]
            found = detector.explain(new)
            apart = max(apart, float(np.abs(found.sum(1) + detector.score_samples(new)).max()))
            shares.append((found.argmax(1) == which).mean())
        text = f"the changed cell ranks first in {np.mean(shares):.3f} of rows, parts add up to {apart:.1g}"
        print(f"{name:14} {text}", flush=True)


def series(seeds: int, out: Path | None) -> None:
    """NAB's realKnownCause: fitted on the first 15%, less what is marked there, scored at each later time;
    windows of 64. ECG5000: fitted on half of the normal beats. PR-AUC."""
    import pandas as pd

    from narrows.inputs.windows import Windows

    every = pd.read_parquet(folder() / "nab.parquet")
    found = []
    line = "narrows {:.3f} ± {:.3f}  PCA {:.3f}  IForest {:.3f}  (marked {:.3f})"
    for name in sorted(n for n in every["series"].unique() if n.startswith("realKnownCause")):
        rows = every[every["series"] == name].sort_values("timestamp")
        values, marked = rows["value"].to_numpy(float)[:, None], rows["anomaly"].to_numpy(int)
        cut = int(0.15 * len(values))
        train, test, truth = values[:cut][marked[:cut] == 0], values[cut:], marked[cut:]
        mean, deviation = train.mean(), train.std()
        cuts = [Windows([(x - mean) / deviation], 64, 8) for x in (train, test)]
        flat = [c[:].reshape(len(c), -1) for c in cuts]

        def at_times(scores: np.ndarray, windows: Windows = cuts[1]) -> np.ndarray:
            return windows.average(np.repeat(scores[:, None], 64, 1))[0]

        one = [average_precision_score(truth, at_times(f(*flat, 0))) for f in (plane, forest)]
        mine = []
        for seed in range(seeds):
            detector = nw.AnomalyDetector(input=nw.inputs.Signals(window=64, step=8), random_state=seed).fit(
                train
            )
            mine.append(average_precision_score(truth, -detector.score_samples(test)))
        found.append([np.mean(mine), np.std(mine), *one, truth.mean()])
        print(f"{name[15:45]:32} " + line.format(*found[-1]), flush=True)
    print(f"{'NAB, mean':32} " + line.format(*np.mean(found, 0)), flush=True)
    beats = np.load(folder() / "ecg5000_train.npz")
    scores: dict[str, list[float]] = {"narrows": [], "PCA": [], "IForest": []}
    for seed in range(max(seeds, 5)):
        truth = (beats["y"] != 1).astype(int)
        a, b = halves(truth, seed)
        train, test = beats["x"][a], beats["x"][b]
        detector = nw.AnomalyDetector(input=nw.inputs.Signals(), random_state=seed).fit(train)
        for title, s in (
            ("narrows", -detector.score_samples(test)),
            ("PCA", plane(train, test, seed)),
            ("IForest", forest(train, test, seed)),
        ):
            scores[title].append(average_precision_score(truth[b], s))
    print(
        "ECG5000  " + "  ".join(f"{t} {np.mean(v):.4f} ± {np.std(v, ddof=1):.4f}" for t, v in scores.items())
    )


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
    "calibration": calibration,
    "reasons": reasons,
    "series": series,
}


if __name__ == "__main__":
    main()
