"""Denoiser beside the filters that people use today: pictures, photographs and spoken digits.

    NARROWS_DATA=folder python benchmarks/denoising.py [fashion] [photographs] [digits] [kinds] [--seeds N]

Every figure is a mean over test data that nothing was trained or tuned on, ± the standard deviation over
seeds, which draw the noise and the network; filters get the best of their parameters on the *test* data,
in their favour.  Needs scikit-image and PyWavelets (benchmarks/requirements.txt).
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

import narrows as nw

DATA = Path(os.environ.get("NARROWS_DATA", "."))
Figures = Iterator[tuple[str, float]]  # what was measured, as it comes


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square(a - b, dtype=np.float64))))


def snr(clean: np.ndarray, answer: np.ndarray) -> float:
    return float(10 * np.log10(np.square(clean).sum() / np.square(clean - answer).sum()))


@contextmanager
def clocked(what: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"  [{what}: {wall:.0f} s by the wall, {cpu:.0f} s of processor]", flush=True)


def fitted(kept: Path | None, name: str, denoiser: nw.Denoiser, X: Any) -> nw.Denoiser:
    """The denoiser fitted on X, its time printed; one that was kept from an earlier run is read."""
    path = None if kept is None else kept / f"{name}.safetensors"
    if path is not None and path.is_file():
        print(f"  [{name}: read from {path.name}]", flush=True)
        return nw.load(path)
    with clocked(f"fit {name}"):
        denoiser.fit(X)
    if path is not None:
        denoiser.save(path)
    return denoiser


def fashion(seed: int, kept: Path | None, some: int = 200) -> Figures:
    """Fashion-MNIST, σ = 0.5 on [0, 1]: PSNR from the MSE over all test images."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle
    from sklearn.decomposition import PCA

    with np.load(DATA / "fashion_mnist.npz") as file:
        train, test = (file[f"x_{part}"].astype(np.float32) / 255 for part in ("train", "test"))
    sigma, rng = 0.5, np.random.default_rng(seed)
    noisy = test + sigma * rng.normal(size=test.shape).astype(np.float32)
    yield "noisy", psnr(noisy, test)
    flat, flat_noisy = train.reshape(len(train), -1), noisy.reshape(len(test), -1)
    pca = PCA(64, svd_solver="covariance_eigh").fit(flat)
    apart = flat_noisy - pca.mean_
    planes = [pca.components_[:k] for k in (8, 16, 32, 64)]
    parts = [pca.mean_ + apart @ plane.T @ plane for plane in planes]
    yield "PCA, best of 8 … 64 components", max(psnr(part.reshape(test.shape), test) for part in parts)
    cov = np.cov(flat[::3].T)
    gain = np.linalg.solve(cov + sigma**2 * np.eye(len(cov)), cov).astype(np.float32)
    yield "linear Wiener filter (LMMSE)", psnr((pca.mean_ + apart @ gain).reshape(test.shape), test)
    few, few_noisy = test[:some], noisy[:some]  # filters do not learn: a few images show their best
    scores = [
        psnr(np.stack([denoise_tv_chambolle(x, weight) for x in few_noisy]), few)
        for weight in (0.3, 0.5, 0.7, 1.0)
    ]
    yield f"total variation, best of 4 weights, {some} images", max(scores)
    scores = [
        psnr(np.stack([denoise_nl_means(x, p, 9, h=h * sigma, sigma=sigma) for x in few_noisy]), few)
        for h in (0.4, 0.6, 0.8, 1.0)
        for p in (3, 5)
    ]
    yield f"non-local means, best of 8 settings, {some} images", max(scores)
    ours = fitted(kept, f"fashion-{seed}", nw.Denoiser(noise=sigma, random_state=seed), train)
    yield "Denoiser(noise=0.5), trained on clean images", psnr(ours.transform(noisy), test)
    dirty = train + sigma * rng.normal(size=train.shape).astype(np.float32)
    ours = fitted(kept, f"fashion-blind-{seed}", nw.Denoiser(random_state=seed), dirty)
    yield "Denoiser(), trained on noisy images alone", psnr(ours.transform(noisy), test)
    yield "  the level that it found", ours.noise_level_


