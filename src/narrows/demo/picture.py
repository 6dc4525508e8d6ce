"""The picture that the README shows: noise removed, digits drawn anew, a map of digits."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from narrows import datasets
from narrows.demo.plan import MAP, trials
from narrows.demo.screen import Screen
from narrows.demo.story import HIGH, LOW, ten
from narrows.demo.work import noise_test, train
from narrows.report import LIGHT, latent_map, mosaic

NEEDED = ("denoising", "variational", MAP)
LINES = (0, 1, 2, 4, 5)  # of six: the fourth is left free


def draw(seed: int = 0, epochs: int | None = None) -> Figure:
    """Train the three models that are shown, as the demo does, and draw them on white."""
    plan = [trial for trial in trials(epochs) if trial.title in NEEDED]
    results = train(plan, datasets.digits(), seed, Screen(plan))
    noisy, chosen = noise_test(results, seed), ten(results)
    new = results["variational"].ae.sample(20, random_state=seed)
    rows = {
        "digits": results.data.x_test[chosen],
        "with noise": noisy.bad[chosen],
        "denoised": noisy.cleaned["denoising"][chosen],
        "drawn anew": new[:10],
        "": new[10:],
    }

    figure = Figure(figsize=(11.0, 3.7), layout="constrained", facecolor=LIGHT.paper)
    left, right = figure.subfigures(1, 2, width_ratios=(1.45, 1))
    heights = [1.0 if line in LINES else 0.2 for line in range(max(LINES) + 1)]
    grid = left.add_gridspec(len(heights), 1, height_ratios=heights)
    for line, (label, images) in zip(LINES, rows.items(), strict=True):
        _strip(left.add_subplot(grid[line]), label, images)
    ax = right.add_subplot()
    latent_map(results[MAP].ae.transform(results.data.x_test), results.data.y_test, axes=ax)
    ax.set_title("a map of the digits, found without labels", color=LIGHT.text, size=12)
    ax.set(xlabel="", ylabel="")
    return figure


def _strip(ax: Axes, label: str, images: np.ndarray) -> None:
    ax.imshow(mosaic(images, low=LOW, high=HIGH), interpolation="nearest", aspect="equal")
    ax.set_axis_off()
    ax.text(-0.015, 0.5, label, transform=ax.transAxes, ha="right", va="center", color=LIGHT.text, size=12)
