"""Codes as features for other models, with few labels and with all of them; and columns picked without labels.

NARROWS_DATA=… python benchmarks/representation.py [probe finetune topk select] [--seeds 5] [--minutes 3]

``probe``     MNIST: ``recipes.topk(1000, k=25)`` trained on 60,000 images without labels; logistic regression on
              its codes, on raw pixels, on 256 principal components, with 100 and with 1,000 labels.
``finetune``  MNIST, 1,000 labels: ``nw.fine_tune`` beside networks of the same size that start at random.
``topk``      MNIST: the error of logistic regression on codes of 1,000 units with all labels, after ``--minutes``
              of training without labels; what is chosen is chosen on 10,000 of the training images.
``select``    Fashion-MNIST: all pixels from 50 of them by a linear decoder, picked by ``recipes.concrete`` and
              otherwise.

The sparse autoencoder's inputs are corrupted in training, ``--noise`` of the pixels set to 0.  "α k" are codes of
three times as many units as in training (Makhzani & Frey 2014); "rectified" are all units that are above 0, and
"soft threshold" max(a + t, 0), t in standard deviations of all units (Coates & Ng 2011, "The importance of encoding
versus training with sparse coding and vector quantization").  Features of every contender are
centred and brought to one mean length; how much a probe's weights are held back is chosen for each by
cross-validation among the labelled rows alone.  Figures are means over ``--seeds`` draws of labelled rows, with
their standard deviation; tested is on all 10,000 test images.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import narrows as nw
from narrows.corruptions import Masking
from narrows.net import Net
from narrows.numerics import seeded

STRENGTHS = [0.1, 1.0, 10.0]  # C of probes, for features of mean length 10
UNITS, ACTIVE, ALPHA = 1000, 25, 3
ALL = UNITS / ACTIVE  # the α of all units

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def data(name: str) -> Data:
    found = np.load(Path(os.environ["NARROWS_DATA"]) / f"{name}.npz", allow_pickle=False)
    rows = [found[k].reshape(len(found[k]), -1) for k in ("x_train", "x_test")]
    return *rows, found["y_train"].astype(int), found["y_test"].astype(int)


def even(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features centred and of mean length 10, as those of ``train`` are."""
    centre = train.mean(0)
    train, test = train - centre, test - centre
    scale = 10 / np.sqrt(np.square(train).sum(1).mean())
    return (train * scale).astype(np.float32), (test * scale).astype(np.float32)


