"""Pictures of what a model does: pure functions from arrays to images and figures.

Only matplotlib's objects are used, never ``pyplot`` or its global settings, so that drawing here changes
nothing for a caller who draws too.  Backgrounds are transparent; an :class:`Ink` says which colours can be
read on the page behind.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from PIL import Image

CLASSES = 20  # up to so many different labels get a colour and a legend entry each
TILE = 56  # pixels that a small image is enlarged to, so that no viewer blurs it
DPI = 160


@dataclass(frozen=True)
class Ink:
    """The colours of text and lines, the page's own, and of two series that stand beside each other."""

    text: str
    line: str
    paper: str
    first: str
    second: str


LIGHT = Ink(text="#3b4149", line="#c9ced6", paper="#ffffff", first="#2563a8", second="#c2571a")
DARK = Ink(text="#c3c9d2", line="#454c56", paper="#14171c", first="#6cb0f5", second="#f5a05c")

# Ten colours of middling lightness that can be told apart on white and on black, then ten more.
PALETTE = (
    "#4c8bd6", "#e8862e", "#3fa65a", "#e0524f", "#9a74d0", "#a5735f", "#e07fc0", "#8a9099", "#b5ab2b", "#2fb3c4",
    "#27579c", "#a85512", "#1f6b36", "#9c2422", "#5f3c98", "#6b4032", "#a8408a", "#555b63", "#77700f", "#0f7382",
)  # fmt: skip


# Dark to bright, as matplotlib's viridis.
VIRIDIS = tuple(to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 1, 64)))


