"""Rows before a change above the same rows after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from narrows.report.blocks import Facts, Picture, Pictures
from narrows.report.figures import LIGHT, Ink, figure_png, image_png, mosaic
from narrows.report.page import Page, Section

SHOWN = 8  # rows
LONG = 4000  # samples of a signal


def before_after(before: Any, after: Any, *, ink: Ink = LIGHT) -> bytes:
    """A PNG of up to 8 rows: of pictures (n, height, width[, channels or channels first]) or a list of these
    two lines, ``before`` above ``after`` on one scale of grey; of signals, or rows of numbers, a curve each.

    >>> before_after(np.zeros((2, 9, 9)), np.ones((2, 9, 9)))[1:4]
    b'PNG'
    """
    first, second = ([np.asarray(x) for x in list(some)[:SHOWN]] for some in (_rows(before), _rows(after)))
    if (
        first[0].ndim in (2, 3)
        and min(first[0].shape[:2]) > 1
        and (first[0].ndim == 3 or min(first[0].shape) > 8)
    ):
        return _pictures(first, second)
    return _signals(first, second, ink)


def page(before: Any, after: Any, facts: Mapping[str, Any], title: str) -> Page:
    """The page for rows ``before`` and ``after`` noise was taken from them, and what is known about that."""
    several = f"The first {min(SHOWN, len(_rows(before)))} of them, before (above) and after."
    picture = Picture(before_after(before, after), several)
    items = {name.replace("_", " "): str(value) for name, value in facts.items() if value is not None}
    sections = [
        Section("Before and after", blocks=[Pictures([(several, picture)], 48)]),
        Section("Facts", blocks=[Facts(items)]),
    ]
    return Page(title, "What a denoiser made of noisy rows.", sections)


def _rows(rows: Any) -> Any:
    return rows.to_numpy() if hasattr(rows, "to_numpy") else rows


def _pictures(before: list[np.ndarray], after: list[np.ndarray]) -> bytes:
    shown = [x.transpose(1, 2, 0) if x.ndim == 3 and x.shape[0] in (1, 3, 4) and x.shape[2] not in (1, 3, 4) else x
             for x in (*before, *after)]  # fmt: skip
    height, width = (min(x.shape[axis] for x in shown) for axis in (0, 1))
    images = np.stack([x[:height, :width] for x in shown])  # of several sizes what all have
    low, high = np.quantile(np.stack([x[:height, :width] for x in shown[len(before) :]]), [0.0, 1.0])
    return image_png(mosaic(images, len(before), low=float(low), high=float(high)))


def _signals(before: list[np.ndarray], after: list[np.ndarray], ink: Ink) -> bytes:
    figure = Figure(figsize=(8, 1.1 * len(before) + 0.4), layout="constrained")
    for ax, x, y in zip(
        np.atleast_1d(figure.subplots(len(before), 1, sharex=True)), before, after, strict=True
    ):
        for values, colour, name in ((x, ink.line, "before"), (y, ink.first, "after")):
            curve = values.reshape(len(values), -1)[:LONG, 0]
            ax.plot(curve, color=colour, linewidth=0.8, label=name)
        ax.set_axis_off()
    figure.axes[0].legend(frameon=False, labelcolor=ink.text, fontsize=8, loc="upper right", ncols=2)
    return figure_png(figure)
