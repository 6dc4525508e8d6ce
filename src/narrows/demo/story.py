"""The demo's page: what the models do, shown on ten digits."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

import numpy as np
import scipy
import sklearn
import torch
from scipy.stats import norm

from narrows._version import __version__
from narrows.demo.plan import MAP
from narrows.demo.work import NoiseTest, Outcome, Results, mse, pca_cell, verdict
from narrows.report import (
    Commands,
    Facts,
    Page,
    Picture,
    Pictures,
    Section,
    Strip,
    Strips,
    Table,
    curves,
    latent_map,
)

LOW, HIGH = 0.0, 16.0  # the pixels of these digits
SAMPLES = 8  # beside each other
PLANE = 13  # places along each side of the map that are decoded


def page(results: Results, noisy: NoiseTest, seed: int, seconds: float, commands: Sequence[str]) -> Page:
    """Everything there is to show."""
    data = results.data
    total = len(data.x_train) + len(data.x_test)
    return Page(
        title=f"{len(list(results))} autoencoders, one set of digits",
        lead=(
            f"Every recipe of narrows, trained on {len(data.x_train):,} handwritten digits of 8×8 pixels and judged"
            f" on {len(data.x_test)} others. The {total:,} images come with scikit-learn."
        ),
        sections=[
            _table(results, noisy),
            _reconstructions(results),
            _denoising(results, noisy),
            _samples(results, seed),
            _map(results),
            _curves(results),
            _settings(results, seed, seconds),
            Section(
                "What next",
                ["The variational model was kept beside this page. In the folder where the demo ran:"],
                [Commands(commands)],
                ["And `narrows fit` does for your own data what was done here for the digits."],
            ),
        ],
    )


def ten(results: Results) -> np.ndarray:
    """The rows of ``x_test`` of one held-out image of each digit, 0 to 9: the nearest to its kind's mean."""
    images, labels = results.data.x_test, results.data.y_test
    chosen = []
    for digit in range(10):
        rows = np.flatnonzero(labels == digit)
        away = np.square(images[rows] - images[rows].mean(axis=0)).sum(axis=(1, 2))
        chosen.append(rows[away.argmin()])
    return np.array(chosen)


def strip(label: str, images: np.ndarray, alt: str, note: str = "") -> Strip:
    return Strip(label, Picture.mosaic(images, alt, low=LOW, high=HIGH), note)


def _table(results: Results, noisy: NoiseTest) -> Section:
    rows = [
        (o.trial.title, str(o.ae.latent_dim_), f"{o.scores['mse']:.2f}", pca_cell(o), f"{o.seconds:.1f}")
        for o in results
    ]
    best = frozenset((i, 2 if o.beats_pca else 3) for i, o in enumerate(results) if not o.lossless)
    spread = float(results.data.x_test.var(axis=0).mean())
    caption = "Mean squared error per pixel on held-out digits; the better of two in bold"
    return Section(
        "Errors",
        [
            "An autoencoder squeezes each image through a code of a few numbers and draws it again. Principal"
            " component analysis (PCA) does the same with straight lines, in no time: a model has to beat it at the"
            " same size of code to be worth its training."
        ],
        [Table(caption, ("recipe", "latent size", "MSE", "PCA’s MSE", "time, s"), rows, best)],
        [
            *verdict(results, noisy),
            f"Pixels go from 0 to 16; their variance, the error of always answering the mean, is {spread:.1f}.",
        ],
    )


def _reconstructions(results: Results) -> Section:
    chosen = ten(results)
    images = results.data.x_test[chosen]
    strips = [strip("original", images, "Ten held-out handwritten digits, 0 to 9")]
    for o in results:
        alt = f"The same ten digits as {o.trial.title} reconstructs them from {o.ae.latent_dim_} numbers each"
        note = f"{o.ae.latent_dim_} numbers, MSE {o.scores['mse']:.2f}"
        strips.append(strip(o.trial.title, o.ae.reconstruct(results.data.x_test)[chosen], alt, note))
    return Section(
        "Reconstructions",
        ["On top a typical held-out digit of each kind, below what is left of it after each code."],
        [Strips(strips)],
    )


