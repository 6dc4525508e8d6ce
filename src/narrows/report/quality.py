"""Quality against latent size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

from narrows.report.figures import LIGHT, Ink, dressed, new_axes

LEAST = 1e-6  # of the variance: what is below is drawn there


def quality(
    curve: Sequence[Mapping[str, float]],
    *,
    chosen: int | None = None,
    ink: Ink = LIGHT,
    axes: Axes | None = None,
) -> Figure:
    """The share of the variance that is lost on rows held out, against latent size, with PCA's: a curve as
    ``tune`` returns it, whose points have ``latent_dim``, ``r2`` and ``pca_r2``.

    Both axes are logarithmic, so that equal steps are equal ratios.  ``chosen`` is the size to mark.

    >>> figure = quality([{"latent_dim": 2, "r2": 0.5, "pca_r2": 0.4}, {"latent_dim": 4, "r2": 0.9, "pca_r2": 0.8}])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['autoencoder', 'PCA']
    """
    ax = new_axes((5.2, 3.2), ink) if axes is None else dressed(axes, ink)
    at = [point["latent_dim"] for point in curve]
    for key, name, colour, mark in (
        ("r2", "autoencoder", ink.first, "o"),
        ("pca_r2", "PCA", ink.second, "s"),
    ):
        lost = np.maximum([1 - point[key] for point in curve], LEAST)
        ax.plot(at, lost, color=colour, label=name, marker=mark, markersize=5, linewidth=1.6)
    if chosen is not None:
        ax.axvline(chosen, color=ink.line, linewidth=6, alpha=0.6, zorder=0)
        ax.annotate(
            "chosen", (chosen, 1), xycoords=("data", "axes fraction"), color=ink.text, size=9, ha="center"
        )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(at, [f"{k:g}" for k in at])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("numbers in a code", color=ink.text, size=11)
    ax.set_ylabel("share of the variance lost", color=ink.text, size=11)
    ax.legend(frameon=False, labelcolor=ink.text, fontsize=11)
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)