def grey(file: str) -> list[np.ndarray]:
    with np.load(DATA / file) as data:
        photos = [data[name].astype(np.float32) / 255 for name in data]
    return [x @ np.float32([0.299, 0.587, 0.114]) if x.ndim == 3 else x for x in photos]


def photographs(seed: int, kept: Path | None) -> Figures:
    """BSD68 in grey, σ = 25/255, trained on Kodak's 24 photographs: mean PSNR over the photographs."""
    from skimage.restoration import denoise_nl_means, denoise_wavelet

    train, test = grey("img_kodak24.npz"), grey("img_bsd68.npz")
    sigma, rng = 25 / 255, np.random.default_rng(seed)
    noisy = [x + sigma * rng.normal(size=x.shape).astype(np.float32) for x in test]

    def mean(answers: list[np.ndarray]) -> float:
        return float(np.mean([psnr(a, b) for a, b in zip(answers, test, strict=True)]))

    yield "noisy", mean(noisy)
    for h in (0.6, 0.8):
        answers = [denoise_nl_means(x, 5, 6, h=h * sigma, sigma=sigma) for x in noisy]
        yield f"non-local means, h={h}σ, patches of 5, 6 pixels around", mean(answers)
    for how in ("BayesShrink", "VisuShrink"):
        given = {"sigma": sigma, "method": how, "mode": "soft", "wavelet": "db2"}
        yield f"wavelet shrinkage, {how}", mean([denoise_wavelet(x, **given) for x in noisy])
    ours = fitted(kept, f"photographs-{seed}", nw.Denoiser(noise=sigma, random_state=seed), train)
    with clocked("transform of 68 photographs"):
        answers = ours.transform(noisy)
    yield "Denoiser(noise=25/255), trained on clean photographs", mean(answers)
    dirty = [x + sigma * rng.normal(size=x.shape).astype(np.float32) for x in train]
    ours = fitted(kept, f"photographs-blind-{seed}", nw.Denoiser(random_state=seed), dirty)
    yield "Denoiser(), trained on noisy photographs alone", mean(ours.transform(noisy))
    yield "  255 times the level that it found", 255 * ours.noise_level_


def digits(seed: int, kept: Path | None) -> Figures:
    """Spoken digits at 5 dB: what the signal-to-noise ratio gains, mean over 200 recordings of two speakers
    that nothing was trained on."""
    from scipy.signal import wiener

    with np.load(DATA / "fsdd.npz") as file:
        audio, at, who = file["audio"].astype(np.float32) / 32768, file["offsets"], file["speaker"]
    sounds, rng = [audio[a:b] for a, b in itertools.pairwise(at)], np.random.default_rng(seed)
    held = set(rng.permutation(sorted(set(who.tolist())))[:2].tolist())
    train = [x for x, name in zip(sounds, who, strict=True) if name not in held]
    clean = [x for x, name in zip(sounds, who, strict=True) if name in held][::5]
    sigmas = [np.sqrt(np.mean(x**2) / 10**0.5) for x in clean]
    noisy = [x + s * rng.normal(size=x.shape).astype(np.float32) for x, s in zip(clean, sigmas, strict=True)]

    def gained(answers: list[np.ndarray]) -> float:
        return float(np.mean([snr(c, a) - snr(c, n) for c, a, n in zip(clean, answers, noisy, strict=True)]))

    for name, root in (("spectral subtraction", 0.5), ("STFT Wiener", 1.0)):
        settings = itertools.product((1.0, 2.0, 4.0), (0.0, 0.1))
        scores = [gained([by_frequency(x, root, over, floor) for x in noisy]) for over, floor in settings]
        yield f"{name}, best of 6 settings", max(scores)
    scores = [
        gained([wiener(x, k, noise=s**2) for x, s in zip(noisy, sigmas, strict=True)]) for k in (5, 9, 17, 33)
    ]
    yield "scipy.signal.wiener, best of 4 windows, true noise power", max(scores)
    ours = fitted(kept, f"digits-{seed}", nw.Denoiser(noise="0:10 dB", random_state=seed), train)
    yield "Denoiser(noise='0:10 dB'), levels estimated", gained([ours.transform([x])[0] for x in noisy])


