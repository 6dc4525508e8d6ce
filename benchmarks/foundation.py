"""What the first models reach on MNIST and Fashion-MNIST, with the baselines beside them.

    make results [ONLY="vanilla deep"]

Each job prints one line per figure: what, the figure, the bar it is held against, seconds of
training.  No model is trained on the test images; docs/results.md says which defaults were chosen by them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

import narrows as nw


def flat(dataset: nw.datasets.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Train and test images as rows in [0, 1]."""
    return tuple(x.reshape(len(x), -1).astype(np.float32) / 255 for x in (dataset.x_train, dataset.x_test))


def timed(ae: nw.Autoencoder, x: np.ndarray) -> tuple[nw.Autoencoder, float]:
    began = time.perf_counter()
    return ae.fit(x), time.perf_counter() - began


def mse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a - b) ** 2, dtype=np.float64))


def say(what: str, figure: float, bar: str, seconds: float | None = None) -> None:
    print(f"{what:58s} {figure:10.5f}   {bar:24s}" + (f" {seconds:6.1f} s" if seconds else ""), flush=True)


def pca_mse(train: np.ndarray, test: np.ndarray, k: int) -> float:
    from sklearn.decomposition import PCA

    pca = PCA(k, svd_solver="covariance_eigh").fit(train)
    return mse(pca.inverse_transform(pca.transform(test)), test)


def vanilla() -> None:
    for name, bar in (("mnist", "<= 0.0039"), ("fashion_mnist", "<= 0.0090")):
        train, test = flat(getattr(nw.datasets, name)())
        ae, seconds = timed(nw.recipes.vanilla(latent_dim=64, max_epochs=10), train)
        say(f"vanilla 784-64-784, {name}, test MSE", mse(ae.reconstruct(test), test), bar, seconds)
        say("  PCA-64", pca_mse(train, test, 64), "beside")


def deep() -> None:
    train, test = flat(nw.datasets.fashion_mnist())
    ae, seconds = timed(nw.recipes.deep(latent_dim=32), train)
    say(
        "deep(32), fashion_mnist, test MSE", mse(ae.reconstruct(test), test), "<= 0.0078 within 90 s", seconds
    )
    say("  PCA-32", pca_mse(train, test, 32), "beside")


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return -10 * np.log10(mse(a, b))


def denoising() -> None:
    from skimage.restoration import denoise_tv_chambolle

    sigma = 0.5
    train, test = flat(nw.datasets.fashion_mnist())
    noisy = test + np.random.default_rng(1).normal(0, sigma, test.shape).astype(np.float32)
    ae, seconds = timed(nw.recipes.denoising(noise=sigma), train)
    ours = psnr(ae.reconstruct(noisy), test)

    mean = train.mean(0, dtype=np.float64)
    cov = np.cov(train.T, bias=True)
    filter_ = np.linalg.solve(cov + sigma**2 * np.eye(len(cov)), cov)
    wiener = psnr(mean + (noisy - mean) @ filter_, test)

    def tv(images: np.ndarray, weight: float) -> np.ndarray:
        return np.stack([denoise_tv_chambolle(i.reshape(28, 28), weight=weight).ravel() for i in images])

    weights = np.arange(0.2, 1.01, 0.05)
    best = max(weights, key=lambda w: psnr(tv(noisy[:300], w), test[:300]))
    total_variation = psnr(tv(noisy, best), test)
    say("denoising(0.5), fashion_mnist, PSNR", ours, "", seconds)
    say("  above linear Wiener/LMMSE, dB", ours - wiener, ">= 1.3")
    say(f"  above total variation (best weight {best:.2f}), dB", ours - total_variation, ">= 2.5")


def topk() -> None:
    train, test = flat(nw.datasets.fashion_mnist())
    ae, seconds = timed(nw.recipes.topk(latent_dim=1568, k=78), train)
    codes = ae.transform(test)
    say("topk(1568, k=78), fashion_mnist, test MSE", mse(ae.reconstruct(test), test), "<= 0.0065", seconds)
    say("  units never active on the test set", int((~(codes != 0).any(0)).sum()), "0")
    say("  largest number of active units", int((codes != 0).sum(1).max()), "<= 78")
    say("  PCA-78", pca_mse(train, test, 78), "beside")


def sparse() -> None:
    train, test = flat(nw.datasets.fashion_mnist())
    ae, seconds = timed(nw.recipes.sparse(latent_dim=1568), train)
    codes = ae.transform(test)
    say("sparse(1568), fashion_mnist, test MSE", mse(ae.reconstruct(test), test), "<= 0.014", seconds)
    say("  mean share of active units", float((codes != 0).mean()), "<= 0.05")


def shifted(images: np.ndarray, by: int = 2) -> np.ndarray:
    moved = np.zeros_like(images)
    moved[:, by:, by:] = images[:, :-by, :-by]
    return moved


def convolutional() -> None:
    data = nw.datasets.fashion_mnist()
    train, test = (x.astype(np.float32) / 255 for x in (data.x_train, data.x_test))
    conv, seconds = timed(nw.recipes.convolutional(latent_dim=32), train)
    count = sum(p.numel() for p in conv.net_.parameters())
    width = round(
        (count - 784 - 32) / (2 * 784 + 2 * 32 + 2)
    )  # of an MLP 784-w-32-w-784 with as many weights
    epochs = len(conv.history_)
    same = {"max_epochs": epochs, "patience": None}
    mlp, mlp_seconds = timed(nw.recipes.deep(latent_dim=32, hidden=(width,), **same), train)
    other = sum(p.numel() for p in mlp.net_.parameters())
    moved = shifted(test)
    figures = {}
    for name, ae in (("conv", conv), ("mlp", mlp)):
        plain, shift = mse(ae.reconstruct(test), test), mse(ae.reconstruct(moved), moved)
        figures[name] = (plain, shift, shift / plain)
    say(f"convolutional(32), {count} weights, {epochs} epochs, test MSE", figures["conv"][0], "", seconds)
    say(f"  MLP 784-{width}-32, {other} weights, test MSE", figures["mlp"][0], "", mlp_seconds)
    for i, what in ((1, "MSE shifted by 2 pixels"), (2, "growth of the error")):
        say(f"  {what}: conv", figures["conv"][i], f"below MLP's {figures['mlp'][i]:.5f}")


def variational() -> None:
    train, test = flat(nw.datasets.fashion_mnist())
    ae, seconds = timed(nw.recipes.variational(latent_dim=16), train)
    figures = ae.evaluate(test)
    say("variational(16), fashion_mnist, negative ELBO", -figures["score"], "", seconds)
    say("  probabilistic PCA-16, nll", figures["pca_nll"], "above the line before")
    say("  MSE", figures["mse"], f"PCA-16: {figures['pca_mse']:.5f}")


JOBS: dict[str, Callable[[], None]] = {
    job.__name__: job for job in (vanilla, deep, denoising, topk, sparse, convolutional, variational)
}

if __name__ == "__main__":
    for name in sys.argv[1:] or JOBS:
        JOBS[name]()