def probed(features: np.ndarray, y: np.ndarray, test: np.ndarray, truth: np.ndarray) -> float:
    """Accuracy in percent of logistic regression, its C from 3-fold cross-validation."""
    features, test = even(features, test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(LogisticRegression(max_iter=200, tol=1e-3), {"C": STRENGTHS}, cv=3)
        return 100 * search.fit(features, y).score(test, truth)


def drawn(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(len(y))[:n]


def unlabelled(
    X: np.ndarray, minutes: float, noise: float, passes: int | None
) -> tuple[nw.Autoencoder, float]:
    """The sparse autoencoder after about so many minutes, or so many passes, and how many minutes it took."""
    began, seconds = time.perf_counter(), []

    class Clock:
        def on_epoch_end(self, state: object) -> None:
            seconds.append(time.perf_counter() - began)

    def model(epochs: int) -> nw.Autoencoder:
        return nw.recipes.topk(
            UNITS, k=ACTIVE, corruption=Masking(noise), max_epochs=epochs, patience=None, validation_fraction=0.0,
            callbacks=(Clock(),),
        )  # fmt: skip

    epochs = passes
    if passes is None:
        model(2).fit(X)  # how long an epoch takes here and now
        epochs = max(2, int(0.95 * 60 * minutes / (seconds[1] - seconds[0])))
    began = time.perf_counter()
    ae = model(epochs).fit(X)
    print(f"# {epochs} epochs in {time.perf_counter() - began:.0f} s", flush=True)
    return ae, (time.perf_counter() - began) / 60


def sparse_codes(ae: nw.Autoencoder, alpha: float) -> Callable[[np.ndarray], np.ndarray]:
    """What makes codes of α k active units."""
    return ae.with_params(bottleneck__alpha=alpha).transform


def show(name: str, values: list[float], base: list[float] | None = None) -> None:
    more = "" if base is None else f" | {np.mean(np.subtract(values, base)):+.2f}"
    print(f"| {name} | {np.mean(values):.2f} ± {np.std(values):.2f}{more} |", flush=True)


def probe(asked: argparse.Namespace) -> None:
    X, test, y, truth = data("mnist")
    ae, _ = unlabelled(X, asked.minutes, asked.noise, asked.passes)
    planes = PCA(256, svd_solver="randomized", random_state=0).fit(X[::3] / 255)
    contenders: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "raw pixels": lambda rows: rows / 255,
        "PCA, 256": lambda rows: planes.transform(rows / 255),
        f"codes, k = {ACTIVE}": sparse_codes(ae, 1),
        f"codes, α k = {ALPHA * ACTIVE}": sparse_codes(ae, ALPHA),
        "codes, rectified": lambda rows: np.maximum(sparse_codes(ae, ALL)(rows), 0),
    }
    for n in (100, 1000):
        chosen = [drawn(y, n, seed) for seed in range(asked.seeds)]
        print(f"\n| {n} labels | accuracy, % | beyond raw pixels |\n|---|---|---|")
        base = None
        for name, make in contenders.items():
            features = make(test)
            got = [probed(make(X[some]), y[some], features, truth) for some in chosen]
            base = got if base is None else base
            show(name, got, base)


def at_random(ae: nw.Autoencoder, seed: int) -> nw.Autoencoder:
    """The same network with the weights that it had before training."""
    fitted, fresh = ae.fitted_, nw.Autoencoder(**ae.get_params(deep=False))
    built = fitted.net.shapes
    shapes = type(built)(built.row, built.latent_dim, built.levels, built.missing, built.bounded)
    with seeded(seed):
        fresh.fitted_ = dataclasses.replace(fitted, net=Net(fitted.spec, shapes).eval())
    fresh.n_features_in_ = ae.n_features_in_
    return fresh


def finetune(asked: argparse.Namespace) -> None:
    X, test, y, truth = data("mnist")
    began = time.perf_counter()
    ae = nw.recipes.denoising(256, max_epochs=6, patience=None, validation_fraction=0.0).fit(X)
    print(f"# denoising autoencoder, 6 epochs in {time.perf_counter() - began:.0f} s", flush=True)
    chosen = [drawn(y, 1000, seed) for seed in range(asked.seeds)]

    def tuned(start: nw.Autoencoder | None, rate: float | str) -> list[float]:
        return [
            100
            * nw.tasks.fine_tune(
                at_random(ae, seed) if start is None else start,
                X[some],
                y[some],
                learning_rate=rate,
                random_state=seed,
            ).score(test, truth)
            for seed, some in enumerate(chosen)
        ]

    print("\n| 1000 labels | accuracy, % | beyond from scratch |\n|---|---|---|")
    # A network from scratch wants the higher of these rates in its layers too, which get a tenth of them.
    scratch = {rate: tuned(None, rate) for rate in (0.003, 0.01, 0.03)}
    best = max(scratch.values(), key=np.mean)
    for rate, got in scratch.items():
        show(f"from scratch, rate {rate}", got, best)
    pixels = [probed(X[some] / 255, y[some], test / 255, truth) for some in chosen]
    show("logistic regression on raw pixels", pixels, best)
    frozen = [
        100 * nw.tasks.fine_tune(ae, X[some], y[some], freeze=True).score(test, truth) for some in chosen
    ]
    show("fine_tune, freeze=True", frozen, best)
    show("fine_tune", tuned(ae, "auto"), best)


def topk(asked: argparse.Namespace) -> None:
    X, test, y, truth = data("mnist")
    ae, minutes = unlabelled(X, asked.minutes, asked.noise, asked.passes)
    made = {"k": sparse_codes(ae, 1), "a": sparse_codes(ae, ALL)}
    codes, unseen = ({name: make(rows) for name, make in made.items()} for rows in (X, test))
    spread = codes["a"].std()
    ways: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
        f"k = {ACTIVE}": lambda of: of["k"],
        "rectified": lambda of: np.maximum(of["a"], 0),
    }
    for t in (0.25, 0.5, 0.75):
        ways[f"soft threshold, {t} sd"] = lambda of, t=t: np.maximum(of["a"] + t * spread, 0)
    print(f"\n| all labels, {minutes:.1f} minutes of training | active | of 10,000 held out, % | error, % |")
    print("|---|---|---|---|")
    order = np.random.default_rng(0).permutation(len(y))
    some, apart = order[:20_000], order[-10_000:]  # of the training images, for what is to be chosen
    for name, way in ways.items():
        features, tests = even(way(codes), way(unseen))
        held = {}
        for decay in (3e-4, 1e-4, 3e-5):
            probe = _fit(_held_back(decay, len(some), 60), features[some], y[some])
            held[decay] = 100 * (1 - probe.score(features[apart], y[apart]))
        best = min(held, key=held.get)
        probe = _fit(_held_back(best, len(y), 150), features, y)
        wrong = 100 * (1 - probe.score(tests, truth))
        active = np.count_nonzero(way({name: part[:1000] for name, part in codes.items()})) / 1000
        print(f"| {name} | {active:.0f} | {held[best]:.2f} | {wrong:.2f} |", flush=True)