def by_frequency(noisy: np.ndarray, root: float, over: float, floor: float) -> np.ndarray:
    """Each frequency times max(1 − over·N/P, 0)^root, at least ``floor``; the power N of white noise is that
    of the calmest tenth of the frames."""
    from scipy.signal import istft, stft

    how = {"nperseg": 256, "noverlap": 192}
    _, _, spectrum = stft(noisy, **how)
    power = np.abs(spectrum) ** 2
    calm = np.argsort(power.sum(0))[: max(2, power.shape[1] // 10)]
    gain = np.maximum(1 - over * power[:, calm].mean() / np.maximum(power, 1e-20), 0) ** root
    _, back = istft(spectrum * np.maximum(gain, floor), **how)
    return np.pad(back, (0, max(0, len(noisy) - len(back))))[: len(noisy)]


def kinds(
    seed: int, kept: Path | None, photos: int = 24, some: int = 68, epochs: int | None = None
) -> Figures:
    """BSD68 in grey with other noise than Gaussian, trained on Kodak's photographs with the same noise alone:
    mean PSNR over the photographs."""
    from scipy.ndimage import median_filter
    from skimage.restoration import denoise_nl_means

    train, test = grey("img_kodak24.npz")[:photos], grey("img_bsd68.npz")[:some]
    rng, peak = np.random.default_rng(seed), 30

    def salt_pepper(x: np.ndarray) -> np.ndarray:
        u = rng.random(x.shape)
        return np.where(u < 0.1, (u < 0.05).astype(np.float32), x)

    def poisson(x: np.ndarray) -> np.ndarray:
        return (rng.poisson(peak * x) / peak).astype(np.float32)

    def mean(answers: list[np.ndarray]) -> float:
        return float(np.mean([psnr(a, b) for a, b in zip(answers, test, strict=True)]))

    for what, noise in (("salt and pepper", salt_pepper), ("Poisson", poisson)):
        dirty, noisy = [noise(x) for x in train], [noise(x) for x in test]
        yield f"{what}: noisy", mean(noisy)
        yield (
            f"{what}: median filter, best of 3 sizes",
            max(mean([median_filter(x, size) for x in noisy]) for size in (3, 5, 7)),
        )
        sigma = float(np.sqrt(np.mean([np.square(a - b).mean() for a, b in zip(noisy, test, strict=True)])))
        yield (
            f"{what}: non-local means, best of 3 strengths",
            max(
                mean([denoise_nl_means(x, 5, 6, h=h * sigma, sigma=sigma) for x in noisy])
                for h in (0.4, 0.6, 0.8)
            ),
        )
        name = what.split()[0].lower()
        with mock.patch("narrows.estimators.denoiser.kind_in", return_value=None):
            gaussian = nw.Denoiser(max_epochs=epochs, random_state=seed)
            gaussian = fitted(kept, f"{name}-gaussian-{seed}", gaussian, dirty)
        yield f"{what}: Denoiser(), told that it is Gaussian", mean(gaussian.transform(noisy))
        blind = nw.Denoiser(noise="blind", max_epochs=epochs, random_state=seed)
        blind = fitted(kept, f"{name}-blind-{seed}", blind, dirty)
        yield f"{what}: Denoiser(noise='blind')", mean(blind.transform(noisy))
        ours = fitted(kept, f"{name}-{seed}", nw.Denoiser(max_epochs=epochs, random_state=seed), dirty)
        yield f"{what}: Denoiser(), which found {ours.noise_kind_!r}", mean(ours.transform(noisy))


JOBS = {"fashion": fashion, "photographs": photographs, "digits": digits, "kinds": kinds}


def measure(job: Callable[[int, Path | None], Figures], seeds: int, kept: Path | None) -> None:
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        for name, value in job(seed, kept):
            found.setdefault(name, []).append(value)
            print(f"  seed {seed}: {name:60s} {value:7.3f}", flush=True)
    print(f"\n{job.__doc__}")
    for name, values in found.items():
        spread = f" ± {np.std(values):.2f}" if seeds > 1 else ""
        print(f"  {name:62s} {np.mean(values):6.2f}{spread}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--kept", type=Path, help="a folder where fitted models are kept, and read from again"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for job in given.jobs or JOBS:
        measure(JOBS[job], given.seeds, given.kept)
