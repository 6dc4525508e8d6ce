"""Figures about one model: how features, signals and paths compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from narrows.report.figures import LIGHT, Ink, dressed, new_axes

LINES = 1500  # samples of a curve that are drawn, at most


def bars(
    names: Sequence[str], ours: np.ndarray, linear: np.ndarray, *, ink: Ink = LIGHT, axes: Axes | None = None
) -> Figure:
    """Two bars for each name, shares (k,) each, the first name on top."""
    ax = new_axes((6.2, 0.9 + 0.36 * len(names)), ink) if axes is None else dressed(axes, ink)
    at = np.arange(len(names))[::-1]
    for values, colour, shift, name in (
        (ours, ink.first, 0.19, "this model"),
        (linear, ink.second, -0.19, "PCA"),
    ):
        ax.barh(at + shift, np.clip(values, 0, 1), 0.34, color=colour, label=name)
    ax.set_yticks(at, [name if len(name) < 28 else f"{name[:26]}…" for name in names])
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.legend(
        frameon=False, labelcolor=ink.text, fontsize=10, ncols=2, loc="lower right", bbox_to_anchor=(1, 1)
    )
    ax.grid(axis="x", color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def heat(images: Sequence[np.ndarray], names: Sequence[str], *, ink: Ink = LIGHT) -> Figure:
    """Images (height, width) of one quantity beside each other, on one scale of colours."""
    figure = Figure(figsize=(3.1 * len(images) + 0.7, 3.2), layout="constrained")
    high = max(float(np.nanmax(image)) for image in images) or 1.0
    for ax, image, name in zip(np.atleast_1d(figure.subplots(1, len(images))), images, names, strict=True):
        shown = dressed(ax, ink, 9).imshow(image, cmap="viridis", vmin=0, vmax=high, interpolation="nearest")
        ax.set_title(name, color=ink.text, size=10)
        ax.set_xticks([])
        ax.set_yticks([])
    bar = figure.colorbar(shown, ax=figure.axes, shrink=0.85)
    bar.ax.tick_params(colors=ink.text, labelsize=9)
    bar.outline.set_visible(False)
    return figure


def profile(
    ours: np.ndarray, linear: np.ndarray, names: Sequence[str], xlabel: str, *, ink: Ink = LIGHT
) -> Figure:
    """Curves (channels, length) of the model and of PCA, one panel for each channel."""
    figure = Figure(figsize=(6.2, 1.0 + 1.5 * len(ours)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(ours), 1, sharex=True))
    for ax, mine, other, name in zip(panels, ours, linear, names, strict=True):
        dressed(ax, ink, 9)
        ax.plot(other, color=ink.second, linewidth=1.3, label="PCA")
        ax.plot(mine, color=ink.first, linewidth=1.3, label="this model")
        ax.set_ylabel(name, color=ink.text, size=10)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4))
        ax.grid(color=ink.line, linewidth=0.5)
    panels[0].legend(frameon=False, labelcolor=ink.text, fontsize=9, ncols=2)
    panels[-1].set_xlabel(xlabel, color=ink.text, size=10)
    return figure


def traces(
    rows: np.ndarray,
    rebuilt: np.ndarray | None,
    titles: Sequence[str],
    *,
    columns: int = 4,
    ink: Ink = LIGHT,
) -> Figure:
    """Signals (n, channels, length), each in a panel of its own, with what was rebuilt over them."""
    n, channels, length = rows.shape
    columns = min(columns, n)
    lines = -(-n // columns)
    figure = _panels(2.3 * columns, (0.75 + 0.55 * channels) * lines)
    every = np.concatenate([rows, rebuilt]) if rebuilt is not None else rows
    ends = [(float(np.nanmin(every[:, c])), float(np.nanmax(every[:, c]))) for c in range(channels)]
    step = max(1, length // LINES)
    panels = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for i, ax in enumerate(panels):
        ax.set_axis_off()
        if i >= n:
            continue
        ax.set_title(titles[i], color=ink.text, size=8, pad=2)
        for c, (low, high) in enumerate(ends):
            for signals, colour, width in ((rows, ink.text, 0.8), (rebuilt, ink.first, 1.2)):
                if signals is not None:
                    level = (signals[i, c, ::step] - low) / ((high - low) or 1.0) - 1.15 * c
                    ax.plot(level, color=colour, linewidth=width)
    return figure


def _panels(width: float, height: float) -> Figure:
    """A figure whose panels lie close together, each with room for a title: laid out by hand, which for many
    panels is ten times faster than to let matplotlib find it out."""
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=1 - 0.2 / height, wspace=0.06, hspace=0.3)
    return figure


def fan(paths: np.ndarray, titles: Sequence[str], *, ink: Ink = LIGHT) -> Figure:
    """Ways (n, steps, channels, length) from one signal to another: each a panel of curves, from dark to bright."""
    n, steps, channels, length = paths.shape
    figure = _panels(2.6 * n, 0.7 + 1.2 * channels)
    colours = colormaps["viridis"](np.linspace(0, 0.95, steps))
    step = max(1, length // LINES)
    for ax, path, title in zip(figure.subplots(1, n, squeeze=False)[0], paths, titles, strict=True):
        ax.set_axis_off()
        ax.set_title(title, color=ink.text, size=9, pad=2)
        for c in range(channels):
            low, high = float(paths[:, :, c].min()), float(paths[:, :, c].max())
            for signal, colour in zip(path[:, c], colours, strict=True):
                ax.plot((signal[::step] - low) / ((high - low) or 1.0) - 1.1 * c, color=colour, linewidth=1.1)
    return figure