def _denoising(results: Results, noisy: NoiseTest) -> Section:
    images, chosen = results.data.x_test, ten(results)

    def shown(label: str, made: np.ndarray, alt: str) -> Strip:
        return strip(label, made[chosen], alt, f"MSE {mse(made, images):.2f}")

    noise = next(o.noise for o in results if o.noise is not None)
    strips = [
        strip("original", images[chosen], "Ten held-out handwritten digits, 0 to 9"),
        shown("corrupted", noisy.bad, "The same ten digits under heavy Gaussian noise"),
        *(
            shown(name, made, f"What {name} makes of the noisy digits")
            for name, made in noisy.cleaned.items()
        ),
        shown(
            f"PCA, {noisy.size}",
            noisy.linear,
            f"What PCA with {noisy.size} components makes of the noisy digits",
        ),
    ]
    return Section(
        "Removing noise",
        [
            f"The denoising models saw noise in training, of {noise:g} times the range of a pixel, and were asked for"
            " the clean image. They have seen neither these digits nor this noise."
        ],
        [Strips(strips)],
    )


def _samples(results: Results, seed: int) -> Section:
    drawing = [o for o in results if hasattr(o.ae.net_.bottleneck, "draw")]
    pictures = []
    for o in drawing:
        images = o.ae.sample(5 * SAMPLES, random_state=seed)
        alt = f"{len(images)} digits drawn by {o.trial.title}; none of them was written by anybody"
        pictures.append(
            (f"`{o.trial.title}`", Picture.mosaic(images, alt, columns=SAMPLES, low=LOW, high=HIGH))
        )
    return Section(
        "New digits",
        ["Variational models know how codes are distributed, so codes can be drawn at random and decoded."],
        [Pictures(pictures, width=16)],
    )


def _map(results: Results) -> Section:
    o, data = results[MAP], results.data
    codes = o.ae.transform(data.x_test)
    seen = Picture.drawn(
        lambda ink: latent_map(codes, data.y_test, ink=ink),
        "Map of the held-out digits by their two latent numbers: most digits form a cloud of their own",
    )
    alt = "Digits decoded from a grid over the same map: each turns gradually into its neighbours"
    dreamt = Picture.mosaic(plane(o), alt, columns=PLANE, low=LOW, high=HIGH)
    return Section(
        "A map of the digits",
        [
            "A variational model with only two latents lays all digits out on a plane. It was never told which"
            " digit is which: the colours were added afterwards."
        ],
        [
            Pictures(
                [("Where held-out digits lie", seen), ("What the model draws at each place", dreamt)],
                width=22,
            )
        ],
        [
            f"Two numbers per digit leave an error of {o.scores['mse']:.2f} (PCA with two components:"
            f" {o.scores['pca_mse']:.2f}). The places that are decoded are spread as the prior spreads the codes,"
            " denser in the middle."
        ],
    )


def plane(outcome: Outcome) -> np.ndarray:
    """Images (PLANE², height, width) decoded from equally likely places, row by row from the top."""
    steps = norm.ppf(np.linspace(0.02, 0.98, PLANE))
    grid = np.array([(x, y) for y in steps[::-1] for x in steps], np.float32)
    return outcome.ae.inverse_transform(grid)


def _curves(results: Results) -> Section:
    pictures = []
    for o in results:
        history = o.ae.history_
        alt = f"Loss of {o.trial.title} over {len(history)} epochs, in training and held out"
        pictures.append(
            (f"`{o.trial.title}`", Picture.drawn(lambda ink, rows=history: curves(rows, ink=ink), alt))
        )
    return Section(
        "Learning curves",
        [
            "The loss over the epochs, in nats per image, on training rows and on a tenth of them that was held"
            " out. Each model minimises a loss of its own, so heights can be compared within a picture only."
            " Corruption and penalties count in both."
        ],
        [Pictures(pictures, width=15)],
    )


def _settings(results: Results, seed: int, seconds: float) -> Section:
    device = results["variational"].ae.fitted_.training["device"]
    versions = {"narrows": __version__, "Python": platform.python_version(), "torch": torch.__version__,
                "scikit-learn": sklearn.__version__, "NumPy": np.__version__, "SciPy": scipy.__version__}  # fmt: skip
    about = {
        "seed": str(seed),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, trained on {device}",
        "time": f"{seconds:.0f} s in all, of which {sum(o.seconds for o in results.outcomes):.0f} s for training",
    }
    calls = {o.trial.title: f"{o.trial.about} `{o.trial.call}`" for o in results}
    calls["the map"] = f"`{results[MAP].trial.call}`"
    return Section(
        "Settings",
        ["The same seed gives the same models on the same machine, bit for bit."],
        [Facts(about), Facts(calls)],
    )
