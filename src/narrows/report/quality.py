"""Quality against latent size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from narrows.report.figures import LIGHT, Ink, dressed, new_axes

LEAST = 1e-6  # of the variance: what is below is drawn there
DEEPER = 4.0  # times less than the best model's loss: what PCA loses below that is left out
APART = 1.18  # ratio of two sizes that are both written below the axis
NEAR = 100.0  # ratio of losses up to which there is room for 2 and 5 of each power of ten


def quality(
    curve: Sequence[Mapping[str, float]],
    *,
    chosen: int | None = None,
    ink: Ink = LIGHT,
    axes: Axes | None = None,
) -> Figure:
    """The share of the variance that is lost against latent size, of autoencoders and of PCA: a curve as
    ``tune`` returns it, whose points have ``latent_dim`` and ``r2``, ``pca_r2`` or both.

    Both axes are logarithmic, so that equal steps are equal ratios.  ``chosen`` is the size to mark, where it
    is one of the curve's.

    >>> figure = quality([{"latent_dim": 2, "r2": 0.5, "pca_r2": 0.4}, {"latent_dim": 4, "r2": 0.9, "pca_r2": 0.8}])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['autoencoder', 'PCA']
    """
    ax = new_axes((6.2, 3.4), ink) if axes is None else dressed(axes, ink)
    own, linear = (_lost(curve, key) for key in ("r2", "pca_r2"))
    name = "autoencoder" if len(own) > 1 else "this model"
    for pairs, label, colour, mark, size in (
        (own, name, ink.first, "o", 7.0),
        (linear, "PCA", ink.second, "s", 4.0),
    ):
        if pairs:
            sizes, lost = zip(*pairs.items(), strict=True)
            ax.plot(sizes, lost, color=colour, label=label, marker=mark, markersize=size, linewidth=1.8)
    if chosen in own:
        ax.axvline(chosen, color=ink.line, linewidth=6, alpha=0.6, zorder=0)
        place = {"xycoords": ("data", "axes fraction"), "xytext": (0, 2), "textcoords": "offset points"}
        ax.annotate("chosen", (chosen, 1), **place, color=ink.text, size=9, ha="center", va="bottom")
    if own or linear:
        _scaled(ax, own, linear, chosen)
        ax.legend(frameon=False, labelcolor=ink.text, fontsize=11)
    ax.set_xlabel("latent size", color=ink.text, size=11)
    ax.set_ylabel("variance lost", color=ink.text, size=11)
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def _lost(curve: Sequence[Mapping[str, float]], key: str) -> dict[int, float]:
    """What is lost at each size at which that is known, smallest first."""
    known = [point for point in curve if math.isfinite(point.get(key, math.nan))]
    found = {int(point["latent_dim"]): max(1 - point[key], LEAST) for point in known}
    return dict(sorted(found.items()))


def _scaled(ax: Axes, own: dict[int, float], linear: dict[int, float], chosen: int | None) -> None:
    """Ratios along both axes, and what there is between the best of the models and the worst of all."""
    every = [*own.items(), *linear.items()]
    high = max(lost for _, lost in every)
    # PCA with nearly all components loses nearly nothing, which would flatten the rest of its curve.
    low = max(min(lost for _, lost in every), min(own.values(), default=0.0) / DEEPER)
    shown = [size for size, lost in every if lost >= low]
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlim(0.85 * min(shown), 1.18 * max(shown))
    ax.set_ylim(0.8 * low, 1.2 * high)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if len(own) > 1 or len(linear) < 2:
        ticks: list[int] = []
        for size in sorted(own, key=lambda size: (size != chosen, -size)):
            if all(max(size, other) >= APART * min(size, other) for other in ticks):
                ticks.append(size)
        ax.set_xticks(ticks, [f"{size:g}" for size in ticks])
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < NEAR * low else (1,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    ax.yaxis.set_minor_formatter(NullFormatter())