def _held_back(decay: float, rows: int, steps: int) -> LogisticRegression:
    """The mean loss and decay/2 ‖W‖²."""
    return LogisticRegression(C=1 / (decay * rows), max_iter=steps, tol=1e-4)


def _fit(probe: LogisticRegression, features: np.ndarray, y: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return probe.fit(features, y)


def select(asked: argparse.Namespace, k: int = 50) -> None:
    X, test, _, _ = (part[:10_000] for part in data("fashion_mnist"))
    X, test = X / 255.0, test / 255.0

    def error(columns: np.ndarray) -> float:
        """Mean squared error per pixel of the test images by least squares from these columns."""
        given = np.column_stack([X[:, columns], np.ones(len(X))])
        weights = np.linalg.solve(given.T @ given + 1e-3 * np.eye(k + 1), given.T @ X)
        return float(
            np.square(np.column_stack([test[:, columns], np.ones(len(test))]) @ weights - test).mean()
        )

    def principal(seed: int) -> np.ndarray:
        """Principal feature analysis (Lu et al. 2007): of each cluster of columns, by their loadings, the one
        nearest to its centre."""
        from sklearn.cluster import KMeans

        loadings = PCA(k, random_state=seed).fit(X).components_.T
        groups = KMeans(k, n_init=3, random_state=seed).fit(loadings)
        apart = np.square(loadings[:, None] - groups.cluster_centers_).sum(2)
        return apart.argmin(0)

    def concrete(seed: int) -> np.ndarray:
        began = time.perf_counter()
        ae = nw.recipes.concrete(k, hidden=(), max_epochs=asked.epochs, random_state=seed).fit(X)
        found = nw.tasks.selected(ae)
        took = f"{time.perf_counter() - began:.0f} s, {len(ae.history_)} epochs"
        print(f"# concrete {seed}: {took}, {len(set(found.tolist()))} columns", flush=True)
        return found

    ways: dict[str, Callable[[int], np.ndarray]] = {
        "random": lambda seed: np.random.default_rng(seed).permutation(X.shape[1])[:k],
        "largest variance": lambda seed: np.argsort(-X.var(0))[:k],
        "principal feature analysis": principal,
        "concrete": concrete,
    }
    print(f"\n| {k} pixels | mean squared error × 1000 |\n|---|---|")
    for name, pick in ways.items():
        show(name, [1000 * error(pick(seed)) for seed in range(min(3, asked.seeds))])
    planes = PCA(k, random_state=0).fit(X)
    show(
        f"PCA, {k} components",
        [1000 * np.square(planes.inverse_transform(planes.transform(test)) - test).mean()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", default=["probe", "finetune", "topk", "select"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3.0, help="of training without labels")
    parser.add_argument("--passes", type=int, help="over the unlabelled images, in place of the minutes")
    parser.add_argument("--noise", type=float, default=0.3, help="share of pixels set to 0")
    parser.add_argument("--epochs", type=int, default=60, help="of the concrete autoencoder")
    asked = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    for job in asked.jobs:
        {"probe": probe, "finetune": finetune, "topk": topk, "select": select}[job](asked)


if __name__ == "__main__":
    main()
