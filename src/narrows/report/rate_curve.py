"""Bytes against error: the curve of a codec, and of what stands beside it."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from narrows.atomic import atomic_path
from narrows.report.figures import DPI, LIGHT, PALETTE, Ink, dressed, new_axes

OTHERS = (PALETTE[2], PALETTE[4], PALETTE[7], PALETTE[9])  # of what is neither the codec nor PCA
MARKS = "sD^vP"  # one for each way beside the codec's
WIDER = 3.0  # times the codec's own bits and errors, at both ends: what others need beyond is left out


def rate_curve(
    curves: Mapping[str, Sequence[Any]],
    *,
    apart: bool = False,
    chosen: Any = None,
    ink: Ink = LIGHT,
    axes: Axes | None = None,
) -> Figure:
    """Bits of a value against the error, one line for each way: points have ``bits_per_value``, ``mse``, ``lost`` and
    ``psnr``.  The first lines, whose names begin with "codec", are the codec's; a ring is around ``chosen``.

    Up is better: dB where all have a PSNR, else the root of the mean squared error on a scale of ratios that runs
    down; with ``apart`` in standard deviations of a column.
    """
    ax = new_axes((5.6, 4.6), ink) if axes is None else dressed(axes, ink)
    every = [point for points in curves.values() for point in points]
    decibels = not apart and bool(every) and all(math.isfinite(p.psnr) or p.mse == 0 for p in every)
    drawn, others = [], 0
    for name, points in curves.items():
        pairs = [(p.bits_per_value, height(p, decibels, apart)) for p in points]
        pairs = [pair for pair in pairs if math.isfinite(pair[1]) and pair[0] > 0]
        if not pairs:
            continue
        if name.startswith("codec"):
            style: dict[str, Any] = {
                "color": ink.first,
                "marker": "o",
                "zorder": 4,
                "linewidth": 2.2,
                "markersize": 5.5,
            }
            style |= {"marker": "*", "markersize": 13} if len(pairs) == 1 else {}
            drawn += pairs
        else:
            colour = ink.second if name.startswith("PCA") else OTHERS[others % len(OTHERS)]
            style = {
                "color": colour,
                "marker": MARKS[others % len(MARKS)],
                "linewidth": 1.6,
                "markersize": 4.5,
            }
            others += 1
        ax.plot(*zip(*pairs, strict=True), label=name, **style)
    ax.set_xscale("log")
    if drawn:
        _framed(ax, drawn, decibels)
    if chosen is not None and math.isfinite(height(chosen, decibels, apart)):
        ring: dict[str, Any] = {
            "markersize": 15,
            "markerfacecolor": "none",
            "markeredgecolor": ink.text,
            "markeredgewidth": 1.4,
        }
        ax.plot(
            chosen.bits_per_value,
            height(chosen, decibels, apart),
            "o",
            zorder=5,
            label="as it is set",
            **ring,
        )
    if ax.lines:
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (-0.02, 1),
            "ncols": 3,
            "borderaxespad": 0.2,
        }
        ax.legend(frameon=False, labelcolor=ink.text, fontsize=9.5, markerscale=0.8, **place)
    ax.set_xlabel("bits of a value", color=ink.text, size=11)
    unit = ", standard deviations" if apart else ""
    ax.set_ylabel("PSNR, dB" if decibels else f"root mean squared error{unit}", color=ink.text, size=11)
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def height(point: Any, decibels: bool, apart: bool) -> float:
    """How good a point is: its PSNR, or the root of its error; NaN where there is none."""
    if decibels:
        return float(point.psnr)
    return math.sqrt(point.squared(apart)) if point.squared(apart) > 0 else math.nan


def write(figure: Figure, path: str | os.PathLike[str]) -> None:
    """A figure as a file of its ending's kind."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "pdf"):
        raise ValueError(f"path='{path}' is no name of a picture: pass one that ends in .png, .svg or .pdf.")
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=DPI)
    with atomic_path(path) as temporary:
        temporary.write_bytes(stream.getvalue())


def _framed(ax: Axes, drawn: Sequence[tuple[float, float]], decibels: bool) -> None:
    """The codec's points, and some room around them."""
    bits, heights = zip(*drawn, strict=True)
    ax.set_xlim(min(bits) / WIDER, max(bits) * WIDER)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(bits) < 30 * min(bits) else (1,)))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    if decibels:
        room = 20 * math.log10(WIDER) / 2
        ax.set_ylim(min(heights) - room, max(heights) + room / 2)
        ax.yaxis.set_major_locator(MaxNLocator(nbins=7))
        return
    ax.set_yscale("log")
    low, high = min(heights) / math.sqrt(WIDER), max(heights) * math.sqrt(WIDER)
    ax.set_ylim(high, low)
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


__all__ = ["rate_curve"]