def mosaic(
    images: np.ndarray,
    columns: int | None = None,
    *,
    low: float | None = None,
    high: float | None = None,
    gap: int = 1,
) -> np.ndarray:
    """Images (n, height, width[, channels]) side by side: one RGBA image (rows, columns, 4) of uint8.

    ``columns`` images stand in a row, all of them by default.  ``low`` and ``high`` are the values shown as
    black and white, the images' own extremes by default; what lies outside is clipped.  One channel is grey,
    three are red, green and blue, four have alpha too.  ``gap`` image pixels between two images are clear.
    Small images are enlarged by a whole number.

    >>> mosaic(np.zeros((3, 28, 28)), gap=0).shape  # enlarged twice
    (56, 168, 4)
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not images.size:
        raise ValueError(
            f"Images of shape {images.shape} cannot be shown: pass (n, height, width) or"
            " (n, height, width, channels) with 1, 3 or 4 channels."
        )
    n, height, width, channels = images.shape
    low = float(np.nanmin(images)) if low is None else low
    high = float(np.nanmax(images)) if high is None else high
    shown = np.clip((images.astype(np.float64) - low) / ((high - low) or 1.0), 0.0, 1.0)
    shown = (255 * np.nan_to_num(shown) + 0.5).astype(np.uint8)

    columns = min(columns or n, n)
    lines = math.ceil(n / columns)
    canvas = np.zeros((lines * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for i, image in enumerate(shown):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        tile = canvas[top : top + height, left : left + width]
        tile[..., :3] = image[..., :3]  # one grey channel spreads over three
        tile[..., 3] = image[..., 3] if channels == 4 else 255
    zoom = max(1, math.ceil(TILE / max(height, width)))
    return canvas.repeat(zoom, axis=0).repeat(zoom, axis=1)


def latent_map(
    codes: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    ink: Ink = LIGHT,
    names: Sequence[str] = ("latent 0", "latent 1"),
    axes: Axes | None = None,
) -> Figure:
    """Rows as points at two of their latents, codes (n, 2), coloured by labels (n,).

    Up to 20 different labels get a colour, a legend entry and their name in the middle of their points (so
    that nobody needs the colours); more are taken as numbers and get a colour bar.  Draws into ``axes`` where
    they are given.
    """
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.shape[1] != 2:
        raise ValueError(f"Codes of shape {codes.shape} make no map: pass two columns, such as codes[:, :2].")
    ax = new_axes((6.2, 5.7), ink) if axes is None else dressed(axes, ink)
    style: dict[str, Any] = {"s": 13, "linewidths": 0, "alpha": 0.75}
    kinds = np.unique(labels) if labels is not None else ()
    if labels is None:
        ax.scatter(*codes.T, color=ink.first, **style)
    elif len(kinds) > CLASSES:
        points = ax.scatter(*codes.T, c=labels, cmap="viridis", **style)
        bar = ax.figure.colorbar(points, ax=ax)
        bar.ax.tick_params(colors=ink.text)
        bar.outline.set_visible(False)
    else:
        for kind, colour in zip(kinds, PALETTE, strict=False):
            ax.scatter(*codes[labels == kind].T, color=colour, label=str(kind), **style)
        for kind in kinds:
            middle = np.median(codes[labels == kind], axis=0)
            halo = [withStroke(linewidth=3, foreground=ink.paper)]
            ax.text(*middle, str(kind), color=ink.text, size=14, weight="bold", ha="center", va="center",
                    path_effects=halo)  # fmt: skip
        ax.legend(
            loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, labelcolor=ink.text, markerscale=2,
            handletextpad=0.1, borderaxespad=0.2, fontsize=11,
        )  # fmt: skip
    ax.set_xlabel(names[0], color=ink.text, size=11)
    ax.set_ylabel(names[1], color=ink.text, size=11)
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def curves(history: Sequence[Mapping[str, float]], *, ink: Ink = LIGHT, axes: Axes | None = None) -> Figure:
    """The loss over the epochs of a history, on training rows and on those held out where there are any.

    The first tenth of the epochs may leave the picture at the top: they are so steep that they would flatten
    all the others.
    """
    ax = new_axes((3.7, 2.3), ink, size=9) if axes is None else dressed(axes, ink, size=9)
    epochs = np.array([row["epoch"] for row in history])
    series = {"training": [row["loss"] for row in history]}
    if history and "val_loss" in history[0]:
        series["held out"] = [row["val_loss"] for row in history]
    for (name, values), colour, dashes in zip(
        series.items(), (ink.first, ink.second), ("-", (0, (4, 1.5))), strict=False
    ):
        # A single epoch is a point, not a line.
        ax.plot(epochs, values, color=colour, label=name, linewidth=1.6, linestyle=dashes,
                marker="o" if len(epochs) == 1 else None)  # fmt: skip
    everything = np.array(list(series.values()), dtype=float)
    everything = everything[:, np.isfinite(everything).all(axis=0)]
    if everything.shape[1] > 10:
        late = everything[:, everything.shape[1] // 10 :]
        room = 0.06 * float(late.max() - late.min())
        if room > 0:
            ax.set_ylim(late.min() - room, late.max() + room)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.set_xlabel("epoch", color=ink.text, size=9)
    ax.legend(frameon=False, labelcolor=ink.text, fontsize=9, loc="upper right")
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def image_png(rgba: np.ndarray) -> bytes:
    """An image (height, width, 3 or 4) of uint8 as the bytes of a PNG file."""
    stream = io.BytesIO()
    imsave(stream, rgba, format="png")
    return stream.getvalue()


def figure_png(figure: Figure, dpi: int = DPI) -> bytes:
    """A figure as the bytes of a PNG file, its background clear."""
    stream = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", dpi=dpi, transparent=True)
    return stream.getvalue()


def few_colours(png: bytes) -> bytes:
    """The same picture in 128 colours, clear ones too."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGBA").quantize(128, Image.Quantize.FASTOCTREE).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def new_axes(inches: tuple[float, float], ink: Ink, size: int = 11) -> Axes:
    """One pair of axes that fills a new figure."""
    return dressed(Figure(figsize=inches, layout="constrained").add_subplot(), ink, size)


def dressed(ax: Axes, ink: Ink, size: int = 11) -> Axes:
    """Axes with the ink's colours, no box, and the grid behind the data."""
    ax.tick_params(colors=ink.text, labelsize=size, length=0, which="both")
    ax.spines[:].set_visible(False)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    return ax
