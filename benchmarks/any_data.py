"""Real series, texts, cells and photographs: what the inputs do with them, beside simple baselines.

NARROWS_DATA=… python benchmarks/any_data.py [ecg nab bbc cells photographs] [--seeds 5]

Prints one line per figure, mean ± standard deviation over the seeds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.sparse

import narrows as nw

Figures = dict[str, float]


def data(name: str):
    path = Path(os.environ["NARROWS_DATA"]) / name
    return np.load(path, allow_pickle=False) if path.suffix == ".npz" else path


def ecg(seed: int) -> Figures:
    """ECG5000, normal beats, 140 samples each: error on held-out beats."""
    found = data("ecg5000_train.npz")
    x = found["x"][found["y"] == 1]
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = x[order[:200]], x[order[200:]]
    figures = {}
    for name, backbone in (("conv1d", nw.backbones.Conv1d()), ("mlp", nw.backbones.MLP((64,)))):
        ae = nw.Autoencoder(8, input=nw.inputs.Signals(), backbone=backbone, random_state=seed).fit(train)
        found = ae.evaluate(test)
        figures |= {f"{name} r2": found["r2"]}
    return figures | {"pca r2": found["pca_r2"]}


def nab(seed: int) -> Figures:
    """The longest NAB series, windows of 96: reassembly exact, and error on its last fifth."""
    import pandas as pd

    table = pd.read_parquet(data("nab.parquet"))
    name = table.groupby("series").size().idxmax()
    series = (
        table[table["series"] == name].sort_values("timestamp")[["timestamp", "value"]].reset_index(drop=True)
    )
    cut = int(len(series) * 0.8)
    signals = nw.inputs.Signals(window=96, time="timestamp")
    schema = signals.learn(series)
    back = schema.restore(schema.rows(series)[:], like=series)
    exact = float(np.abs(back["value"] - series["value"]).max() / series["value"].abs().max())
    ae = nw.Autoencoder(8, input=signals, random_state=seed).fit(series[:cut])
    found = ae.evaluate(series[cut:])
    assert list(ae.reconstruct(series[cut:]).columns) == ["timestamp", "value"]
    return {"windows averaged, relative error": exact, "r2": found["r2"], "pca r2": found["pca_r2"]}


def perplexity(logp: np.ndarray, counts: np.ndarray) -> float:
    return float(np.exp(-(counts * logp).sum() / counts.sum()))


def counts(matrix: scipy.sparse.csr_matrix, train: np.ndarray, test: np.ndarray, seed: int) -> Figures:
    """Held-out perplexity by document completion: half of each row's counts are seen, the others judged."""
    rng = np.random.default_rng(seed)
    x, whole = matrix[train], matrix[test].astype(int)
    seen = whole.copy()
    seen.data = rng.binomial(whole.data, 0.5)
    left = (whole - seen).toarray()
    unigram = np.asarray(x.sum(0)).ravel() + 0.5
    unigram = np.log(unigram / unigram.sum())
    figures = {"unigram": perplexity(unigram[None], left)}
    figures["svd + softmax"] = svd_softmax(x, seen, left, 32, seed)
    for name, model in (
        ("autoencoder(32)", nw.Autoencoder(32, corruption=nw.corruptions.Masking(0.5), random_state=seed)),
        (
            "variational(32)",
            nw.Autoencoder(32, bottleneck=nw.bottlenecks.Gaussian(beta=0.2), random_state=seed),
        ),
    ):
        rows = model.fit(x).reconstruct(seen.astype(np.float32))
        p = np.maximum(rows, 1e-12) / np.maximum(rows, 1e-12).sum(1, keepdims=True)
        figures[name] = perplexity(np.log(p), left)
    return figures


def svd_softmax(x, seen, left, rank: int, seed: int) -> float:
    """Truncated SVD of the logarithms of counts, and a softmax whose temperature and share of unigram are
    the best on the training rows."""
    from sklearn.decomposition import TruncatedSVD

    svd = TruncatedSVD(rank, random_state=seed).fit(x.log1p())
    rng = np.random.default_rng(seed)
    part = x[rng.permutation(x.shape[0])[:500]].astype(int)
    mine = part.copy()
    mine.data = rng.binomial(part.data, 0.5)
    rest = (part - mine).toarray()
    base = np.asarray(x.sum(0)).ravel() + 0.5
    base = np.log(base / base.sum())

    def logp(rows, scale: float) -> np.ndarray:
        logits = base + scale * svd.inverse_transform(svd.transform(rows.log1p()))
        return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)

    scales = (0.25, 0.5, 1.0, 2.0, 4.0)
    best = min(scales, key=lambda s: perplexity(logp(mine, s), rest))
    return perplexity(logp(seen, best), left)


def bbc(seed: int) -> Figures:
    """BBC news, bags of words."""
    found = data("bow_bbc.npz")
    matrix = scipy.sparse.csr_matrix((found["data"], found["indices"], found["indptr"]), found["shape"])
    return counts(matrix, *halves(matrix.shape[0], seed), seed)


def cells(seed: int) -> Figures:
    """Single cells of worm neurons, reads per gene: the 2,000 genes with most reads."""
    found = data("sc_worm_neuron.npz")
    matrix = scipy.sparse.csr_matrix((found["data"], found["indices"], found["indptr"]), found["shape"])
    most = np.sort(np.argsort(-np.asarray(matrix.sum(0)).ravel())[:2000])
    matrix = matrix[:, most]
    matrix = matrix[np.asarray(matrix.sum(1)).ravel() > 20]
    return counts(matrix.astype(int), *halves(matrix.shape[0], seed), seed)


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng(seed).permutation(n)
    return order[: int(0.8 * n)], order[int(0.8 * n) :]


def photographs(seed: int) -> Figures:
    """BSD68 through patches: blending exact, and what 64 numbers per 16 × 16 patch keep."""
    kodak, bsd = data("img_kodak24.npz"), data("img_bsd68.npz")
    train = [kodak[name].mean(-1) for name in sorted(kodak.files)]
    test = [bsd[name] for name in sorted(bsd.files)]
    patches = nw.inputs.Patches(size=16, step=8)
    schema = patches.learn(test)
    blended = schema.restore(schema.rows(test)[:], like=test)
    exact = max(np.abs(a.astype(float) - b).max() for a, b in zip(blended, test, strict=True))
    ae = nw.recipes.undercomplete(latent_dim=64, input=patches, random_state=seed, max_epochs=5).fit(train)
    rows = [np.asarray(x, float) for x in test]
    back = ae.reconstruct(rows)
    psnr = [10 * np.log10(255**2 / np.mean((a - b) ** 2)) for a, b in zip(back, rows, strict=True)]
    return {"patches blended, largest error": exact, "PSNR, dB": float(np.mean(psnr))}


JOBS: dict[str, Callable[[int], Figures]] = {
    "ecg": ecg, "nab": nab, "bbc": bbc, "cells": cells, "photographs": photographs,
}  # fmt: skip


def lines(name: str, seeds: int) -> Iterator[str]:
    found = [JOBS[name](seed) for seed in range(seeds)]
    for figure in found[0]:
        values = np.array([one[figure] for one in found])
        yield f"{name:12} {figure:36} {values.mean():.6g} ± {values.std(ddof=1) if seeds > 1 else 0:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("jobs", nargs="*", default=[], metavar="job", help=", ".join(JOBS))
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    for name in args.jobs or JOBS:
        began = time.perf_counter()
        for line in lines(name, args.seeds):
            print(line, flush=True)
        print(f"{name:12} {'seconds':36} {time.perf_counter() - began:.1f}", flush=True)


if __name__ == "__main__":
    main()
